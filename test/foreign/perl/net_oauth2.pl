# SPDX-License-Identifier: Apache-2.0

# Net::OAuth2.

use strict;
use warnings;
use Digest::SHA qw(sha256_base64);
use JSON::PP;
use Net::OAuth2::Profile::WebServer;
use URI;

$| = 1;
my $settings = decode_json(scalar <STDIN>);
sub say_ { print encode_json({@_}), "\n" }

my $auth = Net::OAuth2::Profile::WebServer->new(
    client_id => $settings->{'client-id'}, client_secret => $settings->{'client-secret'},
    authorize_url => $settings->{'authorization-endpoint'}, access_token_url => $settings->{'token-endpoint'},
    refresh_token_url => $settings->{'token-endpoint'},
    redirect_uri => $settings->{callback}, scope => $settings->{scope},
);

# The switch: the library makes no PKCE, so challenge and verifier are made here.
open(my $random, '<:raw', '/dev/urandom') or die;
read($random, my $bytes, 32);
my $code_verifier = unpack('H*', $bytes);
(my $code_challenge = sha256_base64($code_verifier)) =~ tr{+/}{-_};

say_(open => $auth->authorize(code_challenge => $code_challenge, code_challenge_method => 'S256') . '');
my %back = URI->new(decode_json(scalar <STDIN>)->{back})->query_form;

my $token = $auth->get_access_token($back{code}, code_verifier => $code_verifier);
say_(refused => $token->error . ': ' . ($token->error_description // '')), exit if $token->error;
say_(did => 'token');
call();
$token->refresh;
say_(did => 'refresh');
call();

sub call {
    my $answer = $token->get($settings->{api});
    say_(did => 'call', status => 0 + $answer->code, body => $answer->decoded_content);
}
