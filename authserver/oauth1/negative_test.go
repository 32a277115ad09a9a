// SPDX-License-Identifier: Apache-2.0

package oauth1_test

import (
	"errors"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
)

func TestAMalformedRequestIsRefused(t *testing.T) {
	for _, tc := range []struct {
		name   string
		params []oauth1.Param
		want   oauth1.Fault
		named  []string
	}{
		{"N51 no timestamp", with(valid(), "oauth_timestamp"), oauth1.ParameterAbsent, []string{"oauth_timestamp"}},
		{"N51 no nonce", with(valid(), "oauth_nonce"), oauth1.ParameterAbsent, []string{"oauth_nonce"}},
		{"N51 an empty nonce", with(valid(), "oauth_nonce", ""), oauth1.ParameterAbsent, []string{"oauth_nonce"}},
		{"N51 negative timestamp", with(valid(), "oauth_timestamp", "-1"), oauth1.ParameterRejected, []string{"oauth_timestamp"}},
		{"N51 timestamp with a sign", with(valid(), "oauth_timestamp", "+1700000000"), oauth1.ParameterRejected, []string{"oauth_timestamp"}},
		{"N51 timestamp zero", with(valid(), "oauth_timestamp", "0"), oauth1.ParameterRejected, []string{"oauth_timestamp"}},
		{"N51 timestamp with a leading zero", with(valid(), "oauth_timestamp", "01700000000"), oauth1.ParameterRejected, []string{"oauth_timestamp"}},
		{"N51 timestamp after the year 9999", with(valid(), "oauth_timestamp", "253402300800"), oauth1.ParameterRejected, []string{"oauth_timestamp"}},
		{"N51 huge timestamp", with(valid(), "oauth_timestamp", strings.Repeat("9", 60)), oauth1.ParameterRejected, []string{"oauth_timestamp"}},
		{"N51 overlong timestamp", with(valid(), "oauth_timestamp", strings.Repeat("9", 65)), oauth1.ParameterRejected, []string{"oauth_timestamp"}},
		{"N51 fractional timestamp", with(valid(), "oauth_timestamp", "1700000000.5"), oauth1.ParameterRejected, []string{"oauth_timestamp"}},
		{"N51 hexadecimal timestamp", with(valid(), "oauth_timestamp", "0x1"), oauth1.ParameterRejected, []string{"oauth_timestamp"}},
		{"N51 Arabic digits", with(valid(), "oauth_timestamp", "\u0661"), oauth1.ParameterRejected, []string{"oauth_timestamp"}},
		{"N51 overlong nonce", with(valid(), "oauth_nonce", strings.Repeat("n", 129)), oauth1.ParameterRejected, []string{"oauth_nonce"}},
		{"N51 nonce with a line break", with(valid(), "oauth_nonce", "a\nb"), oauth1.ParameterRejected, []string{"oauth_nonce"}},
		{"N51 nonce that is not ASCII", with(valid(), "oauth_nonce", "\xff"), oauth1.ParameterRejected, []string{"oauth_nonce"}},
		{"N52 no callback", with(valid(), "oauth_callback"), oauth1.ParameterAbsent, []string{"oauth_callback"}},
		{"N52 an empty callback", with(valid(), "oauth_callback", ""), oauth1.ParameterAbsent, []string{"oauth_callback"}},
		{"N53 no verifier", with(valid(), "oauth_verifier"), oauth1.ParameterAbsent, []string{"oauth_verifier"}},
		{"N53 the empty verifier of a denial", with(valid(), "oauth_verifier", ""), oauth1.ParameterAbsent, []string{"oauth_verifier"}},
		{"N54 no token", with(valid(), "oauth_token"), oauth1.ParameterAbsent, []string{"oauth_token"}},
		{"no client", with(valid(), "oauth_consumer_key"), oauth1.ParameterAbsent, []string{"oauth_consumer_key"}},
		{"overlong client", with(valid(), "oauth_consumer_key", strings.Repeat("c", 513)), oauth1.ParameterRejected, []string{"oauth_consumer_key"}},
		{"callback that is not ASCII", with(valid(), "oauth_callback", "https://\u00e4.example"), oauth1.ParameterRejected, []string{"oauth_callback"}},
		{"two things wrong", with(with(valid(), "oauth_nonce", "\x00"), "oauth_token", " "), oauth1.ParameterRejected, []string{"oauth_token", "oauth_nonce"}},
		{"N56 a name twice", append(valid(), oauth1.Param{Name: "oauth_nonce", Value: "m"}), oauth1.ParameterRepeated, []string{"oauth_nonce"}},
		{"N56 the same value twice", append(valid(), valid()[1]), oauth1.ParameterRepeated, []string{"oauth_token"}},
		{"N56 an unknown name twice", append(valid(), oauth1.Param{Name: "oauth_x"}, oauth1.Param{Name: "oauth_x"}), oauth1.ParameterRepeated, nil},
		{"N57 version 2.0", with(valid(), "oauth_version", "2.0"), oauth1.VersionRejected, []string{"oauth_version"}},
		{"N57 version 1.0a", with(valid(), "oauth_version", "1.0a"), oauth1.VersionRejected, []string{"oauth_version"}},
		{"N57 version 1", with(valid(), "oauth_version", "1"), oauth1.VersionRejected, []string{"oauth_version"}},
		{"N57 an empty version", with(valid(), "oauth_version", ""), oauth1.VersionRejected, []string{"oauth_version"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := oauth1.Parse(message(t, tc.params), oauth1.Strict(), oauth1.ParamToken, oauth1.ParamCallback, oauth1.ParamVerifier)
			e, ok := errors.AsType[authserver.Refusal](err)
			if !ok || fault(err) != tc.want {
				t.Fatalf("got %v, want %s", err, tc.want)
			}
			p := oauth1.ProblemOf(e)
			if diff := cmp.Diff(tc.named, p.Params); diff != "" {
				t.Error(diff)
			}
			if p.Status() != 400 {
				t.Errorf("the status is %d", p.Status())
			}
		})
	}
}

