// SPDX-License-Identifier: Apache-2.0

package oauth1_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
)

// published are examples that others have worked out, with the parameters as the client
// spelled them.
var published = []struct {
	name         string
	message      oauth1.Message
	clientSecret string
	tokenSecret  string
	baseString   string
}{
	{
		name: "RFC 5849 §1.2, temporary credentials",
		message: oauth1.Message{
			Method: "POST", URL: "https://photos.example.net/initiate",
			Authorization: `OAuth realm="Photos", oauth_consumer_key="dpf43f3p2l4k3l03", oauth_signature_method="HMAC-SHA1", ` +
				`oauth_timestamp="137131200", oauth_nonce="wIjqoS", oauth_callback="http%3A%2F%2Fprinter.example.com%2Fready", ` +
				`oauth_signature="74KNZJeDHnMBp0EMJ9ZHt%2FXKycU%3D"`,
		},
		clientSecret: "kd94hf93k423kf44",
		baseString: "POST&https%3A%2F%2Fphotos.example.net%2Finitiate&oauth_callback%3Dhttp%253A%252F%252Fprinter.example.com" +
			"%252Fready%26oauth_consumer_key%3Ddpf43f3p2l4k3l03%26oauth_nonce%3DwIjqoS%26oauth_signature_method%3DHMAC-SHA1" +
			"%26oauth_timestamp%3D137131200",
	},
	{
		name: "RFC 5849 §1.2, token credentials",
		message: oauth1.Message{
			Method: "POST", URL: "https://photos.example.net/token",
			Authorization: `OAuth realm="Photos", oauth_consumer_key="dpf43f3p2l4k3l03", oauth_token="hh5s93j4hdidpola", ` +
				`oauth_signature_method="HMAC-SHA1", oauth_timestamp="137131201", oauth_nonce="walatlh", ` +
				`oauth_verifier="hfdp7dh39dks9884", oauth_signature="gKgrFCywp7rO0OXSjdot%2FIHF7IU%3D"`,
		},
		clientSecret: "kd94hf93k423kf44", tokenSecret: "hdhd0244k9j7ao03",
		baseString: "POST&https%3A%2F%2Fphotos.example.net%2Ftoken&oauth_consumer_key%3Ddpf43f3p2l4k3l03%26oauth_nonce%3Dwalatlh" +
			"%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dhh5s93j4hdidpola" +
			"%26oauth_verifier%3Dhfdp7dh39dks9884",
	},
	{
		name: "RFC 5849 §1.2, the photo",
		message: oauth1.Message{
			Method: "GET", URL: "http://photos.example.net/photos?file=vacation.jpg&size=original",
			Authorization: `OAuth realm="Photos", oauth_consumer_key="dpf43f3p2l4k3l03", oauth_token="nnch734d00sl2jdk", ` +
				`oauth_signature_method="HMAC-SHA1", oauth_timestamp="137131202", oauth_nonce="chapoH", ` +
				`oauth_signature="MdpQcU8iPSUjWoN%2FUDMsK2sui9I%3D"`,
		},
		clientSecret: "kd94hf93k423kf44", tokenSecret: "pfkkdhi9sl3r4s00",
		baseString: "GET&http%3A%2F%2Fphotos.example.net%2Fphotos&file%3Dvacation.jpg%26oauth_consumer_key%3Ddpf43f3p2l4k3l03" +
			"%26oauth_nonce%3DchapoH%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131202" +
			"%26oauth_token%3Dnnch734d00sl2jdk%26size%3Doriginal",
	},
	{
		// The RFC prints another signature here, which none of its secrets give; this one
		// was computed from its base string and its secrets (§3.1) by OpenSSL.
		name: "RFC 5849 §3.4.1.1",
		message: oauth1.Message{
			Method: "POST", URL: "http://example.com/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b", Form: "c2&a3=2+q",
			Authorization: `OAuth realm="Example", oauth_consumer_key="9djdj82h48djs9d2", oauth_token="kkk9d7dh3k39sjv7", ` +
				`oauth_signature_method="HMAC-SHA1", oauth_timestamp="137131201", oauth_nonce="7d8f3e4a", ` +
				`oauth_signature="r6%2FTJjbCOr97%2F%2BUU0NsvSne7s5g%3D"`,
		},
		clientSecret: "j49sk3j29djd", tokenSecret: "dh893hdasih9",
		baseString: "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D" +
			"%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1" +
			"%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7",
	},
	{
		name: "OAuth Core 1.0a appendix A.5, all in the query",
		message: oauth1.Message{
			Method: "GET", URL: "http://photos.example.net/photos?file=vacation.jpg&size=original&oauth_consumer_key=dpf43f3p2l4k3l03" +
				"&oauth_token=nnch734d00sl2jdk&oauth_signature_method=HMAC-SHA1&oauth_signature=tR3%2BTy81lMeYAr%2FFid0kMTYa%2FWM%3D" +
				"&oauth_timestamp=1191242096&oauth_nonce=kllo9940pd9333jh&oauth_version=1.0",
		},
		clientSecret: "kd94hf93k423kf44", tokenSecret: "pfkkdhi9sl3r4s00",
		baseString: "GET&http%3A%2F%2Fphotos.example.net%2Fphotos&file%3Dvacation.jpg%26oauth_consumer_key%3Ddpf43f3p2l4k3l03" +
			"%26oauth_nonce%3Dkllo9940pd9333jh%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D1191242096" +
			"%26oauth_token%3Dnnch734d00sl2jdk%26oauth_version%3D1.0%26size%3Doriginal",
	},
	{
		name: "a large service's page about signatures: query, form and punctuation",
		message: oauth1.Message{
			Method: "POST", URL: "https://api.twitter.com/1/statuses/update.json?include_entities=true",
			Form: "status=Hello%20Ladies%20%2b%20Gentlemen%2c%20a%20signed%20OAuth%20request%21",
			Authorization: `OAuth oauth_consumer_key="xvz1evFS4wEEPTGEFPHBog", oauth_nonce="kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg", ` +
				`oauth_signature="tnnArxj06cWHq44gCs1OSKk%2FjLY%3D", oauth_signature_method="HMAC-SHA1", oauth_timestamp="1318622958", ` +
				`oauth_token="370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb", oauth_version="1.0"`,
		},
		clientSecret: "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw", tokenSecret: "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE",
		baseString: "POST&https%3A%2F%2Fapi.twitter.com%2F1%2Fstatuses%2Fupdate.json&include_entities%3Dtrue" +
			"%26oauth_consumer_key%3Dxvz1evFS4wEEPTGEFPHBog%26oauth_nonce%3DkYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg" +
			"%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D1318622958" +
			"%26oauth_token%3D370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb%26oauth_version%3D1.0" +
			"%26status%3DHello%2520Ladies%2520%252B%2520Gentlemen%252C%2520a%2520signed%2520OAuth%2520request%2521",
	},
}

