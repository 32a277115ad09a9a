// SPDX-License-Identifier: Apache-2.0

package oauth1_test

import (
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
)

const tokenURL = "https://apps.example" + oauth1.PathConnectionsAccessToken

// TestOldClientsOfConnectionsCloudAreUnderstood sends what the published SDKs send.
func TestOldClientsOfConnectionsCloudAreUnderstood(t *testing.T) {
	const javaQuery = "?oauth_consumer_key=app&oauth_token=tok&oauth_signature_method=PLAINTEXT&oauth_signature=ghs_secret%26token-secret" +
		"&oauth_timestamp=1400000000&oauth_nonce=1&oauth_version=1.0&oauth_verifier=v"
	for _, tc := range []struct {
		name string
		m    oauth1.Message
	}{
		{"Java SDK, header", oauth1.Message{Method: "POST", URL: tokenURL, Authorization: `OAuth oauth_consumer_key="app",oauth_token="tok",` +
			`oauth_signature_method="PLAINTEXT",oauth_signature="ghs_secret%26token-secret",oauth_timestamp="1400000000",oauth_nonce="1",oauth_version="1.0",oauth_verifier="v"`}},
		{"PHP SDK, header: unescaped, blanks", oauth1.Message{Method: "GET", URL: tokenURL, Authorization: `OAuth oauth_consumer_key="app", oauth_token="tok",` +
			`oauth_signature_method="PLAINTEXT", oauth_signature="ghs_secret&token-secret",oauth_timestamp="1400000000", oauth_nonce="1",oauth_version="1.0", oauth_verifier="v"`}},
		{"query of a GET", oauth1.Message{Method: "GET", URL: tokenURL + javaQuery}},
		{"form of a POST", oauth1.Message{Method: "POST", URL: tokenURL, Form: javaQuery[1:]}},
		{"any nonce, any timestamp", oauth1.Message{Method: "POST", URL: tokenURL, Authorization: `OAuth oauth_consumer_key="app", oauth_token="tok", ` +
			`oauth_signature_method="PLAINTEXT", oauth_signature="ghs_secret&token-secret", oauth_timestamp="now", oauth_nonce="a b", oauth_verifier="v"`}},
		{"no nonce, no timestamp, and something unknown", oauth1.Message{Method: "POST", URL: tokenURL, Authorization: `OAuth oauth_consumer_key="app", ` +
			`oauth_token="tok", oauth_signature_method="PLAINTEXT", oauth_signature="ghs_secret&token-secret", oauth_verifier="v", oauth_x="?", y="z"`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, err := oauth1.Parse(tc.m, oauth1.ConnectionsCloud(), oauth1.ParamToken, oauth1.ParamVerifier)
			if err != nil {
				t.Fatal(err)
			}
			if !r.Verify(clientSecret, tokenSecret) || r.ConsumerKey != "app" || r.Token != "tok" || r.Verifier != "v" {
				t.Errorf("key %q token %q verifier %q", r.ConsumerKey, r.Token, r.Verifier)
			}
			if r.Nonce != "" || !r.Timestamp.IsZero() {
				t.Errorf("nonce %q and timestamp %v look as if they had been checked", r.Nonce, r.Timestamp)
			}
		})
	}
}

func TestWhatIsDangerousInConnectionsCloudStaysRefused(t *testing.T) {
	const head = `OAuth oauth_consumer_key="app", oauth_token="tok", oauth_signature_method="PLAINTEXT", oauth_verifier="v", `
	for _, tc := range []struct {
		name, rest string
		want       oauth1.Fault // none: parsed, but not verified
	}{
		{"PHP SDK: the client's ID as the second half", `oauth_signature="ghs_secret&app"`, ""},
		{"only the first half", `oauth_signature="ghs_secret&"`, ""},
		{"no halves", `oauth_signature="ghs_secret"`, ""},
		{"both halves in one", `oauth_signature="ghs_secret&token-secret&"`, ""},
		{"a parameter twice", `oauth_signature="ghs_secret&token-secret", oauth_token="tok"`, oauth1.ParameterRepeated},
		{"another version", `oauth_signature="ghs_secret&token-secret", oauth_version="2.0"`, oauth1.VersionRejected},
		{"a quote in a value", `oauth_signature="ghs_secret\"&token-secret"`, oauth1.ParameterRejected},
		{"no signature", `oauth_nonce="1"`, oauth1.ParameterAbsent},
	} {
		r, err := oauth1.Parse(oauth1.Message{Method: "POST", URL: tokenURL, Authorization: head + tc.rest}, oauth1.ConnectionsCloud())
		if fault(err) != tc.want {
			t.Errorf("%s: got %v, want %q", tc.name, err, tc.want)
		}
		if err == nil && r.Verify(clientSecret, tokenSecret) {
			t.Errorf("%s verifies", tc.name)
		}
	}
}

func TestResourcesOfConnectionsCloudTakeOnlyTheHeader(t *testing.T) {
	const params = "oauth_consumer_key=app&oauth_token=tok&oauth_signature_method=PLAINTEXT&oauth_signature=ghs_secret%26token-secret"
	const header = `OAuth oauth_consumer_key="app", oauth_token="tok", oauth_signature_method="PLAINTEXT", oauth_signature="ghs_secret&token-secret"`
	for _, tc := range []struct {
		name string
		m    oauth1.Message
		want oauth1.Fault
	}{
		{"GET with header", oauth1.Message{Method: "GET", URL: tokenURL, Authorization: header}, ""},
		{"POST with header", oauth1.Message{Method: "POST", URL: tokenURL, Authorization: header}, ""},
		{"DELETE with header", oauth1.Message{Method: "DELETE", URL: tokenURL, Authorization: header}, oauth1.ParameterRejected},
		{"query", oauth1.Message{Method: "GET", URL: tokenURL + "?" + params}, oauth1.ParameterRejected},
		{"form", oauth1.Message{Method: "POST", URL: tokenURL, Form: params}, oauth1.ParameterRejected},
	} {
		if _, err := oauth1.Parse(tc.m, oauth1.ConnectionsCloudResource()); fault(err) != tc.want {
			t.Errorf("%s: got %v, want %q", tc.name, err, tc.want)
		}
	}
}