func TestN54TheSecretOfAnotherTokenDoesNotVerify(t *testing.T) {
	for _, how := range []string{"HMAC-SHA1", "HMAC-SHA256", "PLAINTEXT"} {
		r, err := oauth1.Parse(message(t, with(valid(), "oauth_signature_method", how)), oauth1.Strict())
		if err != nil {
			t.Fatal(err)
		}
		if !r.Verify(clientSecret, tokenSecret) {
			t.Errorf("%s: the right secrets do not verify", how)
		}
		for _, wrong := range [][2]string{
			{clientSecret, "other"},
			{clientSecret, ""},
			{"other", tokenSecret},
			{"", tokenSecret},
			{"", ""},
			{tokenSecret, clientSecret},
			{clientSecret + "&" + tokenSecret, ""},
			{clientSecret, tokenSecret + "&"},
		} {
			if r.Verify(wrong[0], wrong[1]) {
				t.Errorf("%s verifies with %q", how, wrong)
			}
		}
	}
}

func TestN54NothingIsSignedWithoutASecret(t *testing.T) {
	u := origin + oauth1.PathAccessToken
	for _, how := range []oauth1.SignatureMethod{oauth1.HMACSHA1, oauth1.HMACSHA256, oauth1.Plaintext} {
		params := with(valid(), "oauth_signature_method", string(how))
		base, err := oauth1.BaseString("POST", u, params)
		if err != nil {
			t.Fatal(err)
		}
		params = with(params, "oauth_signature", oauth1.Sign(how, base, "", ""))
		r, err := oauth1.Parse(oauth1.Message{Method: "POST", URL: u, Authorization: oauth1.Authorization("", params)}, oauth1.Strict())
		if err != nil || r.Verify("", "") {
			t.Errorf("%s verifies with empty secrets (%v)", how, err)
		}
	}
	if new(oauth1.Request).Verify(clientSecret, "") {
		t.Error("a request that was never parsed verifies")
	}
}

func TestN55PlaintextNeedsBothHalvesAlsoWithoutAToken(t *testing.T) {
	params := with(valid(), "oauth_signature_method", "PLAINTEXT")
	for signature, want := range map[string]bool{
		clientSecret + "&": true, "gh%73_secret&": true,
		clientSecret: false, clientSecret + "&%zz": false, clientSecret + "&%": false, clientSecret + "&&": false, clientSecret + "&+": false,
		"%zz" + clientSecret + "&": false, "&": false, "&" + clientSecret: false, clientSecret + "&x": false,
	} {
		m := oauth1.Message{Method: "POST", URL: origin + oauth1.PathRequestToken, Authorization: oauth1.Authorization("", with(params, "oauth_signature", signature))}
		if r, err := oauth1.Parse(m, oauth1.Strict()); err != nil || r.Verify(clientSecret, "") != want {
			t.Errorf("%q verifies: %v (%v)", signature, !want, err)
		}
	}
}

