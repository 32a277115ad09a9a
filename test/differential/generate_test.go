// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
)

// request is one that a signer is asked to sign.
type request struct {
	Number      int    `json:"number"`
	Method      string `json:"method"`
	URL         string `json:"url"`
	ContentType string `json:"contentType"`
	// Form says that the body is a form.
	Form bool   `json:"form"`
	Body string `json:"body"`
	// Place is where the signer puts the protocol parameters. A callback or a verifier that stands
	// apart is already in the form or the query.
	Place           oauth1.Place           `json:"place"`
	SignatureMethod oauth1.SignatureMethod `json:"signatureMethod"`
	ConsumerKey     string                 `json:"consumerKey"`
	ConsumerSecret  string                 `json:"consumerSecret"`
	Token           string                 `json:"token"`
	TokenSecret     string                 `json:"tokenSecret"`
	Nonce           string                 `json:"nonce"`
	Timestamp       string                 `json:"timestamp"`
	Callback        string                 `json:"callback"`
	Verifier        string                 `json:"verifier"`
	Realm           string                 `json:"realm"`

	// query and form are the pairs in URL and body.
	query, form []field
}

// field is a pair of a query or a form, with its spelling.
type field struct{ name, value, text string }

// generator makes requests. What signers trip over comes often.
type generator struct{ *rand.Rand }

// generate makes the request with a number. It is the same each time. By the table of differences,
// at least one signer can sign it as the RFC says.
func generate(n int) request {
	g := generator{rand.New(rand.NewPCG(5849, uint64(n)))} //nolint:gosec // repeatable, not secret
	for {
		r := g.request(n)
		if slices.ContainsFunc(signers, func(s signer) bool { return differenceOf(s, &r) == nil }) {
			return r
		}
	}
}

func (g generator) request(n int) request {
	r := request{
		Number:          n,
		Method:          g.one("GET", "GET", "POST", "POST", "POST", "PUT", "PATCH", "DELETE", "HEAD"),
		SignatureMethod: []oauth1.SignatureMethod{oauth1.HMACSHA1, oauth1.HMACSHA1, oauth1.HMACSHA256, oauth1.Plaintext}[g.IntN(4)],
		ConsumerKey:     g.one("photos.photobook", "app_20000001_1400000000000", "key/+=", "dpf43f3p2l4k3l03"),
		ConsumerSecret:  g.one("ghs_secret", "kd94hf93k423kf44", "s/+e=c & r%et~\u00e4", "%41&", "\u65e5\u672c"),
		Nonce:           fmt.Sprintf("n%d%s", n, g.one("", "", "+/=", "~")),
		Timestamp:       fmt.Sprint(1700000000 + n),
		Realm:           g.one("", "", "Photos", "a realm", "https://photos.example/"),
	}
	g.step(&r)
	r.query = g.fields(5)
	body := r.Method != "GET" && r.Method != "HEAD"
	if body && !g.maybe(4) {
		r.Form, r.ContentType = true, g.one("application/x-www-form-urlencoded", "application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=UTF-8")
		r.form = g.fields(4)
	} else if body && !g.maybe(3) {
		r.ContentType, r.Body = g.one("application/json", "text/plain"), g.one(`{"a":"b=c&d"}`, "a=b&c=d", "\u00e4")
	}
	r.Place = []oauth1.Place{oauth1.InHeader, oauth1.InHeader, oauth1.InForm, oauth1.InQuery}[g.IntN(4)]
	if r.Place == oauth1.InForm && !r.Form {
		r.Place = oauth1.InHeader
	}
	g.moveApart(&r)
	r.URL = g.address(r.SignatureMethod)
	if r.query != nil || g.maybe(12) {
		r.URL += "?" + g.join(r.query)
	}
	if r.Form {
		r.Body = g.join(r.form)
	}
	return r
}

func (g generator) maybe(n int) bool { return g.IntN(n) == 0 }

func (g generator) one(of ...string) string { return of[g.IntN(len(of))] }

// step chooses one of the steps of the protocol: a request token, an access token, or the use of one.
func (g generator) step(r *request) {
	switch g.IntN(4) {
	case 0:
		r.Callback = g.one("oob", "https://photobook.example/cb", "https://photobook.example/cb?a=b&c=d%20e", "https://photobook.example/cb?x=%26%2B")
	case 1:
		r.Token, r.TokenSecret = g.one("hh5s93j4hdidpola", "req/token+="), g.one("hdhd0244k9j7ao03", "t&s%")
		r.Verifier = g.one("hfdp7dh39dks9884", "ABCDEFGH2345", "v+/=", "v%41")
	case 2:
		r.Token, r.TokenSecret = g.one("nnch734d00sl2jdk", "gha_token", "acc=token"), g.one("pfkkdhi9sl3r4s00", "\u00e9&", "")
	}
}

