// SPDX-License-Identifier: Apache-2.0

package oauth1_test

import (
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
)

// clientErrors are the errors of the engine about a client that did not prove who it is.
func clientErrors() []authserver.Refusal {
	return []authserver.Refusal{
		authserver.Refuse(authserver.InvalidClient, "the client is unknown"),
		authserver.Refuse(authserver.InvalidClient, "the secret is wrong"),
		authserver.NewWaitError(authserver.UnknownClient, time.Second, "suspended"),
	}
}

func TestCredentialsAreAForm(t *testing.T) {
	issued := time.UnixMilli(1400000000123)
	ends := issued.Add(10 * time.Hour)
	temporary := &authserver.TemporaryCredentials{Token: "a b", Secret: "c&d", IssuedAt: issued, ExpiresAt: ends}
	token := &authserver.Tokens{AccessToken: "a b", TokenSecret: "c&d", IssuedAt: issued, ExpiresAt: ends}
	for _, tc := range []struct {
		name  string
		write func(w *httptest.ResponseRecorder)
		want  string
	}{
		{
			"temporary", func(w *httptest.ResponseRecorder) { oauth1.WriteTemporary(w, oauth1.Strict(), temporary) },
			"oauth_token=a%20b&oauth_token_secret=c%26d&oauth_callback_confirmed=true",
		},
		{
			"token", func(w *httptest.ResponseRecorder) { oauth1.WriteToken(w, oauth1.Strict(), token) },
			"oauth_token=a%20b&oauth_token_secret=c%26d",
		},
		{
			"temporary, of the old server", func(w *httptest.ResponseRecorder) { oauth1.WriteTemporary(w, oauth1.ConnectionsCloud(), temporary) },
			"oauth_token=a%20b&oauth_token_secret=c%26d&oauth_callback_confirmed=true&issued_on=1400000000123&expires_in=36000000",
		},
		{
			"token, of the old server", func(w *httptest.ResponseRecorder) { oauth1.WriteToken(w, oauth1.ConnectionsCloud(), token) },
			"oauth_token=a%20b&oauth_token_secret=c%26d&issued_on=1400000000123&expires_in=36000000",
		},
	} {
		w := httptest.NewRecorder()
		tc.write(w)
		if w.Code != 200 || w.Header().Get("Content-Type") != "application/x-www-form-urlencoded" || w.Body.String() != tc.want {
			t.Errorf("%s: %d %s\n%s, want\n%s", tc.name, w.Code, w.Header(), w.Body, tc.want)
		}
	}
}