func TestPublishedExamplesVerify(t *testing.T) {
	for _, tc := range published {
		t.Run(tc.name, func(t *testing.T) {
			r, err := oauth1.Parse(tc.message, oauth1.Resource())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.baseString, r.BaseString()); diff != "" {
				t.Error(diff)
			}
			if !r.Verify(tc.clientSecret, tc.tokenSecret) {
				t.Error("the published signature does not verify")
			}
			if r.Verify(tc.clientSecret+"x", tc.tokenSecret) || r.Verify(tc.clientSecret, tc.tokenSecret+"x") {
				t.Error("the signature verifies with another secret")
			}
		})
	}
}

func TestPublishedPlaintextExamplesVerify(t *testing.T) {
	inQuery := oauth1.Strict()
	inQuery.SecretsInURL = true // as the old appendix A sent it
	for _, tc := range []struct {
		name                      string
		message                   oauth1.Message
		rules                     oauth1.Rules
		clientSecret, tokenSecret string
	}{
		{"RFC 5849 §2.1", oauth1.Message{
			Method: "POST", URL: "https://server.example.com/request_temp_credentials",
			Authorization: `OAuth realm="Example", oauth_consumer_key="jd83jd92dhsh93js", oauth_signature_method="PLAINTEXT", ` +
				`oauth_callback="http%3A%2F%2Fclient.example.net%2Fcb%3Fx%3D1", oauth_signature="ja893SD9%26"`,
		}, oauth1.Strict(), "ja893SD9", ""},
		{"RFC 5849 §2.3", oauth1.Message{
			Method: "POST", URL: "https://server.example.com/request_token",
			Authorization: `OAuth realm="Example", oauth_consumer_key="jd83jd92dhsh93js", oauth_token="hdk48Djdsa", ` +
				`oauth_signature_method="PLAINTEXT", oauth_verifier="473f82d3", oauth_signature="ja893SD9%26xyz4992k83j47x0b"`,
		}, oauth1.Strict(), "ja893SD9", "xyz4992k83j47x0b"},
		{"OAuth Core 1.0a appendix A.2", oauth1.Message{
			Method: "POST", URL: "https://photos.example.net/request_token?oauth_consumer_key=dpf43f3p2l4k3l03&oauth_signature_method=PLAINTEXT" +
				"&oauth_signature=kd94hf93k423kf44%26&oauth_timestamp=1191242090&oauth_nonce=hsu94j3884jdopsl&oauth_version=1.0" +
				"&oauth_callback=http%3A%2F%2Fprinter.example.com%2Frequest_token_ready",
		}, inQuery, "kd94hf93k423kf44", ""},
		{"OAuth Core 1.0a appendix A.4", oauth1.Message{
			Method: "POST", URL: "https://photos.example.net/access_token?oauth_consumer_key=dpf43f3p2l4k3l03&oauth_token=hh5s93j4hdidpola" +
				"&oauth_signature_method=PLAINTEXT&oauth_signature=kd94hf93k423kf44%26hdhd0244k9j7ao03&oauth_timestamp=1191242092" +
				"&oauth_nonce=dji430splmx33448&oauth_version=1.0&oauth_verifier=hfdp7dh39dks9884",
		}, inQuery, "kd94hf93k423kf44", "hdhd0244k9j7ao03"},
		{"OAuth Core 1.0a §9.4.1, a secret that needs encoding", oauth1.Message{
			Method: "POST", URL: "https://photos.example.net/",
			Authorization: `OAuth oauth_consumer_key="k", oauth_signature_method="PLAINTEXT", oauth_signature="djr9rjt0jd78jf88%26jjd99%2524tj88uiths3"`,
		}, oauth1.Strict(), "djr9rjt0jd78jf88", "jjd99$tj88uiths3"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, err := oauth1.Parse(tc.message, tc.rules)
			if err != nil {
				t.Fatal(err)
			}
			if !r.Verify(tc.clientSecret, tc.tokenSecret) {
				t.Error("the published signature does not verify")
			}
			if r.Verify(tc.clientSecret+"x", tc.tokenSecret) || r.Verify(tc.clientSecret, tc.tokenSecret+"x") {
				t.Error("the signature verifies with another secret")
			}
		})
	}
}