// moveApart puts the callback or the verifier into form or query, where libraries put it as one more field.
func (g generator) moveApart(r *request) {
	for name, value := range map[string]*string{oauth1.ParamCallback: &r.Callback, oauth1.ParamVerifier: &r.Verifier} {
		if *value == "" || !g.maybe(3) {
			continue
		}
		f := g.field(name, *value)
		if r.Form && g.maybe(2) {
			r.form = append(r.form, f)
		} else {
			r.query = append(r.query, f)
		}
		*value = ""
	}
}

// address is a URL without its query.
func (g generator) address(method oauth1.SignatureMethod) string {
	scheme := "https"
	if method != oauth1.Plaintext && g.maybe(6) {
		scheme = "http"
	}
	host := g.one("api.example", "api.example", "API.Example", "127.0.0.1", "[::1]", "photos.api-1.example")
	port := g.one("", "", "", ":443", ":80", ":8443", ":65535")
	path := g.one("", "/", "/photos", "/photos/", "/a%2Fb", "/a%20b", "/caf%C3%A9", "/caf%c3%a9", "/~bob", "/%7Ebob", "/a;v=1", "/a;v=1/b;w=2", "/a+b", "/a//b",
		"/a/../b", "/a/./b", "/a,b@c:d", "/a!b*c'd(e)", "/$a=b&c", "/a;", "/%25", "/A/b.json")
	return scheme + "://" + host + port + path
}

var (
	names  = []string{"a", "a", "a2", "a-b", "a.b", "A", "b", "b", "c@", "size", "file", "empty", "oauthtoken", "x_oauth", "a%b", "a b", "a[]", "\u00e4", "\u65e5\u672c", "realm", "z"}
	values = []string{"", "", "1", "2", "a b", "a+b", "a%2Bb", "=", "&", "%", "\u00e4", "\u65e5\u672c\u8a9e", "~", "-._~", "!*'()", ";", "/?:@", `"\|`, "%41", "a=b&c=d", "\n", "{}[]", "\U0001F600",
		"10", "9", strings.Repeat("long ", 40)}
)

// fields are up to most pairs. Pairs that are there twice, wholly or by name, come often.
func (g generator) fields(most int) []field {
	var list []field
	for range g.IntN(most + 1) {
		f := g.field(names[g.IntN(len(names))], values[g.IntN(len(values))])
		if len(list) > 0 && g.maybe(6) {
			f = g.field(list[0].name, list[0].value)
		}
		list = append(list, f)
	}
	return list
}

// field spells a pair in one of the ways that clients have.
func (g generator) field(name, value string) field {
	spell := []func(string) string{oauth1.Encode, oauth1.Encode, formEncode, lowerEncode, sparseEncode, fullEncode}[g.IntN(6)]
	text := spell(name) + "=" + spell(value)
	if value == "" && name != "" && g.maybe(2) {
		text = spell(name)
	}
	return field{name, value, text}
}

// join writes pairs as a query or a form, at times with empty pairs between them.
func (g generator) join(fields []field) string {
	texts := make([]string, 0, len(fields)+1)
	for _, f := range fields {
		texts = append(texts, f.text)
	}
	if g.maybe(25) {
		texts = slices.Insert(texts, g.IntN(len(texts)+1), "")
	}
	return strings.Join(texts, "&")
}

// encode percent-encodes the bytes that are not plain.
func encode(text, digits string, plain func(c byte) bool) string {
	var b strings.Builder
	for n := range len(text) {
		if c := text[n]; plain(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%"+digits, c)
		}
	}
	return b.String()
}

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// formEncode is how browsers do it: a plus sign is a blank, the tilde is encoded.
func formEncode(text string) string {
	return strings.ReplaceAll(encode(text, "%02X", func(c byte) bool { return isAlphanumeric(c) || strings.IndexByte("*-._ ", c) >= 0 }), " ", "+")
}

// lowerEncode uses digits in lower case.
func lowerEncode(text string) string {
	return encode(text, "%02x", func(c byte) bool { return isAlphanumeric(c) || strings.IndexByte("-._~", c) >= 0 })
}

// sparseEncode encodes only what RFC 3986 §3.4 wants in a query.
func sparseEncode(text string) string {
	return encode(text, "%02X", func(c byte) bool { return isAlphanumeric(c) || strings.IndexByte("-._~!$'()*,;:@/?", c) >= 0 })
}

// fullEncode encodes every byte.
func fullEncode(text string) string { return encode(text, "%02X", func(byte) bool { return false }) }
