// SPDX-License-Identifier: Apache-2.0

package web

import (
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

func TestEachProfileHasADialect(t *testing.T) {
	for _, p := range []authserver.Profile{
		authserver.ProfileOAuth2, authserver.ProfileOAuth1, authserver.ProfileConnectionsCloudOAuth2,
		authserver.ProfileConnectionsCloudOAuth1, authserver.ProfileIntegrationCloud,
	} {
		d, ok := dialects[p]
		if !ok || d.approval == nil || d.failure == nil || d.refuse == nil || d.words.Allow == "" || d.words.Always == "" {
			t.Errorf("%s has no words for something", p)
		}
		if d.shyLogin != p.Signed() {
			t.Errorf("%s tells strangers whose link it is: %v", p, !d.shyLogin)
		}
	}
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