func TestPublishedBaseStringsAreSigned(t *testing.T) {
	rfc := published[3].baseString
	for _, tc := range []struct {
		method                          oauth1.SignatureMethod
		base, client, token, wantSigned string
	}{
		{oauth1.HMACSHA1, "bs", "cs", "", "egQqG5AJep5sJ7anhXju1unge2I="},   // community test cases
		{oauth1.HMACSHA1, "bs", "cs", "ts", "VZVjXceV7JgPq/dOTnNmEfO0Fv8="}, // community test cases
		{oauth1.HMACSHA1, rfc, "ECrDNoq1VYzzzzzzzzzyAK7TwZNtPnkqatqZZZZ", "just-a-string    asdasd", "wsdNmjGB7lvis0UJuPAmjvX/PXw="},
		{oauth1.HMACSHA256, rfc, "ECrDNoq1VYzzzzzzzzzyAK7TwZNtPnkqatqZZZZ", "just-a-string    asdasd", "wdfdHUKXHbOnOGZP8WFAWMSAmWzN3EVBWWgXGlC/Eo4="},
		{oauth1.Plaintext, "", "djr9rjt0jd78jf88", "", "djr9rjt0jd78jf88&"}, // OAuth Core 1.0a §9.4.1
		{oauth1.Plaintext, "", "djr9rjt0jd78jf88", "jjd99$tj88uiths3", "djr9rjt0jd78jf88&jjd99%24tj88uiths3"},
		{"RSA-SHA1", rfc, "cs", "ts", ""},
	} {
		if got := oauth1.Sign(tc.method, tc.base, tc.client, tc.token); got != tc.wantSigned {
			t.Errorf("%s of %q: got %s, want %s", tc.method, tc.base, got, tc.wantSigned)
		}
	}
}

