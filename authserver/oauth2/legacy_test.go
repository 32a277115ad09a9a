// SPDX-License-Identifier: Apache-2.0

package oauth2

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/httpsyntax"
)

func TestEachRowOfATableHasItsSource(t *testing.T) {
	for name, table := range map[string]parameters{
		"authorize": connectionsAuthorize, "token": connectionsToken, "getToken": integrationToken,
	} {
		for _, p := range table {
			if p.source == "" {
				t.Errorf("%s: %s has no source", name, p.name)
			}
		}
	}
	for name, table := range map[string]lines{"pages": connectionsPages, "answers": connectionsAnswers} {
		for n, l := range table {
			if l.source == "" {
				t.Errorf("%s: row %d (%s) has no source", name, n, l.text)
			}
		}
	}
}

func TestEachRowOfTheErrorTablesIsReached(t *testing.T) {
	for name, table := range map[string]lines{"pages": connectionsPages, "answers": connectionsAnswers} {
		for n, l := range table {
			var names []string
			if l.about != "" {
				names = []string{l.about}
			} else if l.lists {
				names = []string{"first", "second"}
			}
			e := refusalWith(t, l.is, names)
			want := l.text
			if l.lists {
				want += "first,second"
			}
			status, text, ok := table.of(e)
			if !ok || status != l.status || text != want {
				t.Errorf("%s: row %d (%s) is hidden by another: %d %s", name, n, l.text, status, text)
			}
		}
	}
}

// refusalWith returns the refusal that a row is about.
func refusalWith(t *testing.T, is error, names []string) authserver.Refusal {
	t.Helper()
	switch is := is.(type) { //nolint:errorlint // a row holds the value itself
	case authserver.Code:
		return authserver.Refuse(is, "")
	case authserver.ParameterFault:
		return authserver.NewParameterError(is, "", names...)
	case authserver.AccessCause:
		return authserver.NewAccessDeniedError(is, "")
	case authserver.GrantCause:
		if is == authserver.GrantOfRefreshToken {
			return authserver.NewRefreshTokenError(authserver.GrantExpired, "")
		}
		return authserver.NewGrantError(is, "")
	default:
		t.Fatalf("a row is about %v", is)
		return nil
	}
}

// The identifiers of the old server's error lists that this one can mean. Those that it never says
// tell about secrets that can be decrypted, or components that are gone.
func TestTheErrorListsAreComplete(t *testing.T) {
	for name, tc := range map[string]struct {
		table lines
		want  []string
	}{
		"authorize": {connectionsPages, []string{
			"400 oauth_absent_parameters: ", "400 oauth_duplicated_parameters: ", "400 oauth_invalid_parameters:", "401 oauth_invalid_responsetype",
			"401 oauth_invalid_clientid", "401 " + otherCallback, "401 oauth_consumer_missing_subscription", "500 oauth_request_failed",
		}},
		"token": {connectionsAnswers, []string{
			"400 oauth_absent_parameters: ", "400 oauth_duplicated_parameters: ", "400 oauth_unsupported_parameters: ", "400 oauth_invalid_parameters: ",
			"400 oauth_unsupported_grant_type", "401 oauth_missing_clientsecret", "401 oauth_missing_callbackurl", "401 oauth_invalid_clientid",
			"401 " + otherCallback, "401 oauth_missing_authorizationcode", "401 oauth_invalid_authorizationcode",
			"401 oauth_authorization_code_expired", "401 oauth_access_token_expired", "401 fail decrypt refresh token",
		}},
	} {
		var got []string
		for _, l := range tc.table {
			got = append(got, strings.Join([]string{map[int]string{400: "400", 401: "401", 500: "500", 503: "503"}[l.status], l.text}, " "))
		}
		for _, line := range tc.want {
			if !slices.Contains(got, line) {
				t.Errorf("%s: nothing says %q", name, line)
			}
		}
	}
}

