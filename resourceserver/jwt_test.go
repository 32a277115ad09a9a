// SPDX-License-Identifier: Apache-2.0

package resourceserver_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/resourceserver"
)

const (
	photos = "https://photos.example/v1"
	bob    = "mzxw6ytboi2tkmrzgq3tomrqgq"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// issuer publishes keys, and counts who reads them.
type issuer struct {
	*httptest.Server
	mu     sync.Mutex
	answer http.HandlerFunc // in place of the keys; nil: the keys
	reads  int
	now    time.Time
	set    jose.JSONWebKeySet
	ec     *ecdsa.PrivateKey
	rsa    *rsa.PrivateKey
	guard  *resourceserver.Guard
	log    strings.Builder
}

func newIssuer(t *testing.T, changes ...func(*resourceserver.Config)) *issuer {
	t.Helper()
	i := &issuer{now: noon, ec: newEC(t), rsa: rsaKey()}
	i.set.Keys = []jose.JSONWebKey{
		{Key: i.ec.Public(), KeyID: "ec", Algorithm: "ES256", Use: "sig"}, {Key: i.rsa.Public(), KeyID: "rsa", Algorithm: "RS256", Use: "sig"},
		{Key: i.rsa.Public(), KeyID: "pss", Algorithm: "PS256", Use: "sig"}, {Key: i.ec.Public(), KeyID: "enc", Algorithm: "ES256", Use: "enc"},
	}
	i.Server = httptest.NewTLSServer(http.HandlerFunc(i.keys))
	t.Cleanup(i.Close)
	config := resourceserver.Config{
		Issuer: i.URL, Identifiers: []string{photos, "urn:photos"}, JWTAlgorithms: []string{"ES256", "RS256"}, Realm: "Photos",
		HTTPClient: i.Client(), Now: i.clock, Log: slog.New(slog.NewTextHandler(&i.log, nil)),
	}
	for _, change := range changes {
		change(&config)
	}
	var err error
	if i.guard, err = resourceserver.New(config); err != nil {
		t.Fatal(err)
	}
	return i
}

// rsaKey takes a third of a second to make.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func newEC(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (i *issuer) keys(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	i.reads++
	answer := i.answer
	if answer == nil && r.URL.Path == "/oauth2/keys" {
		defer i.mu.Unlock()
		_ = json.NewEncoder(w).Encode(i.set)
		return
	}
	i.mu.Unlock() // it may hang
	answer(w, r)
}

func (i *issuer) clock() time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.now
}

// after lets time pass, and changes what the issuer does from then on.
func (i *issuer) after(d time.Duration, change func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.now = i.now.Add(d)
	if change != nil {
		change()
	}
}

func (i *issuer) readCount() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.reads
}

// claims are those of a good token.
func (i *issuer) claims(more ...any) map[string]any {
	now := i.clock().Unix()
	c := map[string]any{"iss": i.URL, "aud": photos, "sub": bob, "client_id": "photos.print", "scope": "photos.read x", "iat": now, "exp": now + 600, "jti": "1"}
	for n := 0; n < len(more); n += 2 {
		if c[more[n].(string)] = more[n+1]; more[n+1] == nil {
			delete(c, more[n].(string))
		}
	}
	return c
}

