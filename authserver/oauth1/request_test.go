// SPDX-License-Identifier: Apache-2.0

package oauth1_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
)

const (
	origin       = "https://auth.example"
	clientSecret = "ghs_secret"
	tokenSecret  = "token-secret"
)

// valid are the parameters of a request that has all of them.
func valid() []oauth1.Param {
	return []oauth1.Param{
		{Name: "oauth_consumer_key", Value: "photos.photoprint"},
		{Name: "oauth_token", Value: "tok"},
		{Name: "oauth_signature_method", Value: "HMAC-SHA256"},
		{Name: "oauth_timestamp", Value: "1700000000"},
		{Name: "oauth_nonce", Value: "n0nce+/="},
		{Name: "oauth_version", Value: "1.0"},
		{Name: "oauth_callback", Value: "https://app.example/cb?x=1"},
		{Name: "oauth_verifier", Value: "v"},
	}
}

// with returns params with one value changed; without a value the parameter goes.
func with(params []oauth1.Param, name string, value ...string) []oauth1.Param {
	out := slices.DeleteFunc(slices.Clone(params), func(p oauth1.Param) bool { return p.Name == name })
	for _, v := range value {
		out = append(out, oauth1.Param{Name: name, Value: v})
	}
	return out
}

// signed adds the signature that a client with both secrets puts on a request.
func signed(t *testing.T, method, rawURL string, params []oauth1.Param, alsoSigned ...oauth1.Param) []oauth1.Param {
	t.Helper()
	base, err := oauth1.BaseString(method, rawURL, append(slices.Clone(params), alsoSigned...))
	if err != nil {
		t.Fatal(err)
	}
	var how oauth1.SignatureMethod
	for _, p := range params {
		if p.Name == "oauth_signature_method" {
			how = oauth1.SignatureMethod(p.Value)
		}
	}
	return with(params, "oauth_signature", oauth1.Sign(how, base, clientSecret, tokenSecret))
}

// form is how a browser would write parameters.
func form(params []oauth1.Param) string {
	v := url.Values{}
	for _, p := range params {
		v.Add(p.Name, p.Value)
	}
	return v.Encode()
}

// message is a request to the access token endpoint with its parameters in the header.
func message(t *testing.T, params []oauth1.Param) oauth1.Message {
	t.Helper()
	u := origin + oauth1.PathAccessToken
	return oauth1.Message{Method: "POST", URL: u, Authorization: oauth1.Authorization("", signed(t, "POST", u, params))}
}

func fault(err error) oauth1.Fault {
	if e, ok := errors.AsType[authserver.Refusal](err); ok {
		return oauth1.ProblemOf(e).Fault
	}
	return ""
}

func TestARequestIsReadFromHeaderFormAndQuery(t *testing.T) {
	const path = oauth1.PathAccessToken + "?q=1"
	body := []oauth1.Param{{Name: "b", Value: "2 3"}}
	header := httptest.NewRequest("POST", path, strings.NewReader(form(body)))
	header.Header.Set("Authorization", oauth1.Authorization("Photos", signed(t, "POST", origin+path, valid(), body...)))
	inForm := httptest.NewRequest("POST", path, strings.NewReader(form(append(signed(t, "POST", origin+path, valid(), body...), body...))))
	query := httptest.NewRequest("POST", path+"&"+form(signed(t, "POST", origin+path, valid(), body...)), strings.NewReader(form(body)))
	for place, r := range map[oauth1.Place]*http.Request{oauth1.InHeader: header, oauth1.InForm: inForm, oauth1.InQuery: query} {
		t.Run(string(place), func(t *testing.T) {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
			got, err := oauth1.ParseRequest(r, origin, oauth1.Strict(), oauth1.ParamToken, oauth1.ParamVerifier)
			if err != nil {
				t.Fatal(err)
			}
			if !got.Verify(clientSecret, tokenSecret) {
				t.Error("the signature does not verify")
			}
			want := []any{place, "POST", true, oauth1.HMACSHA256, "photos.photoprint", "tok", "https://app.example/cb?x=1", "v", "n0nce+/=", time.Unix(1700000000, 0).UTC()}
			have := []any{got.Place, got.HTTPMethod, got.Secure, got.SignatureMethod, got.ConsumerKey, got.Token, got.Callback, got.Verifier, got.Nonce, got.Timestamp}
			if diff := cmp.Diff(want, have); diff != "" {
				t.Error(diff)
			}
			if len(got.Params) != len(valid())+2 || !slices.Contains(got.Params, body[0]) || !slices.Contains(got.Params, oauth1.Param{Name: "q", Value: "1"}) {
				t.Errorf("the signed parameters are %v", got.Params)
			}
		})
	}
}