func TestAnErrorNobodyKnowsIsAFailedRequest(t *testing.T) {
	w := httptest.NewRecorder()
	WriteConnectionsCloudError(w, authserver.Refuse(authserver.ServerError, "the disk is on fire"))
	if w.Code != http.StatusInternalServerError || w.Body.String() != "oauth_request_failed" || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%d %s %v", w.Code, w.Body, w.Header())
	}
}

func TestTheAnswerIsOneLineInTheOldOrder(t *testing.T) {
	issued := time.UnixMilli(1400000000123)
	for name, tc := range map[string]struct {
		tokens authserver.Tokens
		want   string
	}{
		"with a refresh token": {
			authserver.Tokens{AccessToken: "a", RefreshToken: "r", IssuedAt: issued, ExpiresAt: issued.Add(2 * time.Hour)},
			"access_token=a&refresh_token=r&issued_on=1400000000123&expires_in=7200000&token_type=Bearer",
		},
		"without one": {
			authserver.Tokens{AccessToken: "a", IssuedAt: issued, ExpiresAt: issued.Add(1500 * time.Millisecond)},
			"access_token=a&issued_on=1400000000123&expires_in=1500&token_type=Bearer",
		},
	} {
		w := httptest.NewRecorder()
		WriteConnectionsCloudToken(w, &tc.tokens)
		if w.Body.String() != tc.want {
			t.Errorf("%s: %s, want %s", name, w.Body, tc.want)
		}
	}
}

func TestACallbackWithAQueryIsExtended(t *testing.T) {
	r := authserver.Return{Callback: "https://album.example/cb?x=1", State: "a b&c"}
	if got := ConnectionsCloudApprovalURL("", &authserver.Approval{Return: r, Proof: "p"}); got != "https://album.example/cb?x=1&code=p&state=a+b%26c" {
		t.Errorf("approved: %s", got)
	}
	denied := authserver.NewReturnError(authserver.NewAccessDeniedError(authserver.DeniedByOwner, ""), r)
	if got := ConnectionsCloudErrorURL("", denied); got != "https://album.example/cb?x=1&oauth_error=oauth_denied&error=access_denied&state=a+b%26c" {
		t.Errorf("denied: %s", got)
	}
	if got := ConnectionsCloudErrorURL("", authserver.NewReturnError(authserver.Refuse(authserver.InvalidScope, ""), r)); got != "" {
		t.Errorf("another error travels to %s", got)
	}
}

func anyName(string) bool { return true }