// sign returns a token with a header; kid and alg are the key's unless it has them.
func sign(t *testing.T, key any, header map[string]any, claims any) string {
	t.Helper()
	algorithm, kid := jose.ES256, "ec"
	if _, isRSA := key.(*rsa.PrivateKey); isRSA {
		algorithm, kid = jose.RS256, "rsa"
	}
	options := &jose.SignerOptions{ExtraHeaders: map[jose.HeaderKey]any{"typ": "at+jwt", "kid": kid}}
	for name, value := range header {
		options.ExtraHeaders[jose.HeaderKey(name)] = value
	}
	maps.DeleteFunc(options.ExtraHeaders, func(_ jose.HeaderKey, value any) bool { return value == nil })
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	payload, ok := claims.(string)
	if !ok {
		text, err := json.Marshal(claims)
		if err != nil {
			t.Fatal(err)
		}
		payload = string(text)
	}
	signed, err := signer.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// calls calls the API with a token.
func (i *issuer) calls(token string) *httptest.ResponseRecorder {
	return i.callsWhile(context.Background(), token)
}

func (i *issuer) callsWhile(ctx context.Context, token string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/photos", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	i.guard.RequireAny("photos.read", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := resourceserver.CallerFrom(r.Context())
		fmt.Fprintf(w, "%s %s %v %d", c.Subject, c.ClientID, c.Scopes, c.ExpiresAt.Unix())
	})).ServeHTTP(w, r)
	return w
}

func TestAJWTIsVerifiedByThePublishedKeys(t *testing.T) {
	i := newIssuer(t)
	for name, tc := range map[string]struct{ token, want string }{
		"ES256":                     {sign(t, i.ec, nil, i.claims()), bob + " photos.print [photos.read x] 1780315800"},
		"RS256":                     {sign(t, i.rsa, nil, i.claims()), bob + " photos.print [photos.read x] 1780315800"},
		"the long typ, in capitals": {sign(t, i.ec, map[string]any{"typ": "Application/AT+JWT"}, i.claims()), bob + " photos.print [photos.read x] 1780315800"},
		"another identifier":        {sign(t, i.ec, nil, i.claims("aud", "urn:photos")), bob + " photos.print [photos.read x] 1780315800"},
		"a list of one":             {sign(t, i.ec, nil, i.claims("aud", []string{photos})), bob + " photos.print [photos.read x] 1780315800"},
		"a machine":                 {sign(t, i.ec, nil, i.claims("sub", "client:photos.print")), " photos.print [photos.read x] 1780315800"},
		"a clock that is behind":    {sign(t, i.ec, nil, i.claims("iat", noon.Unix()+29)), bob + " photos.print [photos.read x] 1780315800"},
		"a clock that is ahead":     {sign(t, i.ec, nil, i.claims("exp", noon.Unix()-29)), bob + " photos.print [photos.read x] 1780315171"},
	} {
		if got := i.calls(tc.token); got.Code != http.StatusOK || got.Body.String() != tc.want {
			t.Errorf("%s: %d %s, want %s", name, got.Code, got.Body, tc.want)
		}
	}
	if got := i.calls(sign(t, i.ec, nil, i.claims("scope", "x"))); got.Code != http.StatusForbidden {
		t.Errorf("without the scope: %d", got.Code)
	}
	if i.readCount() != 1 {
		t.Errorf("the keys were read %d times", i.readCount())
	}
}