// TestCommunityTestCases are the tables of the wiki that went with OAuth Core 1.0.
func TestCommunityTestCases(t *testing.T) {
	for text, want := range map[string]string{
		"abcABC123": "abcABC123", "-._~": "-._~", "%": "%25", "+": "%2B", "&=*": "%26%3D%2A", "\n": "%0A", " ": "%20",
		"\u007f": "%7F", "\u0080": "%C2%80", "\u3001": "%E3%80%81", "": "",
	} {
		if got := oauth1.Encode(text); got != want {
			t.Errorf("%q is encoded as %s, want %s", text, got, want)
		}
	}
	for query, want := range map[string]string{
		"name": "name%3D", "a=b": "a%3Db", "a=b&c=d": "a%3Db%26c%3Dd",
		"a=x!y&a=x+y": "a%3Dx%2520y%26a%3Dx%2521y", "x!y=a&x=a": "x%3Da%26x%2521y%3Da",
		// RFC 5849 §3.4.1.3.2 in the order of the old specification's §9.1.1
		"a=1&c=hi%20there&f=25&f=50&f=a&z=p&z=t": "a%3D1%26c%3Dhi%2520there%26f%3D25%26f%3D50%26f%3Da%26z%3Dp%26z%3Dt",
	} {
		got, err := oauth1.BaseString("GET", "http://example.com/?"+query, nil)
		if err != nil || got != "GET&http%3A%2F%2Fexample.com%2F&"+want {
			t.Errorf("%s: got %s (%v)", query, got, err)
		}
	}
}

func TestTheBaseStringURI(t *testing.T) {
	for raw, want := range map[string]string{
		"http://EXAMPLE.COM:80/r%20v/X?id=123":   "http://example.com/r%20v/X", // RFC 5849 §3.4.1.2
		"https://www.example.net:8080/?q=1":      "https://www.example.net:8080/",
		"http://example.com":                     "http://example.com/",
		"http://example.com?q=1/2":               "http://example.com/",
		"HTTPS://Example.COM:443/A":              "https://example.com/A",
		"https://example.com:80/":                "https://example.com:80/",
		"http://example.com:443/":                "http://example.com:443/",
		"http://example.com:/":                   "http://example.com/",
		"https://[2001:DB8::1]:443/":             "https://[2001:db8::1]/",
		"https://[2001:db8::443]/":               "https://[2001:db8::443]/",
		"https://192.0.2.1:13000":                "https://192.0.2.1:13000/",
		"https://example.com//a/../b/./c":        "https://example.com//a/../b/./c",
		"https://example.com/%7Ea%2fb;c=d,e|f\"": "https://example.com/%7Ea%2fb;c=d,e|f\"",
	} {
		got, err := oauth1.BaseString("GET", raw, nil)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		if !strings.HasPrefix(got, "GET&"+oauth1.Encode(want)+"&") {
			t.Errorf("%s: got %s, want %s", raw, got, want)
		}
	}
}

func TestAURLThatCannotBeSignedIsRefused(t *testing.T) {
	for _, raw := range []string{
		"", "/path", "example.com/", "//example.com/", "ftp://example.com/", "http://", "http:///path", "https://:443/",
		"https://a@example.com/", "https://a b/", "https://example.com/#f", "https://example.com/a b", "https://example.com/\r\n",
		"https://example.com:x/", "https://example.com:123456/", "https://exam\u212aple.com/", "https://example.com/?a=%zz",
	} {
		if got, err := oauth1.BaseString("GET", raw, nil); err == nil {
			t.Errorf("%q gives %s", raw, got)
		}
	}
}