func TestTheHeaderOfOldClientsIsRead(t *testing.T) {
	for name, tc := range map[string]struct {
		list string
		want url.Values
	}{
		"quoted":             {`a="1",b="2"`, url.Values{"a": {"1"}, "b": {"2"}}},
		"blanks":             {` a = "1" ,  b="2" `, url.Values{"a": {"1"}, "b": {"2"}}},
		"unquoted":           {`a=1, b=2`, url.Values{"a": {"1"}, "b": {"2"}}},
		"percent":            {`a="x%2Cy%26%3D"`, url.Values{"a": {"x,y&="}}},
		"a comma in quotes":  {`a="x,y",b="z"`, url.Values{"a": {"x,y"}, "b": {"z"}}},
		"plus":               {`a="x+y"`, url.Values{"a": {"x+y"}}},
		"equals in a value":  {`a="x=y"`, url.Values{"a": {"x=y"}}},
		"empty values":       {`a="",b=`, url.Values{"a": {""}, "b": {""}}},
		"a comma at the end": {`a="1",`, url.Values{"a": {"1"}}},
		"twice":              {`a="1",a="2"`, url.Values{"a": {"1", "2"}}},
		"nothing":            {``, url.Values{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseHeaderList(tc.list, anyName)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, list := range []string{`a`, `a="1`, `a="1"b="2"`, `="1"`, `a=%zz`, `%zz=1`, `a=1 b=2`, `a=b"c`} {
		if got, err := parseHeaderList(list, anyName); err == nil {
			t.Errorf("%s is read as %v", list, got)
		}
	}
}

func FuzzHeaderList(f *testing.F) {
	f.Add(`callback_uri="https%3A%2F%2Falbum.example%2Fcb", client_secret="s", client_id=c,grant_type="authorization_code", code="x"`)
	f.Add(` a = "1" ,  b=2,`)
	f.Fuzz(func(t *testing.T, list string) {
		v, err := parseHeaderList(list, anyName)
		if err != nil {
			return
		}
		escape := func(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }
		var printed []string
		for name, values := range v {
			for _, value := range values {
				printed = append(printed, escape(name)+`="`+escape(value)+`"`)
			}
		}
		again, err := parseHeaderList(strings.Join(printed, ", "), anyName)
		if err != nil {
			t.Fatalf("%q does not read back: %v", printed, err)
		}
		if diff := cmp.Diff(v, again); diff != "" {
			t.Errorf("%q reads back differently: %s", printed, diff)
		}
	})
}

func TestN05AParameterThatALegacyEndpointDoesNotKnowMayBeThereTwice(t *testing.T) {
	v := url.Values{"colour": {"1", "2"}, "code": {"1", "2"}, "grant_type": {"1", "2"}}
	if diff := cmp.Diff([]string{"grant_type", "code"}, connectionsToken.repeated(v)); diff != "" {
		t.Error(diff)
	}
}

func TestWhereSecretsAreIsTold(t *testing.T) {
	form := "grant_type=refresh_token&client_id=a&client_secret=s&refresh_token=r"
	header := `OAuth grant_type="refresh_token",client_id="a",client_secret="s",refresh_token="r"`
	for name, tc := range map[string]struct {
		method, target, body, authorization string
		want                                authserver.SecretPlace
	}{
		"a form":               {"POST", "/", form, "", authserver.SecretInBody},
		"a form and a query":   {"POST", "/?cachebuster=1", form, "", authserver.SecretInBody},
		"a query":              {"GET", "/?" + form, "", "", authserver.SecretInURL},
		"a query of a POST":    {"POST", "/?" + form, "", "", authserver.SecretInURL},
		"a header":             {"GET", "/", "", header, authserver.SecretInHeader},
		"a header of a POST":   {"POST", "/", "", header, authserver.SecretInHeader},
		"the scheme's own way": {"GET", "/", "", "oauth" + header[5:], authserver.SecretInHeader},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(tc.method, tc.target, strings.NewReader(tc.body))
			if tc.body != "" {
				r.Header.Set("Content-Type", httpsyntax.FormType)
			}
			if tc.authorization != "" {
				r.Header.Set("Authorization", tc.authorization)
			}
			secret, req, err := ParseConnectionsCloudToken(r)
			if err != nil {
				t.Fatal(err)
			}
			want := authserver.ClientSecret{ID: "a", Secret: "s", Place: tc.want}
			if diff := cmp.Diff(want, secret); diff != "" || req.RefreshToken != "r" {
				t.Errorf("%s %+v", diff, req)
			}
		})
	}
}

func TestABodyThatIsNoFormIsRefused(t *testing.T) {
	for name, body := range map[string]string{"application/json": `{"grant_type":"x"}`, "": "grant_type=x", "multipart/form-data": "x", httpsyntax.FormType: "a=%zz"} {
		for dialect, parse := range map[string]func(*http.Request) (authserver.ClientSecret, authserver.TokenRequest, error){
			"Connections Cloud": ParseConnectionsCloudToken, "Integration Cloud": ParseIntegrationCloudToken,
		} {
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
			r.Header.Set("Content-Type", name)
			if _, _, err := parse(r); err == nil {
				t.Errorf("%s reads %s %q", dialect, name, body)
			}
		}
	}
}