// N224: what is no access token of the issuer for this API, signed as it says, opens nothing.
func TestN224AForgedOrForeignJWTIsRefused(t *testing.T) {
	i := newIssuer(t, func(c *resourceserver.Config) { c.JWTAlgorithms = []string{"ES256"} })
	good := sign(t, i.ec, nil, i.claims())
	parts := strings.Split(good, ".")
	other, now := newEC(t), noon.Unix()
	text, err := json.Marshal(i.claims())
	if err != nil {
		t.Fatal(err)
	}
	header := func(more ...any) map[string]any {
		h := map[string]any{}
		for n := 0; n < len(more); n += 2 {
			h[more[n].(string)] = more[n+1]
		}
		return h
	}
	for name, token := range map[string]string{
		"alg none":                         spell(`{"alg":"none","typ":"at+jwt","kid":"ec"}`, string(text)) + ".",
		"no signature":                     parts[0] + "." + parts[1] + ".",
		"the public key as an HMAC secret": asHMAC(t, i.ec, string(text)),
		"an algorithm that is not named":   sign(t, i.rsa, nil, i.claims()),
		"another key":                      sign(t, other, nil, i.claims()),
		"another key, in the header":       sign(t, other, header("jwk", jose.JSONWebKey{Key: other.Public()}), i.claims()),
		"another key, behind an address":   sign(t, other, header("jku", "https://evil.example/keys"), i.claims()),
		"an unknown kid":                   sign(t, other, header("kid", "new"), i.claims()),
		"a kid that is a path":             sign(t, i.ec, header("kid", "../ec"), i.claims()),
		"no kid":                           sign(t, i.ec, header("kid", nil), i.claims()),
		"the kid of an encryption key":     sign(t, i.ec, header("kid", "enc"), i.claims()),
		"the kid of a key of another kind": sign(t, i.ec, header("kid", "rsa"), i.claims()),
		"an ID token":                      sign(t, i.ec, header("typ", "JWT"), i.claims("aud", "photos.print")),
		"typ JWT":                          sign(t, i.ec, header("typ", "JWT"), i.claims()),
		"typ logout+jwt":                   sign(t, i.ec, header("typ", "logout+jwt"), i.claims()),
		"no typ":                           sign(t, i.ec, header("typ", nil), i.claims()),
		"a typ that is no text":            sign(t, i.ec, header("typ", []string{"at+jwt"}), i.claims()),
		"a critical header":                sign(t, i.ec, header("crit", []string{"x"}, "x", 1), i.claims()),
		"another issuer":                   sign(t, i.ec, nil, i.claims("iss", "https://evil.example")),
		"an issuer with a slash":           sign(t, i.ec, nil, i.claims("iss", i.URL+"/")),
		"another audience":                 sign(t, i.ec, nil, i.claims("aud", "https://albums.example")),
		"an audience that begins so":       sign(t, i.ec, nil, i.claims("aud", photos+"/")),
		"two audiences":                    sign(t, i.ec, nil, i.claims("aud", []string{photos, "https://albums.example"})),
		"no audience":                      sign(t, i.ec, nil, i.claims("aud", nil)),
		"no subject":                       sign(t, i.ec, nil, i.claims("sub", nil)),
		"no client":                        sign(t, i.ec, nil, i.claims("client_id", nil)),
		"expired":                          sign(t, i.ec, nil, i.claims("exp", now+30)),
		"without an end":                   sign(t, i.ec, nil, i.claims("exp", nil)),
		"an end that is a text":            sign(t, i.ec, nil, i.claims("exp", fmt.Sprint(now+600))),
		"from the future":                  sign(t, i.ec, nil, i.claims("iat", now+91)),
		"not valid yet":                    sign(t, i.ec, nil, i.claims("nbf", now+91)),
		"without a beginning":              sign(t, i.ec, nil, i.claims("iat", nil)),
		"a claim twice":                    sign(t, i.ec, nil, `{"aud":"https://albums.example",`+string(text)[1:]),
		"a claim in capitals":              sign(t, i.ec, nil, strings.Replace(string(text), `"aud"`, `"AUD"`, 1)),
		"no claims":                        sign(t, i.ec, nil, "[]"),
		"changed claims":                   parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(text), bob, "eve", 1))) + "." + parts[2],
	} {
		i.after(time.Minute, nil) // so that an unknown kid may have the keys read again
		got := i.calls(token)
		if got.Code != http.StatusUnauthorized || !strings.Contains(got.Header().Get("WWW-Authenticate"), `error="invalid_token"`) {
			t.Errorf("%s: %d %v", name, got.Code, got.Header())
		}
		i.after(-time.Minute, nil)
	}
	for name, token := range map[string]string{"a line break": good + "\n", "too long": parts[0] + "." + strings.Repeat("a", 9000) + "." + parts[2]} {
		if got := i.calls(token); got.Code != http.StatusBadRequest {
			t.Errorf("%s: %d", name, got.Code)
		}
	}
	if got := i.calls("gha_opaque"); got.Code != http.StatusUnauthorized { // there is nobody to ask about it
		t.Errorf("an opaque token: %d", got.Code)
	}
	if got := i.calls(good); got.Code != http.StatusOK {
		t.Errorf("the good one: %d %s", got.Code, got.Body)
	}
}

