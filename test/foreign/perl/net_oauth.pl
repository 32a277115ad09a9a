# SPDX-License-Identifier: Apache-2.0

# Net::OAuth, with LWP.

use strict;
use warnings;
use JSON::PP;
use LWP::UserAgent;
use Net::OAuth;
use URI;

$Net::OAuth::PROTOCOL_VERSION = Net::OAuth::PROTOCOL_VERSION_1_0A;
$| = 1;
my $settings = decode_json(scalar <STDIN>);
my $browser = LWP::UserAgent->new;
sub say_ { print encode_json({@_}), "\n" }

my $request = send_('request token', POST => $settings->{'request-token-endpoint'}, callback => $settings->{callback});
my $opened = URI->new($settings->{'authorization-endpoint'});
$opened->query_form(oauth_token => $request->token);
say_(open => "$opened");
my %back = URI->new(decode_json(scalar <STDIN>)->{back})->query_form;

my $access = send_(
    'access token', POST => $settings->{'access-token-endpoint'},
    token => $request->token, token_secret => $request->token_secret, verifier => $back{oauth_verifier},
);
say_(did => 'token');
my $answer = send_('protected resource', GET => $settings->{api}, token => $access->token, token_secret => $access->token_secret);
say_(did => 'call', status => 0 + $answer->code, body => $answer->decoded_content);

# send_ signs a request, sends it, and returns what the library reads from the answer.
sub send_ {
    my ($type, $method, $url, %parameters) = @_;
    my $message = Net::OAuth->request($type)->new(
        consumer_key => $settings->{'client-id'}, consumer_secret => $settings->{'client-secret'},
        request_url => $url, request_method => $method, # the switch: the library's own client sends GET where only POST is allowed
        signature_method => $settings->{way}, timestamp => time, nonce => join('', map { chr(97 + rand 26) } 1 .. 20), %parameters,
    );
    $message->sign;
    my $answer = $browser->request(HTTP::Request->new($method, $url, [Authorization => $message->to_authorization_header]));
    return $answer if $type eq 'protected resource';
    say_(refused => $answer->status_line . ' ' . $answer->decoded_content), exit unless $answer->is_success;
    return Net::OAuth->response($type)->from_post_body($answer->decoded_content);
}
