# SPDX-License-Identifier: Apache-2.0

# Mojolicious::Plugin::OAuth2: an application of Mojolicious, which Test::Mojo opens in the place of a browser.

use Mojolicious::Lite -signatures;
use Mojo::IOLoop;
use Mojo::JSON qw(decode_json encode_json);
use Mojo::URL;
use Test::Mojo;

$| = 1;
$ENV{MOJO_CA_FILE} = $ENV{SSL_CERT_FILE};
app->log->level('fatal');
my $settings = decode_json(scalar <STDIN>);
sub say_ { print encode_json({@_}), "\n" }

plugin OAuth2 => {
    gatehouse => { # the library has no PKCE, so the client needs pkce: Optional
        key => $settings->{'client-id'}, secret => $settings->{'client-secret'}, scope => $settings->{scope},
        authorize_url => "$settings->{'authorization-endpoint'}?response_type=code", # the switch: it is not sent otherwise
        token_url => $settings->{'token-endpoint'},
    },
};
my $token;
get '/callback' => sub ($c) {
    $c->oauth2->get_token_p('gatehouse', { redirect_uri => $settings->{callback} })->then(sub ($answer) {
        return unless $answer; # redirected to the server
        $token = $answer->{access_token};
        $c->render(text => 'thank you');
    })->catch(sub ($error) { say_(refused => "$error"); $c->render(text => 'refused', status => 500) });
};

my $t = Test::Mojo->new;
say_(open => $t->ua->get('/callback')->result->headers->location);
my $back = Mojo::URL->new(decode_json(scalar <STDIN>)->{back});
exit unless $t->ua->get($back->path_query)->result->is_success;
say_(did => 'token');
my $answer = $t->ua->get($settings->{api}, { Authorization => "Bearer $token" })->result;
say_(did => 'call', status => 0 + $answer->code, body => $answer->body);
