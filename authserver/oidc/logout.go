// SPDX-License-Identifier: Apache-2.0

package oidc

import (
	"net/http"
	"net/url"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
	"github.com/gatehouse-dev/gatehouse/internal/httpsyntax"
)

// ParseLogout reads a request to the end session endpoint (OpenID Connect RP-Initiated Logout 1.0 §2). logout_hint and
// ui_locales are ignored: they would choose nothing here.
func ParseLogout(r *http.Request, issuer string, find FindKey) (authserver.LogoutRequest, error) {
	v, err := oauth2.ParseQueryAndForm(r, "id_token_hint", "client_id", "post_logout_redirect_uri", "state")
	if err != nil {
		return authserver.LogoutRequest{}, err
	}
	request := authserver.LogoutRequest{ClientID: v.Get("client_id"), Redirect: v.Get("post_logout_redirect_uri"), State: v.Get("state")}
	if text := v.Get("id_token_hint"); text != "" {
		hint, err := ParseHint(issuer, text, find)
		if err != nil {
			return authserver.LogoutRequest{}, err
		}
		request.Hint = &hint
	}
	return request, nil
}

// AfterLogout is where the browser goes when a person was signed out (§3): the address that the client has registered, with its state.
func AfterLogout(p authserver.LogoutPosition) string {
	if p.State == "" {
		return p.Redirect
	}
	return httpsyntax.AddQuery(p.Redirect, url.Values{"state": {p.State}}.Encode())
}