func TestTheOriginComesFromTheCallerOrFromTheRequest(t *testing.T) {
	for _, tc := range []struct {
		name, target, origin, want string
	}{
		{"the caller's", "http://proxy.internal:8080/a%2Fb?x=%41", "https://auth.example", "https://auth.example/a%2Fb?x=%41"},
		{"TLS and Host", "https://API.example:443/a", "", "https://API.example:443/a"},
		{"no TLS", "http://api.example/a|b", "", "http://api.example/a|b"},
		{"no path", "http://api.example?x", "", "http://api.example/?x"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", tc.target, nil)
			m, err := oauth1.MessageOf(r, tc.origin)
			if err != nil || m.URL != tc.want && m.URL != strings.Replace(tc.want, "/?", "?", 1) {
				t.Errorf("got %s (%v), want %s", m.URL, err, tc.want)
			}
		})
	}
}

func TestARequestLineIsTakenAsItWasSent(t *testing.T) {
	for target, want := range map[string]string{
		"/a/../b%2f%7e?x=%7e+1":           origin + "/a/../b%2f%7e?x=%7e+1",
		"http://evil.example/a?b":         origin + "/a?b", // absolute form
		"http://evil.example?b=/":         origin + "?b=/",
		"http://evil.example":             origin,
		"//evil.example/a":                origin + "//evil.example/a",
		"*":                               origin,
		"HTTPS://evil.example/a?b=://c/d": origin + "/a?b=://c/d",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RequestURI = target
		m, err := oauth1.MessageOf(r, origin)
		if err != nil || m.URL != want {
			t.Errorf("%s: got %s (%v), want %s", target, m.URL, err, want)
		}
	}
	made, err := http.NewRequestWithContext(t.Context(), "GET", "https://api.example/a%2Fb?c", nil)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := oauth1.MessageOf(made, origin); err != nil || m.URL != origin+"/a%2Fb?c" {
		t.Errorf("got %s (%v)", m.URL, err)
	}
}

func TestABodyThatCannotBeReadIsRefused(t *testing.T) {
	r := httptest.NewRequest("POST", "/", strings.NewReader(strings.Repeat("a", 100)))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Body = http.MaxBytesReader(nil, r.Body, 10)
	if _, err := oauth1.MessageOf(r, origin); fault(err) != oauth1.ParameterRejected {
		t.Errorf("got %v", err)
	}
	for _, name := range []string{"Authorization", "Content-Type"} {
		r := httptest.NewRequest("POST", "/", nil)
		r.Header[name] = []string{"a", "b"}
		if _, err := oauth1.ParseRequest(r, origin, oauth1.Strict()); fault(err) != oauth1.ParameterRejected {
			t.Errorf("two %s headers: %v", name, err)
		}
	}
}

func TestAnOtherBodyIsLeftToItsHandler(t *testing.T) {
	r := httptest.NewRequest("POST", "/", strings.NewReader("{}"))
	r.Header.Set("Content-Type", "application/json")
	m, err := oauth1.MessageOf(r, origin)
	rest, _ := io.ReadAll(r.Body)
	if err != nil || m.Form != "" || string(rest) != "{}" {
		t.Errorf("form %q, left %q: %v", m.Form, rest, err)
	}
}

