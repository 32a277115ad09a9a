// SPDX-License-Identifier: Apache-2.0

package web

import (
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

func TestEachProfileHasADialect(t *testing.T) {
	for _, p := range []authserver.Profile{
		authserver.ProfileOAuth2, authserver.ProfileOAuth1, authserver.ProfileConnectionsCloudOAuth2,
		authserver.ProfileConnectionsCloudOAuth1, authserver.ProfileIntegrationCloud,
	} {
		d := dialectOf(p)
		if d.profile() != p || d.consentWords().Allow == "" || d.consentWords().Always == "" {
			t.Errorf("%s has no words for something", p)
		}
		_, signed := d.(signedDialect)
		_, bearer := d.(bearerDialect)
		if signed != p.Signed() || bearer == signed {
			t.Errorf("%s has a dialect that signs: %v, and one with bearer tokens: %v", p, signed, bearer)
		}
	}
}

// N132: a profile without a dialect of its own is an error when the site is made; nothing is written as if
// it were OAuth 2.x.
func TestN132AnUnknownProfileIsAnErrorWhenTheSiteIsMade(t *testing.T) {
	known := authserver.Profiles()
	for _, row := range []struct {
		name     string
		profiles []authserver.Profile
		dialects []dialect
		err      string
	}{
		{"all", known, dialects, ""},
		{"a profile more", append(slices.Clone(known), "OAuth3"), dialects, `the profile "OAuth3" has no dialect`},
		{"a dialect less", known, dialects[1:], `the profile "OAuth2" has no dialect`},
		{"a dialect twice", known, append(slices.Clone(dialects), dialectOAuth1), `the profile "OAuth1" has two dialects`},
		{"a dialect of no profile", known, append(slices.Clone(dialects), &signedOAuth1{of: "OAuth3"}), `"OAuth3", which is no profile`},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := checkDialects(row.profiles, row.dialects)
			if (err == nil) != (row.err == "") || err != nil && !strings.Contains(err.Error(), row.err) {
				t.Errorf("error %v, want %q", err, row.err)
			}
		})
	}
}

func TestN132AnErrorOfNoProfileIsNotWrittenAsOAuth2(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("there is a dialect")
		}
	}()
	dialectOfError(withProfile("OAuth3", authserver.InvalidRequest))
}

func TestOfASignedProfileOnlyTheOwnersNoTravels(t *testing.T) {
	back := authserver.Return{Callback: "https://app.example/cb", RequestToken: "t"}
	for _, p := range []authserver.Profile{authserver.ProfileOAuth1, authserver.ProfileConnectionsCloudOAuth1} {
		for _, code := range []authserver.Code{
			authserver.InvalidRequest, authserver.InvalidScope, authserver.ServerError, authserver.TemporarilyUnavailable,
			authserver.RequestTokenExpired, authserver.UnknownClient, authserver.LoginRequired,
		} {
			if to := dialectOf(p).failure("", authserver.NewReturnError(authserver.Refuse(code, ""), back)); to != "" {
				t.Errorf("%s: %s travels to %s", p, code, to)
			}
		}
		denied := func(callback string) string {
			r := back
			r.Callback = callback
			return dialectOf(p).failure("", authserver.NewReturnError(authserver.NewAccessDeniedError(authserver.DeniedByOwner, ""), r))
		}
		if to := denied(back.Callback); !strings.HasPrefix(to, "https://app.example/cb?oauth_token=t&") {
			t.Errorf("%s: a denial travels to %q", p, to)
		}
		for _, nowhere := range []string{"", authserver.OutOfBand} {
			if to := denied(nowhere); to != "" {
				t.Errorf("%s: without a callback a denial travels to %q", p, to)
			}
		}
	}
}
