# SPDX-License-Identifier: Apache-2.0
# Signs requests with Perl's Net::OAuth: a line of JSON in, a line of JSON out.
use strict;
use warnings;

use Encode qw(decode_utf8);
use JSON::XS;
use Net::OAuth;
use URI::Escape qw(uri_unescape);

$Net::OAuth::PROTOCOL_VERSION = Net::OAuth::PROTOCOL_VERSION_1_0A;

# The library keeps parameters in a hash, so a name comes once.
sub fields {
    my ( $text, $seen ) = @_;
    my %fields;
    for my $pair ( grep { length } split /&/, $text ) {
        my ( $name, $value ) = map { s/\+/ /gr } split( /=/, $pair, 2 ), '';
        $name  = decode_utf8( uri_unescape($name),  Encode::FB_CROAK );
        $value = decode_utf8( uri_unescape($value), Encode::FB_CROAK );
        die "a name comes twice\n" if $seen->{$name}++;
        $fields{$name} = $value;
    }
    return \%fields;
}

sub sign {
    my $r = shift;
    my ( $address, $query ) = split /\?/, $r->{url}, 2;
    my %seen;
    fields( $query // '', \%seen );
    my %message = (
        consumer_key     => $r->{consumerKey},
        consumer_secret  => $r->{consumerSecret},
        request_url      => $r->{url},
        request_method   => $r->{method},
        signature_method => $r->{signatureMethod},
        timestamp        => $r->{timestamp},
        nonce            => $r->{nonce},
        extra_params     => $r->{form} ? fields( $r->{body}, \%seen ) : {},
    );
    my $kind = 'consumer';
    if ( length $r->{callback} ) { $kind = 'request token'; $message{callback} = $r->{callback} }
    if ( length $r->{token} ) { $kind = 'protected resource'; @message{qw(token token_secret)} = @$r{qw(token tokenSecret)} }
    if ( length $r->{verifier} ) { $kind = 'access token'; $message{verifier} = $r->{verifier} }
    my $request = Net::OAuth->request($kind)->new(%message);
    $request->sign;
    my %answer = ( url => $r->{url}, authorization => '', body => $r->{body} );

    if ( $r->{place} eq 'header' ) {
        $answer{authorization} = $request->to_authorization_header( length $r->{realm} ? $r->{realm} : undef );
    }
    elsif ( $r->{place} eq 'form' ) {    # the library moves the query into the form
        @answer{qw(url body)} = ( $address, $request->to_post_body );
    }
    else {                               # ... and the form into the query
        $answer{url} = $request->to_url . '';
        $answer{body} = '' if $r->{form};
    }
    return \%answer;
}

local $SIG{__WARN__} = sub { };
local $| = 1;
my ( $reader, $writer ) = ( JSON::XS->new->utf8, JSON::XS->new->ascii );
while ( my $line = <STDIN> ) {
    my $answer = eval { sign( $reader->decode($line) ) } || { error => "$@" };
    print $writer->encode($answer), "\n";
}
