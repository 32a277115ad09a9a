// SPDX-License-Identifier: Apache-2.0

package oauth2_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
)

const issuer = "https://auth.example"

func TestTheCallbackKeepsItsOwnQuery(t *testing.T) {
	for callback, want := range map[string]string{
		"https://app.example/cb":     "https://app.example/cb?code=p&iss=https%3A%2F%2Fauth.example&state=a+b%26c",
		"https://app.example/cb?x=1": "https://app.example/cb?x=1&code=p&iss=https%3A%2F%2Fauth.example&state=a+b%26c",
	} {
		a := &authserver.Approval{Return: authserver.Return{Callback: callback, State: "a b&c"}, Proof: "p"}
		if got := oauth2.ApprovalURL(issuer, a); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestAnErrorTravelsWithStateAndIssuer(t *testing.T) {
	e := authserver.NewReturnError(authserver.Refuse(authserver.AccessDenied, "no"), authserver.Return{Callback: "https://app.example/cb", State: "s"})
	u, err := url.Parse(oauth2.ErrorURL(issuer, e))
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{"error": {"access_denied"}, "error_description": {"no"}, "state": {"s"}, "iss": {issuer}}
	if diff := cmp.Diff(want, u.Query()); diff != "" {
		t.Error(diff)
	}
}

func TestErrorsOfTheTokenEndpointHaveTheirStatus(t *testing.T) {
	for code, want := range map[authserver.Code]int{
		authserver.InvalidRequest: 400, authserver.InvalidGrant: 400, authserver.InvalidScope: 400, authserver.UnauthorizedClient: 400,
		authserver.UnsupportedGrantType: 400, authserver.InvalidClient: 401, authserver.ServerError: 500, authserver.TemporarilyUnavailable: 503,
	} {
		w := httptest.NewRecorder()
		oauth2.WriteError(w, authserver.NewWaitError(code, 1500*time.Millisecond, "why"))
		if w.Code != want || strings.TrimSpace(w.Body.String()) != `{"error":"`+string(code)+`","error_description":"why"}` {
			t.Errorf("%s: %d %s", code, w.Code, w.Body)
		}
		if w.Header().Get("Retry-After") != "2" {
			t.Errorf("%s: Retry-After is %q, want whole seconds, rounded up", code, w.Header().Get("Retry-After"))
		}
		if challenge := w.Header().Get("WWW-Authenticate"); (challenge != "") != (want == http.StatusUnauthorized) {
			t.Errorf("%s: WWW-Authenticate is %q", code, challenge)
		}
	}
}

func TestNothingIsSaidAboutAnInactiveToken(t *testing.T) {
	w := httptest.NewRecorder()
	oauth2.WriteIntrospection(w, issuer, authserver.TokenInfo{})
	if got := strings.TrimSpace(w.Body.String()); got != `{"active":false}` {
		t.Errorf("got %s", got)
	}
}
