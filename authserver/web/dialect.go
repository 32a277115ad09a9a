// SPDX-License-Identifier: Apache-2.0

package web

import (
	"errors"
	"net/http"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
)

// dialect is how one profile speaks to people and clients. What it does not name is said
// as everywhere else: the pages of an interaction are shared by all profiles.
type dialect struct {
	// approval returns the address that takes an approval to its client; "" if there is
	// none, and the proof is shown to the owner.
	approval func(issuer string, a *authserver.Approval) string
	// failure returns the address that takes an error to its client; "" if this one does not
	// travel, and is shown to the person.
	failure func(issuer string, e authserver.ReturnError) string
	// identify returns how the profile calls an error on a page, and the page's status;
	// false for what it has no word for. nil: it has no words of its own.
	identify func(e authserver.Refusal) (status int, identifier string, ok bool)
	// parseAuthorize reads a request at the profile's authorization endpoint.
	parseAuthorize func(*http.Request) (authserver.AuthorizeRequest, error)
	// parseToken and writeToken are how the profile's token endpoint is spelled.
	parseToken func(*http.Request) (authserver.ClientSecret, authserver.TokenRequest, error)
	writeToken func(http.ResponseWriter, *authserver.Tokens)
	// rules and resource are what a Signed profile accepts at its own endpoints, and of requests
	// with one of its access tokens.
	rules, resource oauth1.Rules
	// refuse answers a client's own request with an error.
	refuse func(w http.ResponseWriter, e authserver.Refusal)
	// shyLogin is set where the login page must not tell for which client it is: what
	// brought the owner there is only looked at when they have logged in.
	shyLogin bool
	// words of the consent page.
	words consentWords
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

// standard is OAuth 2.x, and whatever a request of no known profile is told.
var standard = dialect{
	approval: oauth2.ApprovalURL, failure: oauth2.ErrorURL, refuse: oauth2.WriteError, words: ourWords,
	parseAuthorize: oauth2.ParseAuthorize, parseToken: oauth2.ParseToken, writeToken: oauth2.WriteToken,
}

// connectionsCloud2 is how IBM Connections Cloud spoke OAuth 2.0. No issuer goes with what
// travels back: it had none.
var connectionsCloud2 = dialect{
	approval: oauth2.ConnectionsCloudApprovalURL, failure: oauth2.ConnectionsCloudErrorURL,
	identify: oauth2.ConnectionsCloudPage, refuse: oauth2.WriteConnectionsCloudError,
	parseAuthorize: oauth2.ParseConnectionsCloudAuthorize,
	parseToken:     oauth2.ParseConnectionsCloudToken, writeToken: oauth2.WriteConnectionsCloudToken,
	words: consentWords{
		Allow:  "Grant Access and Leave Site",                                      // a reader's report of the grant page
		Always: "Always grant", AlwaysAfter: "access and do not show this message", // IBM Connections Cloud, Step 2 page
		Learns: "your name and your mail address", // getUserIdentity tells them
	},
}

// integrationCloud is how webMethods Integration Cloud spoke OAuth 2.0: in the words of RFC 6749,
// as far as they are known.
var integrationCloud = dialect{
	approval: oauth2.ApprovalURL, failure: oauth2.ErrorURL, refuse: oauth2.WriteError,
	parseAuthorize: oauth2.ParseIntegrationCloudAuthorize,
	parseToken:     oauth2.ParseIntegrationCloudToken, writeToken: oauth2.WriteIntegrationCloudToken,
	words: consentWords{Allow: "Grant Access", Always: ourWords.Always}, // Generating tokens page
}

// dialects is the whole table.
var dialects = map[authserver.Profile]dialect{
	authserver.ProfileOAuth2:                 standard,
	authserver.ProfileOAuth1:                 signed(oauth1.Strict(), oauth1.Resource(), ourWords),
	authserver.ProfileConnectionsCloudOAuth2: connectionsCloud2,
	authserver.ProfileConnectionsCloudOAuth1: signed(oauth1.ConnectionsCloud(), oauth1.ConnectionsCloudResource(), consentWords{
		Allow: "Allow", // IBM Connections Cloud, OAuth 1.0a, Step 3 page
		// The pages of OAuth 1.0a know no "always"; who has it in the other protocol gets it here.
		Always: connectionsCloud2.words.Always, AlwaysAfter: connectionsCloud2.words.AlwaysAfter,
		Learns: connectionsCloud2.words.Learns,
	}),
	authserver.ProfileIntegrationCloud: integrationCloud,
}

// identifierOf returns how the profile calls an error, and its status; the status that is given
// and no identifier if it has no word for it.
func (d dialect) identifierOf(e authserver.Refusal, status int) (int, string) {
	if d.identify != nil {
		if own, identifier, ok := d.identify(e); ok {
			return own, identifier
		}
	}
	return status, ""
}

func dialectOf(p authserver.Profile) dialect {
	if d, ok := dialects[p]; ok {
		return d
	}
	return standard
}

// spoken is an error of a request whose profile is known.
type spoken struct {
	error
	profile authserver.Profile
}

// Unwrap is for errors.Is and errors.AsType.
func (e spoken) Unwrap() error { return e.error }

// in says which profile an error is to be told in, if that was not said before.
func in(p authserver.Profile, err error) error {
	if _, said := errors.AsType[spoken](err); err == nil || said {
		return err
	}
	return spoken{err, p}
}

// profileOfError returns the profile that an error is told in.
func profileOfError(err error) authserver.Profile {
	if e, ok := errors.AsType[spoken](err); ok {
		return e.profile
	}
	return authserver.ProfileOAuth2
}

// dialectOfError returns the dialect that an error is told in.
func dialectOfError(err error) dialect {
	if e, ok := errors.AsType[authserver.ReturnError](err); ok {
		return dialectOf(e.Return().Profile)
	}
	if e, ok := errors.AsType[spoken](err); ok {
		return dialectOf(e.profile)
	}
	return standard
}