func spell(header, claims string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
}

func asHMAC(t *testing.T, key *ecdsa.PrivateKey, claims string) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	text := spell(`{"alg":"HS256","typ":"at+jwt","kid":"ec"}`, claims)
	_, _ = io.WriteString(mac, text)
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// N225: however many tokens name keys that nobody knows, the keys are read once in a while.
func TestN225UnknownKeysDoNotFloodTheIssuer(t *testing.T) {
	i := newIssuer(t)
	unknown := sign(t, i.ec, map[string]any{"kid": "new"}, i.claims())
	for range 20 {
		if got := i.calls(unknown); got.Code != http.StatusUnauthorized {
			t.Fatalf("an unknown key: %d", got.Code)
		}
	}
	if i.readCount() != 1 {
		t.Errorf("the keys were read %d times", i.readCount())
	}
	i.after(6*time.Second, func() {
		i.set.Keys = append(i.set.Keys, jose.JSONWebKey{Key: i.ec.Public(), KeyID: "new", Algorithm: "ES256"})
	})
	if got := i.calls(unknown); got.Code != http.StatusOK || i.readCount() != 2 {
		t.Errorf("a key that is new: %d after %d reads", got.Code, i.readCount())
	}
}

// N225: a key that was thrown out is refused once the keys are not fresh any more.
func TestN225AKeyThatWasThrownOutIsRefused(t *testing.T) {
	i := newIssuer(t)
	if got := i.calls(sign(t, i.ec, nil, i.claims())); got.Code != http.StatusOK {
		t.Fatalf("%d %s", got.Code, got.Body)
	}
	i.after(16*time.Minute, func() { i.set.Keys = i.set.Keys[1:] })
	if got := i.calls(sign(t, i.ec, nil, i.claims())); got.Code != http.StatusUnauthorized {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}

// N225: an issuer that is away takes an API out when the keys are an hour old, and says nothing of them otherwise.
func TestN225WithoutKeysNobodyPasses(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"an error": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"no JSON":  func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
		"no keys":  func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"keys":[]}`) },
		"an endless list": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"keys":[`+strings.Repeat(`{"kty":"EC"},`, 1<<14))
		},
		"unusable keys": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"keys":[{"kty":"oct","k":"AAAA","kid":"ec","alg":"HS256"},3]}`)
		},
		"somewhere else":      func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
		"a broken connection": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		i := newIssuer(t)
		i.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
		i.after(0, func() { i.answer = answer })
		for range 5 {
			if got := i.calls(sign(t, i.ec, nil, i.claims())); got.Code != http.StatusServiceUnavailable || got.Header().Get("Retry-After") == "" {
				t.Errorf("%s, at first: %d", name, got.Code)
			}
		}
		if i.readCount() != 1 {
			t.Errorf("%s: the keys were read %d times", name, i.readCount())
		}
		i.after(6*time.Second, func() { i.answer = nil })
		if got := i.calls(sign(t, i.ec, nil, i.claims())); got.Code != http.StatusOK {
			t.Errorf("%s, once it is over: %d", name, got.Code)
		}
		i.after(59*time.Minute, func() { i.answer = answer })
		if got := i.calls(sign(t, i.ec, nil, i.claims())); got.Code != http.StatusOK {
			t.Errorf("%s, for less than an hour: %d", name, got.Code)
		}
		i.after(2*time.Minute, nil)
		if got := i.calls(sign(t, i.ec, nil, i.claims())); got.Code != http.StatusServiceUnavailable {
			t.Errorf("%s, for an hour: %d", name, got.Code)
		}
	}
}

// Who waits for a server that hangs does not wait for it again, and who has a key does not wait at all.
func TestManyRequestsReadTheKeysOnce(t *testing.T) {
	i := newIssuer(t)
	token := sign(t, i.ec, nil, i.claims())
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if got := i.calls(token); got.Code != http.StatusOK {
				t.Errorf("%d %s", got.Code, got.Body)
			}
		})
	}
	all.Wait()
	if i.readCount() != 1 {
		t.Errorf("the keys were read %d times", i.readCount())
	}
}

// N225: tokens with keys that nobody knows fill no log while the issuer is away, and hold up nobody who has a key.
func TestN225UnknownKeysFillNoLogAndHoldUpNobody(t *testing.T) {
	i := newIssuer(t)
	good := sign(t, i.ec, nil, i.claims())
	if got := i.calls(good); got.Code != http.StatusOK {
		t.Fatalf("%d %s", got.Code, got.Body)
	}
	i.after(6*time.Second, func() {
		i.answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }
	})
	for n := range 50 {
		if got := i.calls(sign(t, i.ec, map[string]any{"kid": fmt.Sprint("of nobody ", n)}, i.claims())); got.Code != http.StatusServiceUnavailable {
			t.Fatalf("an unknown key: %d", got.Code)
		}
	}
	if lines := strings.Count(i.log.String(), "\n"); lines != 1 || !strings.Contains(i.log.String(), "502") {
		t.Errorf("the log has %d lines: %s", lines, i.log.String())
	}
	asked, answer := make(chan struct{}), make(chan struct{})
	i.after(6*time.Second, func() { i.answer = func(http.ResponseWriter, *http.Request) { close(asked); <-answer } })
	first := make(chan int, 1)
	go func() { first <- i.calls(sign(t, i.ec, map[string]any{"kid": "of nobody"}, i.claims())).Code }()
	<-asked
	defer func() { close(answer); <-first }()
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	if got := i.callsWhile(gone, good); got.Code != http.StatusOK {
		t.Errorf("who has a key waits for the issuer: %d", got.Code)
	}
	i.callsWhile(gone, sign(t, i.ec, map[string]any{"kid": "of somebody who hung up"}, i.claims()))
	select {
	case code := <-first:
		t.Errorf("who hung up waited until the try of somebody else ended with %d", code)
		first <- code
	default:
	}
}

// Where JWTs and opaque tokens come in, each goes its way.
func TestAnAPIOfJWTsCanAskAboutOpaqueTokens(t *testing.T) {
	i := newIssuer(t, func(c *resourceserver.Config) {
		c.IntrospectionEndpoint, c.ClientID, c.ClientSecret = c.Issuer+"/oauth2/introspect", "api", resourceserver.Value("secret")
	})
	i.after(0, func() {
		i.answer = func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/oauth2/introspect" {
				fmt.Fprint(w, bobs)
				return
			}
			_ = json.NewEncoder(w).Encode(i.set)
		}
	})
	if got := i.calls("gha_opaque"); got.Code != http.StatusOK || i.readCount() != 1 {
		t.Errorf("an opaque token: %d", got.Code)
	}
	if got := i.calls(sign(t, i.ec, nil, i.claims())); got.Code != http.StatusOK || i.readCount() != 2 {
		t.Errorf("a JWT: %d", got.Code)
	}
}

func TestAGuardForJWTsNeedsToKnowWhoseAndForWhom(t *testing.T) {
	good := func() resourceserver.Config {
		return resourceserver.Config{Issuer: "https://auth.example", Identifiers: []string{photos}, JWTAlgorithms: []string{"ES256"}}
	}
	if _, err := resourceserver.New(good()); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*resourceserver.Config){
		"no issuer":                       func(c *resourceserver.Config) { c.Issuer = "" },
		"an issuer in the clear":          func(c *resourceserver.Config) { c.Issuer = "http://auth.example" },
		"an issuer with a slash":          func(c *resourceserver.Config) { c.Issuer += "/" },
		"an issuer with a query":          func(c *resourceserver.Config) { c.Issuer += "?a" },
		"no identifier":                   func(c *resourceserver.Config) { c.Identifiers = nil },
		"an empty identifier":             func(c *resourceserver.Config) { c.Identifiers = []string{""} },
		"an identifier that ends early":   func(c *resourceserver.Config) { c.Identifiers = []string{`https://a"b`} },
		"none":                            func(c *resourceserver.Config) { c.JWTAlgorithms = []string{"none"} },
		"HMAC":                            func(c *resourceserver.Config) { c.JWTAlgorithms = []string{"ES256", "HS256"} },
		"half a way to ask":               func(c *resourceserver.Config) { c.ClientID = "api" },
		"a way to verify signed requests": func(c *resourceserver.Config) { c.VerificationEndpoint = "https://auth.example/oauth1/verify" },
	} {
		config := good()
		change(&config)
		if _, err := resourceserver.New(config); err == nil {
			t.Errorf("%s: it is made", name)
		}
	}
}