func TestN51ThePlaintextNonceIsReadWhereItIsGiven(t *testing.T) {
	params := with(valid(), "oauth_signature_method", "PLAINTEXT")
	r, err := oauth1.Parse(message(t, params), oauth1.Strict())
	if err != nil || r.Nonce == "" || r.Timestamp.IsZero() {
		t.Errorf("nonce and timestamp are not read (%v)", err)
	}
	r, err = oauth1.Parse(message(t, with(with(params, "oauth_nonce"), "oauth_timestamp")), oauth1.Strict())
	if err != nil || r.Nonce != "" || !r.Timestamp.IsZero() {
		t.Errorf("without nonce and timestamp: %v", err)
	}
	if _, err = oauth1.Parse(message(t, with(params, "oauth_timestamp", "-1")), oauth1.Strict()); fault(err) != oauth1.ParameterRejected {
		t.Errorf("a negative timestamp: %v", err)
	}
}

// TestN55ASignatureHasOneSpelling shows that what was seen once cannot be sent again in
// another dress.
func TestN55ASignatureHasOneSpelling(t *testing.T) {
	for _, how := range []string{"HMAC-SHA1", "HMAC-SHA256", "PLAINTEXT"} {
		params := with(valid(), "oauth_signature_method", how)
		u := origin + oauth1.PathAccessToken
		good := signed(t, "POST", u, params)
		signature := good[len(good)-1].Value
		bits := strings.TrimRight(signature, "=")
		for name, forged := range map[string]string{
			"cut": signature[:len(signature)-1], "more": signature + "A", "padded": signature + "=", "unpadded": bits + "x",
			"blank": signature + " ", "line break": signature[:4] + "\n" + signature[4:], "more halves": signature + "&", "a leading half": "&" + signature,
			"spare bits": bits[:len(bits)-1] + string(bits[len(bits)-1]+1) + signature[len(bits):], "upper case": strings.ToUpper(signature),
			"the first half": strings.Split(signature, "&")[0][1:], "nothing but halves": "&", "percent": signature + "%", "broken percent": "%zz" + signature,
			"URL alphabet": strings.NewReplacer("+", "-", "/", "_").Replace(signature) + "A",
		} {
			m := oauth1.Message{Method: "POST", URL: u, Authorization: oauth1.Authorization("", with(params, "oauth_signature", forged))}
			if r, err := oauth1.Parse(m, oauth1.Strict()); err == nil && r.Verify(clientSecret, tokenSecret) {
				t.Errorf("%s, %s: %q verifies like %q", how, name, forged, signature)
			}
		}
	}
}

func TestN55PlaintextStaysOffTheWireAndOutOfURLs(t *testing.T) {
	params := with(valid(), "oauth_signature_method", "PLAINTEXT")
	secure := message(t, params)
	open := secure
	open.URL = strings.Replace(open.URL, "https:", "http:", 1)
	inQuery := oauth1.Message{Method: "POST", URL: secure.URL + "?" + form(signed(t, "POST", secure.URL, params))}
	rsa := message(t, valid())
	rsa.Authorization = strings.Replace(rsa.Authorization, "HMAC-SHA256", "RSA-SHA1", 1)
	lower := message(t, valid())
	lower.Authorization = strings.Replace(lower.Authorization, "HMAC-SHA256", "hmac-sha256", 1)
	onlyHMAC := oauth1.Strict()
	onlyHMAC.SignatureMethods = []oauth1.SignatureMethod{oauth1.HMACSHA1, oauth1.HMACSHA256}
	for _, tc := range []struct {
		name  string
		m     oauth1.Message
		rules oauth1.Rules
		want  oauth1.Fault
	}{
		{"over TLS", secure, oauth1.Strict(), ""},
		{"at a resource", secure, oauth1.Resource(), ""},
		{"without TLS", open, oauth1.Strict(), oauth1.SignatureMethodRejected},
		{"at a resource without TLS", open, oauth1.Resource(), oauth1.SignatureMethodRejected},
		{"of an old client without TLS", open, oauth1.ConnectionsCloud(), oauth1.SignatureMethodRejected},
		{"in the query", inQuery, oauth1.Strict(), oauth1.SignatureMethodRejected},
		{"in the query, of an old client", inQuery, oauth1.ConnectionsCloud(), ""}, // the engine judges
		{"in the query, of an old client at a resource", inQuery, oauth1.ConnectionsCloudResource(), oauth1.ParameterRejected},
		{"another method", rsa, oauth1.Strict(), oauth1.SignatureMethodRejected},
		{"a method in lower case", lower, oauth1.Strict(), oauth1.SignatureMethodRejected},
		{"another method than PLAINTEXT, of an old client", message(t, valid()), oauth1.ConnectionsCloud(), oauth1.SignatureMethodRejected},
		{"of a client that may not", secure, onlyHMAC, oauth1.SignatureMethodRejected},
	} {
		if _, err := oauth1.Parse(tc.m, tc.rules); fault(err) != tc.want {
			t.Errorf("%s: got %v, want %q", tc.name, err, tc.want)
		}
	}
}

