// SPDX-License-Identifier: Apache-2.0

package oauth1_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
)

// clientErrors are the errors of the engine about a client that did not prove who it is.
func clientErrors() []*authserver.Error {
	return []*authserver.Error{
		{Code: authserver.InvalidClient, Description: "the client is unknown"},
		{Code: authserver.InvalidClient, Description: "the secret is wrong"},
		{Code: authserver.UnknownClient, Description: "suspended", RetryAfter: time.Second},
	}
}

func TestCredentialsAreAForm(t *testing.T) {
	issued := time.UnixMilli(1400000000123)
	c := oauth1.Credentials{Token: "a b", Secret: "c&d", IssuedAt: issued, ExpiresAt: issued.Add(10 * time.Hour)}
	for _, tc := range []struct {
		name  string
		write func(w *httptest.ResponseRecorder)
		want  string
	}{
		{
			"temporary", func(w *httptest.ResponseRecorder) { oauth1.WriteTemporary(w, oauth1.Strict(), c) },
			"oauth_token=a%20b&oauth_token_secret=c%26d&oauth_callback_confirmed=true",
		},
		{
			"token", func(w *httptest.ResponseRecorder) { oauth1.WriteToken(w, oauth1.Strict(), c) },
			"oauth_token=a%20b&oauth_token_secret=c%26d",
		},
		{
			"temporary, of the old server", func(w *httptest.ResponseRecorder) { oauth1.WriteTemporary(w, oauth1.ConnectionsCloud(false), c) },
			"oauth_token=a%20b&oauth_token_secret=c%26d&oauth_callback_confirmed=true&issued_on=1400000000123&expires_in=36000000",
		},
		{
			"token, of the old server", func(w *httptest.ResponseRecorder) { oauth1.WriteToken(w, oauth1.ConnectionsCloud(true), c) },
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
		oauth1.ApprovalURL("https://app.example/cb", "t&", "v"):                           "https://app.example/cb?oauth_token=t%26&oauth_verifier=v",
		oauth1.ApprovalURL("https://app.example/cb?x=1", "t", "v"):                        "https://app.example/cb?x=1&oauth_token=t&oauth_verifier=v",
		oauth1.DeniedURL(oauth1.Strict(), "https://app.example/cb?x=1", "t"):              "https://app.example/cb?x=1&oauth_token=t&oauth_problem=user_refused",
		oauth1.DeniedURL(oauth1.ConnectionsCloud(false), "https://client.example/c", "t"): "https://client.example/c?oauth_token=t&oauth_verifier=&oauth_error=oauth_denied",
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
			"oauth_problem=parameter_absent&oauth_parameters_absent=oauth_token%26oauth_nonce", "oauth_absent_parameters: oauth_token,oauth_nonce\n",
		},
		{
			&oauth1.Problem{Fault: oauth1.ParameterRepeated, Params: []string{"oauth_token"}}, 400,
			"oauth_problem=parameter_rejected&oauth_parameters_rejected=oauth_token", "oauth_duplicated_parameters: oauth_token\n",
		},
		{
			&oauth1.Problem{Fault: oauth1.ParameterRejected, Advice: "no good"}, 400,
			"oauth_problem=parameter_rejected&oauth_problem_advice=no%20good", "oauth_invalid_parameters\n",
		},
		{
			&oauth1.Problem{Fault: oauth1.VersionRejected, Params: []string{"oauth_version"}, Acceptable: "1.0-1.0"}, 400,
			"oauth_problem=version_rejected&oauth_acceptable_versions=1.0-1.0", "oauth_invalid_parameters: oauth_version\n",
		},
		{
			&oauth1.Problem{Fault: oauth1.SignatureMethodRejected, Params: []string{"oauth_signature_method"}}, 400,
			"oauth_problem=signature_method_rejected", "oauth_invalid_parameters: oauth_signature_method\n",
		},
		{&oauth1.Problem{Fault: oauth1.SignatureInvalid}, 401, "oauth_problem=signature_invalid", "oauth_invalid_clientid\n"},
		{
			oauth1.RefuseTimestamp(time.Unix(100, 0), time.Unix(700, 0)), 401,
			"oauth_problem=timestamp_refused&oauth_acceptable_timestamps=100-700", "oauth_invalid_parameters: oauth_timestamp\n",
		},
		{&oauth1.Problem{Fault: oauth1.NonceUsed}, 401, "oauth_problem=nonce_used", "oauth_invalid_parameters\n"},
		{&oauth1.Problem{Fault: oauth1.TokenUsed}, 401, "oauth_problem=token_used", "oauth_token_expired\n"},
		{&oauth1.Problem{Fault: oauth1.TokenExpired}, 401, "oauth_problem=token_expired", "oauth_token_expired\n"},
		{&oauth1.Problem{Fault: oauth1.TokenRevoked}, 401, "oauth_problem=token_revoked", "oauth_token_expired\n"},
		{&oauth1.Problem{Fault: oauth1.TokenRejected}, 401, "oauth_problem=token_rejected", "oauth_token_expired\n"},
		{&oauth1.Problem{Fault: oauth1.PermissionDenied}, 401, "oauth_problem=permission_denied", "oauth_consumer_missing_subscription\n"},
		{&oauth1.Problem{Fault: oauth1.ServerError}, 500, "oauth_problem=server_error", "oauth_request_failed\n"},
		{&oauth1.Problem{Fault: oauth1.Unavailable, RetryAfter: 1500 * time.Millisecond}, 503, "oauth_problem=temporarily_unavailable", "oauth_request_failed\n"},
	} {
		w, old := httptest.NewRecorder(), httptest.NewRecorder()
		oauth1.WriteProblem(w, oauth1.Strict(), tc.p)
		oauth1.WriteProblem(old, oauth1.ConnectionsCloud(false), tc.p)
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

func TestAChallengeSaysWhatTheBodySays(t *testing.T) {
	w := httptest.NewRecorder()
	oauth1.WriteProblem(w, oauth1.Strict(), oauth1.RefuseTimestamp(time.Unix(100, 0), time.Unix(700, 0)))
	want := `OAuth realm="gatehouse", oauth_problem="timestamp_refused", oauth_acceptable_timestamps="100-700"`
	if got := w.Header().Get("WWW-Authenticate"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestErrorsOfTheEngineAreProblems(t *testing.T) {
	for code, want := range map[authserver.Code]oauth1.Fault{
		authserver.InvalidClient: oauth1.SignatureInvalid, authserver.UnknownClient: oauth1.SignatureInvalid,
		authserver.InvalidGrant: oauth1.TokenRejected, authserver.InvalidCallback: oauth1.ParameterRejected,
		authserver.AccessDenied: oauth1.PermissionDenied, authserver.UnauthorizedClient: oauth1.PermissionDenied,
		authserver.InvalidRequest: oauth1.ParameterRejected, authserver.InvalidScope: oauth1.ParameterRejected,
		authserver.ServerError: oauth1.ServerError, authserver.TemporarilyUnavailable: oauth1.Unavailable,
	} {
		if got := oauth1.ProblemOf(&authserver.Error{Code: code}); got.Fault != want {
			t.Errorf("%s is %s, want %s", code, got.Fault, want)
		}
	}
}

func TestAProblemIsAnError(t *testing.T) {
	err := fmt.Errorf("parse: %w", &oauth1.Problem{Fault: oauth1.ParameterAbsent, Params: []string{"oauth_token"}, Advice: "send it"})
	if !errors.Is(err, &oauth1.Problem{Fault: oauth1.ParameterAbsent}) || errors.Is(err, &oauth1.Problem{Fault: oauth1.NonceUsed}) {
		t.Error("problems are not told by their fault")
	}
	if got, want := err.Error(), "parse: parameter_absent: oauth_token send it"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