// RFC 9728: a client that is sent away learns where to ask for a token.
func TestTheMetadataTellWhereToGetAToken(t *testing.T) {
	for identifier, want := range map[string]string{
		"https://photos.example":              "https://photos.example/.well-known/oauth-protected-resource",
		"https://photos.example/":             "https://photos.example/.well-known/oauth-protected-resource",
		"https://photos.example:8443/a/b%2Fc": "https://photos.example:8443/.well-known/oauth-protected-resource/a/b%2Fc",
		"https://photos.example/v1?k=v":       "https://photos.example/.well-known/oauth-protected-resource/v1?k=v",
		"http://localhost:8080/mcp":           "http://localhost:8080/.well-known/oauth-protected-resource/mcp",
		"http://127.0.0.1:8080":               "http://127.0.0.1:8080/.well-known/oauth-protected-resource",
		"http://[::1]:8080":                   "http://[::1]:8080/.well-known/oauth-protected-resource",
		"http://photos.example":               "", "api://photos": "", "urn:photos": "",
	} {
		i := newIssuer(t, func(c *resourceserver.Config) {
			c.Identifiers, c.Scopes = []string{identifier}, []string{"photos.read"}
		})
		if got := i.guard.MetadataURL(); got != want {
			t.Errorf("%s: the metadata are at %q, want %q", identifier, got, want)
		}
		challenge := i.calls("gha_opaque").Header().Get("WWW-Authenticate")
		if strings.Contains(challenge, "resource_metadata") != (want != "") || want != "" && !strings.HasSuffix(challenge, `, resource_metadata="`+want+`"`) {
			t.Errorf("%s: the challenge is %s", identifier, challenge)
		}
		if want == "" {
			continue
		}
		w := httptest.NewRecorder()
		i.guard.Metadata().ServeHTTP(w, httptest.NewRequest(http.MethodGet, want, nil))
		var got map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
			t.Fatalf("%d %v %s", w.Code, w.Header(), w.Body)
		}
		if diff := cmp.Diff(map[string]any{"resource": identifier, "authorization_servers": []any{i.URL}, "scopes_supported": []any{"photos.read"},
			"bearer_methods_supported": []any{"header"}}, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestAnyPageMayReadTheMetadata(t *testing.T) {
	i := newIssuer(t)
	for method, status := range map[string]int{http.MethodGet: 200, http.MethodHead: 200, http.MethodOptions: 204, http.MethodPost: 405} {
		w := httptest.NewRecorder()
		i.guard.Metadata().ServeHTTP(w, httptest.NewRequest(method, "/", nil))
		if w.Code != status || w.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d %v", method, w.Code, w.Header())
		}
	}
}

func TestWithoutAnAddressThereAreNoMetadata(t *testing.T) {
	i := newIssuer(t, func(c *resourceserver.Config) { c.Identifiers = []string{"urn:photos"} })
	defer func() {
		if recover() == nil {
			t.Error("there are")
		}
	}()
	i.guard.Metadata()
}
