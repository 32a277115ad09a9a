// SPDX-License-Identifier: Apache-2.0

package web

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
)

// dialect is how one profile speaks to people and clients. The pages of an interaction are shared by
// all profiles; a dialect only has words for some places on them.
type dialect interface {
	profile() authserver.Profile
	// approval returns the address that takes an approval to its client; "" if there is
	// none, and the proof is shown to the owner.
	approval(issuer string, a *authserver.Approval) string
	// failure returns the address that takes an error to its client; "" if this one does not
	// travel, and is shown to the person.
	failure(issuer string, e authserver.ReturnError) string
	// identify returns how the profile calls an error on a page, and the page's status;
	// false for what it has no word for.
	identify(e authserver.Refusal) (status int, identifier string, ok bool)
	// refuse answers a client's own request with an error.
	refuse(w http.ResponseWriter, e authserver.Refusal)
	// refuseUnserved answers a client's request that reaches no endpoint.
	refuseUnserved(w http.ResponseWriter, e *unserved)
	// consentWords returns the words of the consent page.
	consentWords() consentWords
}

// bearerDialect is a profile whose clients send a secret and get bearer tokens: OAuth 2.0.
type bearerDialect interface {
	dialect
	// parseAuthorize reads a request at the authorization endpoint.
	parseAuthorize(r *http.Request) (authserver.AuthorizeRequest, error)
	// parseToken and writeToken are how the token endpoint is spelled.
	parseToken(r *http.Request) (authserver.ClientSecret, authserver.TokenRequest, error)
	writeToken(w http.ResponseWriter, t *authserver.Tokens)
}

// signedDialect is a profile whose clients sign their requests: OAuth 1.0a.
type signedDialect interface {
	dialect
	// endpointRules are what the endpoints of this server accept.
	endpointRules() oauth1.Rules
	// resourceRules are what is accepted of requests with an access token of the profile.
	resourceRules() oauth1.Rules
}

// consentWords are what profiles say differently on the consent page.
type consentWords struct {
	Allow string // the button
	// Always stands beside the check box. With AlwaysAfter, the client's name is between them.
	Always, AlwaysAfter string
	// Learns is what the client is told of the owner besides the name; empty: nothing.
	Learns string
}

var ourWords = consentWords{Allow: "Allow", Always: "Allow this always, and do not ask me again"}

// The dialects. Each profile has one.
var (
	dialectOAuth2                 bearerDialect = standardOAuth2{}
	dialectConnectionsCloudOAuth2 bearerDialect = connectionsCloudOAuth2{}
	dialectIntegrationCloud       bearerDialect = integrationCloud{}

	dialectOAuth1 signedDialect = &signedOAuth1{
		of: authserver.ProfileOAuth1, endpoints: oauth1.Strict(), resources: oauth1.Resource(), words: ourWords,
	}
	dialectConnectionsCloudOAuth1 signedDialect = &signedOAuth1{
		of: authserver.ProfileConnectionsCloudOAuth1, endpoints: oauth1.ConnectionsCloud(), resources: oauth1.ConnectionsCloudResource(),
		words: connectionsCloudSignedWords,
	}

	dialects = []dialect{
		dialectOAuth2, dialectOAuth1, dialectConnectionsCloudOAuth2, dialectConnectionsCloudOAuth1, dialectIntegrationCloud,
	}
)

// checkDialects returns an error unless each profile has exactly one dialect.
func checkDialects(profiles []authserver.Profile, dialects []dialect) error {
	count := map[authserver.Profile]int{}
	for _, d := range dialects {
		p := d.profile()
		if count[p]++; count[p] > 1 {
			return fmt.Errorf("web: the profile %q has two dialects", p)
		}
		if !slices.Contains(profiles, p) {
			return fmt.Errorf("web: there is a dialect for %q, which is no profile", p)
		}
	}
	for _, p := range profiles {
		if count[p] == 0 {
			return fmt.Errorf("web: the profile %q has no dialect", p)
		}
	}
	return nil
}

// dialectOf returns the dialect of a profile. New has checked that each profile has one.
func dialectOf(p authserver.Profile) dialect {
	for _, d := range dialects {
		if d.profile() == p {
			return d
		}
	}
	panic(fmt.Sprintf("web: %q is no profile", p))
}

// identifierOf returns how a dialect calls an error, and its status; the status that is given
// and no identifier if it has no word for it.
func identifierOf(d dialect, e authserver.Refusal, status int) (int, string) {
	if own, identifier, ok := d.identify(e); ok {
		return own, identifier
	}
	return status, ""
}

// profileError is an error of a request whose profile is known.
type profileError struct {
	error
	profile authserver.Profile
}

// Unwrap is for errors.Is and errors.AsType.
func (e profileError) Unwrap() error { return e.error }

// withProfile says in which profile's words an error is written, if that was not said before.
func withProfile(p authserver.Profile, err error) error {
	if _, said := errors.AsType[profileError](err); err == nil || said {
		return err
	}
	return profileError{err, p}
}

// dialectOfError returns the dialect that an error is written in. What happens outside every profile is
// written as OAuth 2.x does.
func dialectOfError(err error) dialect {
	if e, ok := errors.AsType[authserver.ReturnError](err); ok {
		return dialectOf(e.Return().Profile)
	}
	if e, ok := errors.AsType[profileError](err); ok {
		return dialectOf(e.profile)
	}
	return dialectOAuth2
}