func TestUnknownParametersAreSigned(t *testing.T) {
	extra := oauth1.Param{Name: "oauth_body_hash", Value: "x"}
	m := message(t, append(valid(), extra, oauth1.Param{Name: "x_auth_mode", Value: "y"}))
	r, err := oauth1.Parse(m, oauth1.Strict())
	if err != nil || !r.Verify(clientSecret, tokenSecret) || !slices.Contains(r.Params, extra) {
		t.Fatalf("%v", err)
	}
	m.Authorization = strings.Replace(m.Authorization, `oauth_body_hash="x"`, `oauth_body_hash="z"`, 1)
	if r, err = oauth1.Parse(m, oauth1.Strict()); err != nil || r.Verify(clientSecret, tokenSecret) {
		t.Errorf("a changed unknown parameter verifies (%v)", err)
	}
}

func TestWhatCannotBeDecodedIsRefused(t *testing.T) {
	good := message(t, valid())
	for name, change := range map[string]func(m *oauth1.Message){
		"no method":          func(m *oauth1.Message) { m.Method = "" },
		"method with blanks": func(m *oauth1.Message) { m.Method = "PO ST" },
		"foreign method":     func(m *oauth1.Message) { m.Method = "PO\u017fT" }, // in upper case it would be POST
		"relative URL":       func(m *oauth1.Message) { m.URL = "/a" },
		"broken query":       func(m *oauth1.Message) { m.URL += "?a=%" },
		"broken query name":  func(m *oauth1.Message) { m.URL += "?%zz=a" },
		"broken form":        func(m *oauth1.Message) { m.Form = "a=%4" },
		"broken header":      func(m *oauth1.Message) { m.Authorization += ",x" },
		"another scheme":     func(m *oauth1.Message) { m.Authorization = "Bearer x" },
		"nothing":            func(m *oauth1.Message) { m.Authorization = "" },
	} {
		m := good
		change(&m)
		_, err := oauth1.Parse(m, oauth1.Resource())
		if e, ok := errors.AsType[authserver.Refusal](err); !ok || oauth1.ProblemOf(e).Status() != 400 {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestAVerifierThatSomebodyTypedMayHaveBlanks(t *testing.T) {
	r, err := oauth1.Parse(message(t, with(valid(), "oauth_verifier", "ABCD EFGH ")), oauth1.Strict())
	if err != nil || r.Verifier != "ABCD EFGH " || !r.Verify(clientSecret, tokenSecret) {
		t.Errorf("got %v", err)
	}
	if _, err := oauth1.Parse(message(t, with(valid(), "oauth_verifier", "ABCD\tEFGH")), oauth1.Strict()); fault(err) != oauth1.ParameterRejected {
		t.Errorf("a tabulator: %v", err)
	}
}

func TestAHugeRequestIsRefusedUnread(t *testing.T) {
	m := message(t, valid())
	m.Form = strings.Repeat("a=b&", 1100)
	if _, err := oauth1.Parse(m, oauth1.Strict()); fault(err) != oauth1.ParameterRejected {
		t.Errorf("1100 parameters: %v", err)
	}
	m.Form = strings.Repeat("a", 100<<10)
	if _, err := oauth1.Parse(m, oauth1.Strict()); fault(err) != oauth1.ParameterRejected {
		t.Errorf("100 kB: %v", err)
	}
}

func TestRequestsDoNotPrint(t *testing.T) {
	m := message(t, valid())
	r, err := oauth1.Parse(m, oauth1.Strict())
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		got := fmt.Sprintf(format, []any{m, r, *r})
		for _, secret := range []string{"tok", "n0nce", "photoprint", "app.example"} {
			if strings.Contains(got, secret) {
				t.Errorf("%s prints %s", format, got)
			}
		}
	}
	if got := m.LogValue().String() + r.LogValue().String(); got != "[redacted][redacted]" {
		t.Errorf("the log would say %s", got)
	}
}