func TestTheBrowserGoesBackToTheCallback(t *testing.T) {
	for got, want := range map[string]string{
		oauth1.ApprovalURL("https://app.example/cb", "t&", "v"):                      "https://app.example/cb?oauth_token=t%26&oauth_verifier=v",
		oauth1.ApprovalURL("https://app.example/cb?x=1", "t", "v"):                   "https://app.example/cb?x=1&oauth_token=t&oauth_verifier=v",
		oauth1.DeniedURL(oauth1.Strict(), "https://app.example/cb?x=1", "t"):         "https://app.example/cb?x=1&oauth_token=t&oauth_problem=user_refused",
		oauth1.DeniedURL(oauth1.ConnectionsCloud(), "https://client.example/c", "t"): "https://client.example/c?oauth_token=t&oauth_verifier=&oauth_error=oauth_denied",
	} {
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestProblemsHaveTheirStatusAndTheirWords(t *testing.T) {
	for _, tc := range []struct {
		p                 *oauth1.Problem
		status            int
		standard, profile string
	}{
		{
			&oauth1.Problem{Fault: oauth1.ParameterAbsent, Params: []string{"oauth_token", "oauth_nonce"}}, 400,
			"oauth_problem=parameter_absent&oauth_parameters_absent=oauth_token%26oauth_nonce", "oauth_absent_parameters: oauth_token,oauth_nonce",
		},
		{
			&oauth1.Problem{Fault: oauth1.ParameterRepeated, Params: []string{"oauth_token"}}, 400,
			"oauth_problem=parameter_rejected&oauth_parameters_rejected=oauth_token", "oauth_duplicated_parameters: oauth_token",
		},
		{
			&oauth1.Problem{Fault: oauth1.ParameterRejected, Advice: "no good"}, 400,
			"oauth_problem=parameter_rejected&oauth_problem_advice=no%20good", "oauth_invalid_parameters",
		},
		{
			&oauth1.Problem{Fault: oauth1.VersionRejected, Params: []string{"oauth_version"}, Acceptable: "1.0-1.0"}, 400,
			"oauth_problem=version_rejected&oauth_acceptable_versions=1.0-1.0", "oauth_invalid_parameters: oauth_version",
		},
		{
			&oauth1.Problem{Fault: oauth1.SignatureMethodRejected, Params: []string{"oauth_signature_method"}}, 400,
			"oauth_problem=signature_method_rejected", "oauth_invalid_parameters: oauth_signature_method",
		},
		{&oauth1.Problem{Fault: oauth1.SignatureInvalid}, 401, "oauth_problem=signature_invalid", "oauth_invalid_clientid"},
		{
			refusedTimestamp(), 401,
			"oauth_problem=timestamp_refused&oauth_acceptable_timestamps=100-700", "oauth_invalid_parameters: oauth_timestamp",
		},
		{&oauth1.Problem{Fault: oauth1.NonceUsed}, 401, "oauth_problem=nonce_used", "oauth_invalid_parameters"},
		{&oauth1.Problem{Fault: oauth1.TokenUsed}, 401, "oauth_problem=token_used", "oauth_token_expired"},
		{&oauth1.Problem{Fault: oauth1.TokenExpired}, 401, "oauth_problem=token_expired", "oauth_token_expired"},
		{&oauth1.Problem{Fault: oauth1.TokenRevoked}, 401, "oauth_problem=token_revoked", "oauth_token_expired"},
		{&oauth1.Problem{Fault: oauth1.TokenRejected}, 401, "oauth_problem=token_rejected", "oauth_token_expired"},
		{&oauth1.Problem{Fault: oauth1.PermissionDenied}, 401, "oauth_problem=permission_denied", "oauth_consumer_missing_subscription"},
		{&oauth1.Problem{Fault: oauth1.ServerError}, 500, "oauth_problem=server_error", "oauth_request_failed"},
		{&oauth1.Problem{Fault: oauth1.Unavailable, RetryAfter: 1500 * time.Millisecond}, 503, "oauth_problem=temporarily_unavailable", "oauth_request_failed"},
	} {
		w, old := httptest.NewRecorder(), httptest.NewRecorder()
		oauth1.WriteProblem(w, oauth1.Strict(), tc.p)
		oauth1.WriteProblem(old, oauth1.ConnectionsCloud(), tc.p)
		if w.Code != tc.status || w.Body.String() != tc.standard || w.Header().Get("Content-Type") != "application/x-www-form-urlencoded" {
			t.Errorf("%v: %d %s", tc.p, w.Code, w.Body)
		}
		if old.Code != tc.status || old.Body.String() != tc.profile || old.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%v: %d %s", tc.p, old.Code, old.Body)
		}
		for _, got := range []*httptest.ResponseRecorder{w, old} {
			if challenge := got.Header().Get("WWW-Authenticate"); (challenge != "") != (tc.status == 401) {
				t.Errorf("%v: WWW-Authenticate is %q", tc.p, challenge)
			}
			if retry := got.Header().Get("Retry-After"); (retry == "2") != (tc.status == 503) {
				t.Errorf("%v: Retry-After is %q", tc.p, retry)
			}
		}
	}
}

func refusedTimestamp() *oauth1.Problem {
	return oauth1.ProblemOf(authserver.NewTimestampError(time.Unix(100, 0), time.Unix(700, 0), ""))
}

func TestAChallengeSaysWhatTheBodySays(t *testing.T) {
	w := httptest.NewRecorder()
	oauth1.WriteProblem(w, oauth1.Strict(), refusedTimestamp())
	want := `OAuth realm="gatehouse", oauth_problem="timestamp_refused", oauth_acceptable_timestamps="100-700"`
	if got := w.Header().Get("WWW-Authenticate"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestErrorsOfTheEngineAreProblems(t *testing.T) {
	for _, tc := range []struct {
		err  authserver.Refusal
		want string // as the profile OAuth1 says it
		old  string // as the old server did
	}{
		{authserver.Refuse(authserver.SignatureInvalid, ""), "oauth_problem=signature_invalid", "oauth_invalid_clientid"},
		{authserver.Refuse(authserver.InvalidClient, ""), "oauth_problem=signature_invalid", "oauth_invalid_clientid"},
		{authserver.Refuse(authserver.UnknownClient, ""), "oauth_problem=signature_invalid", "oauth_invalid_clientid"},
		{authserver.Refuse(authserver.SignatureMethodRejected, ""), "oauth_problem=signature_method_rejected", "oauth_invalid_parameters: oauth_signature_method"},
		{authserver.Refuse(authserver.TimestampRefused, ""), "oauth_problem=timestamp_refused", "oauth_invalid_parameters: oauth_timestamp"},
		{authserver.Refuse(authserver.NonceUsed, ""), "oauth_problem=nonce_used", "oauth_invalid_parameters: oauth_nonce"},
		{authserver.NewParameterError(authserver.CallbackNotRegistered, ""), "oauth_problem=parameter_rejected&oauth_parameters_rejected=oauth_callback", "oauth_invalid_parameters: oauth_callback"},
		{authserver.NewParameterError(authserver.ParameterMisplaced, ""), "oauth_problem=parameter_rejected&oauth_parameters_rejected=oauth_signature" +
			"&oauth_problem_advice=this%20client%20may%20not%20send%20secrets%20in%20the%20URL%3B%20the%20Authorization%20header%20is%20the%20place%20for%20them",
			"oauth_invalid_parameters: oauth_signature"},
		{authserver.Refuse(authserver.InvalidRequest, ""), "oauth_problem=parameter_rejected", "oauth_invalid_parameters"},
		{authserver.Refuse(authserver.InvalidScope, ""), "oauth_problem=parameter_rejected", "oauth_invalid_parameters"},
		{authserver.Refuse(authserver.InvalidGrant, ""), "oauth_problem=token_rejected&oauth_problem_advice=the%20verifier%20is%20not%20that%20of%20the%20request%20token", "oauth_token_expired"},
		{authserver.NewGrantError(authserver.GrantExpired, ""), "oauth_problem=token_expired&oauth_problem_advice=the%20verifier%20has%20expired", "oauth_token_expired"},
		{authserver.NewGrantError(authserver.GrantUsedBefore, ""), "oauth_problem=token_used&oauth_problem_advice=the%20verifier%20was%20used%20before%3B%20what%20it%20gave%20is%20revoked", "oauth_token_expired"},
		{authserver.NewGrantError(authserver.GrantNotEntitled, ""), "oauth_problem=permission_denied", "oauth_consumer_missing_subscription"},
		{authserver.Refuse(authserver.TokenExpired, ""), "oauth_problem=token_expired", "oauth_token_expired"},
		{authserver.Refuse(authserver.TokenRejected, ""), "oauth_problem=token_rejected", "oauth_token_expired"},
		{authserver.Refuse(authserver.UnauthorizedClient, ""), "oauth_problem=permission_denied", "oauth_consumer_missing_subscription"},
		{authserver.Refuse(authserver.ServerError, ""), "oauth_problem=server_error", "oauth_request_failed"},
		{authserver.Refuse(authserver.TemporarilyUnavailable, ""), "oauth_problem=temporarily_unavailable", "oauth_request_failed"},
	} {
		p := oauth1.ProblemOf(tc.err)
		w, old := httptest.NewRecorder(), httptest.NewRecorder()
		oauth1.WriteProblem(w, oauth1.Strict(), p)
		oauth1.WriteProblem(old, oauth1.ConnectionsCloud(), p)
		if w.Body.String() != tc.want || old.Body.String() != tc.old {
			t.Errorf("%v:\n%s, want\n%s\n%s, want\n%s", tc.err, w.Body, tc.want, old.Body, tc.old)
		}
	}
}

func TestTheOldServersIdentifiersStandOnPages(t *testing.T) {
	for _, tc := range []struct {
		name   string
		err    authserver.Refusal
		status int
		want   string // none: our page needs no identifier
	}{
		{"no token", authserver.NewParameterError(authserver.ParameterAbsent, "", "oauth_token"), 400, "oauth_absent_parameters: oauth_token"},
		{"two tokens", authserver.NewParameterError(authserver.ParameterRepeated, "", "oauth_token"), 400, "oauth_duplicated_parameters: oauth_token"},
		{"an unknown token", authserver.Refuse(authserver.RequestTokenUnknown, ""), 401, "oauth_token_expired"},
		{"an expired token", authserver.Refuse(authserver.RequestTokenExpired, ""), 401, "oauth_token_expired"},
		{"a used token", authserver.Refuse(authserver.RequestTokenUsed, ""), 401, "oauth_token_expired"},
		{"an unknown client", authserver.Refuse(authserver.UnknownClient, ""), 401, "oauth_invalid_clientid"},
		{"a callback that is gone", authserver.Refuse(authserver.InvalidCallback, ""), 400, "oauth_invalid_parameters: oauth_callback"},
		{"an owner who may not", authserver.NewAccessDeniedError(authserver.OwnerNotEntitled, ""), 401, "oauth_consumer_missing_subscription"},
		{"an owner who would not", authserver.NewAccessDeniedError(authserver.DeniedByOwner, ""), 0, ""},
		{"a fault", authserver.Refuse(authserver.ServerError, ""), 500, "oauth_request_failed"},
		{"no store", authserver.Refuse(authserver.TemporarilyUnavailable, ""), 503, "oauth_request_failed"},
		{"an interaction that is over", authserver.Refuse(authserver.InteractionGone, ""), 0, ""},
	} {
		status, identifier, ok := oauth1.OnPage(oauth1.ConnectionsCloud(), tc.err)
		if status != tc.status || identifier != tc.want || ok != (tc.want != "") {
			t.Errorf("%s: %d %q", tc.name, status, identifier)
		}
		if _, _, ok := oauth1.OnPage(oauth1.Strict(), tc.err); ok {
			t.Errorf("%s has an identifier in the profile OAuth1", tc.name)
		}
	}
}

func TestALinkIsOnlyARequestToken(t *testing.T) {
	for query, want := range map[string]string{
		"oauth_token=t": "t", "oauth_token=a%2Bb&oauth_callback=https%3A%2F%2Fevil.example&x": "a+b", "oauth_token=t&x=1&x=2": "t", "oauth_token=&oauth_token=t": "t",
	} {
		if got, err := oauth1.ParseAuthorize(httptest.NewRequest("GET", oauth1.PathAuthorize+"?"+query, nil)); err != nil || got != want {
			t.Errorf("%s: %q %v", query, got, err)
		}
	}
	for query, want := range map[string]authserver.ParameterFault{
		"": authserver.ParameterAbsent, "oauth_token": authserver.ParameterAbsent, "oauth_token=": authserver.ParameterAbsent, "OAUTH_TOKEN=t": authserver.ParameterAbsent,
		"oauth_token=t&oauth_token=t": authserver.ParameterRepeated, "oauth_token=%zz": authserver.ParameterMalformed,
	} {
		_, err := oauth1.ParseAuthorize(httptest.NewRequest("GET", oauth1.PathAuthorize+"?"+query, nil))
		if !errors.Is(err, want) || !errors.Is(err, authserver.InvalidRequest) {
			t.Errorf("%s: %v", query, err)
		}
	}
}

func TestAClientWithoutACallbackOfItsOwnIsShownItsVerifier(t *testing.T) {
	with, without := &authserver.Client{OutOfBand: true, CallbackURLs: []string{"https://app.example/cb"}}, &authserver.Client{OutOfBand: true}
	for _, tc := range []struct {
		rules  oauth1.Rules
		client *authserver.Client
		want   string
	}{
		{oauth1.ConnectionsCloud(), without, "oob"},
		{oauth1.ConnectionsCloud(), with, "https://default.example/"},
		{oauth1.ConnectionsCloud(), &authserver.Client{}, "https://default.example/"},
		{oauth1.Strict(), without, "https://default.example/"},
	} {
		if got := tc.rules.CallbackOf(tc.client, "https://default.example/"); got != tc.want {
			t.Errorf("%v: %s, want %s", tc.client, got, tc.want)
		}
	}
}