func TestN56TheBaseStringOfEquivalentRequestsIsOne(t *testing.T) {
	want, err := oauth1.BaseString("POST", "https://auth.example/?a=1&a=2&b=x%20y&c=", []oauth1.Param{{Name: "oauth_token", Value: "t"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range []string{
		"https://auth.example?a=1&a=2&b=x+y&c=", "HTTPS://AUTH.EXAMPLE:443/?a=1&a=2&b=x%20y&c", "https://auth.example/?c&b=x+y&a=2&a=1",
		"https://auth.example/?&&%61=1&a=%32&b=x%20y&c=&",
	} {
		if got, err := oauth1.BaseString("post", raw, []oauth1.Param{{Name: "oauth_signature", Value: "s"}, {Name: "oauth_token", Value: "t"}}); got != want {
			t.Errorf("%s: got %s (%v), want %s", raw, got, err, want)
		}
	}
	for _, raw := range []string{
		"http://auth.example/?a=1&a=2&b=x+y&c=", "https://auth.example:80/?a=1&a=2&b=x+y&c=", "https://auth.example/?a=1&b=x+y&c=",
		"https://auth.example/?a=1&a=2&b=x%2By&c=", "https://auth.example/?a=1&a=2&b=x+y", "https://auth.example/%3Fa?a=1&a=2&b=x+y&c=",
		"https://auth.example//?a=1&a=2&b=x+y&c=", "https://auth.example/?A=1&a=2&b=x+y&c=", "https://auth.example/?a=1%26a=2&b=x+y&c=",
	} {
		if got, _ := oauth1.BaseString("POST", raw, []oauth1.Param{{Name: "oauth_token", Value: "t"}}); got == want {
			t.Errorf("%s has the base string of another request", raw)
		}
	}
}

func TestN56ProtocolParametersInTwoPlacesAreRefused(t *testing.T) {
	m := message(t, with(with(valid(), "oauth_verifier"), "oauth_callback"))
	split := oauth1.Message{Method: "POST", URL: m.URL + "?" + form(valid()), Form: "oauth_signature=s"}
	if _, err := oauth1.Parse(split, oauth1.Strict()); fault(err) != oauth1.ParameterRejected {
		t.Errorf("query and form: got %v", err)
	}
	header := oauth1.Message{Method: "POST", URL: m.URL, Form: form(signed(t, "POST", m.URL, with(valid(), "oauth_verifier"))), Authorization: `OAuth oauth_verifier="v"`}
	if _, err := oauth1.Parse(header, oauth1.Strict()); fault(err) != oauth1.ParameterRejected {
		t.Errorf("the verifier in the header and the rest in the form: got %v", err)
	}
	for _, tc := range []struct {
		name, query, form string
		want              oauth1.Fault
	}{
		{"header and an unknown one in the query", "?oauth_x=", "", oauth1.ParameterRejected},
		{"header and a disguised one in the form", "", "%6Fauth%5Fbody_hash=x", oauth1.ParameterRejected},
		{"header and another one in the form, beside the verifier", "", "oauth_verifier=v&oauth_body_hash=x", oauth1.ParameterRejected},
		{"one and the same in both", "?oauth_token=tok", "", oauth1.ParameterRepeated},
		{"the verifier in form and query", "?oauth_verifier=v", "oauth_verifier=v", oauth1.ParameterRepeated},
		{"the callback twice in the form", "", "oauth_callback=x&oauth_callback=x", oauth1.ParameterRepeated},
	} {
		m := m
		m.URL += tc.query
		m.Form = tc.form
		if _, err := oauth1.Parse(m, oauth1.Strict()); fault(err) != tc.want {
			t.Errorf("%s: got %v, want %s", tc.name, err, tc.want)
		}
	}
	m = message(t, valid())
	for _, name := range []string{"oauth_verifier", "oauth_callback"} {
		for _, m := range []oauth1.Message{
			{Method: "POST", URL: m.URL + "?" + name + "=", Authorization: m.Authorization},
			{Method: "POST", URL: m.URL, Authorization: m.Authorization, Form: name + "="},
		} {
			if _, err := oauth1.Parse(m, oauth1.Strict()); fault(err) != oauth1.ParameterRepeated {
				t.Errorf("%s in the header, and empty elsewhere: got %v", name, err)
			}
		}
	}
}

func TestN56ABodyThatIsNotAFormIsNotSigned(t *testing.T) {
	u := origin + oauth1.PathAccessToken
	for contentType, want := range map[string]bool{
		"application/json": true, "text/plain": true, "": true, "multipart/form-data; boundary=x": true, "application/x-www-form-urlencoded2": true,
		"application/x-www-form-urlencoded": false, "Application/X-WWW-Form-URLEncoded; charset=utf-8": false,
	} {
		r := httptest.NewRequest("POST", oauth1.PathAccessToken, strings.NewReader("a=b"))
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("Authorization", oauth1.Authorization("", signed(t, "POST", u, valid())))
		got, err := oauth1.ParseRequest(r, origin, oauth1.Strict())
		if err != nil || got.Verify(clientSecret, tokenSecret) != want {
			t.Errorf("%q: signed without the body, it verifies: %v (%v)", contentType, !want, err)
		}
	}
}

func TestN57TheRealmIsNotSigned(t *testing.T) {
	u := origin + oauth1.PathAccessToken
	without := oauth1.Authorization(`Pho"tos, oauth_token="x`, signed(t, "POST", u, valid()))
	with := oauth1.Authorization("Photos", signed(t, "POST", u, valid(), oauth1.Param{Name: "realm", Value: "Photos"}))
	for header, want := range map[string]bool{without: true, strings.Replace(without, "realm", "Realm", 1): true, with: false} {
		r, err := oauth1.Parse(oauth1.Message{Method: "POST", URL: u, Authorization: header}, oauth1.Strict())
		if err != nil || r.Verify(clientSecret, tokenSecret) != want {
			t.Errorf("%s verifies: %v (%v)", header, !want, err)
		}
	}
	// In a query or form, realm is a parameter like any other.
	u += "?realm=x"
	m := oauth1.Message{Method: "POST", URL: u, Authorization: oauth1.Authorization("", signed(t, "POST", u, valid()))}
	if r, err := oauth1.Parse(m, oauth1.Strict()); err != nil || !r.Verify(clientSecret, tokenSecret) {
		t.Errorf("a realm in the query is not signed (%v)", err)
	}
}

func TestN58UnknownClientsAndWrongSignaturesGetOneAnswer(t *testing.T) {
	var answers []string
	for _, rules := range []oauth1.Rules{oauth1.Strict(), oauth1.ConnectionsCloud()} {
		for _, e := range clientErrors() {
			w := httptest.NewRecorder()
			oauth1.WriteProblem(w, rules, oauth1.ProblemOf(e))
			keys := slices.Sorted(maps.Keys(w.Header()))
			answers = append(answers, w.Result().Status+strings.Join(keys, ",")+w.Header().Get("WWW-Authenticate")+w.Body.String())
		}
	}
	if got := slices.Compact(answers); len(got) != 2 { // one for each profile
		t.Errorf("the answers differ: %q", got)
	}
	if !strings.Contains(answers[0], "signature_invalid") {
		t.Errorf("the answer is %s", answers[0])
	}
}
