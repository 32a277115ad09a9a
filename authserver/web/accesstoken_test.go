// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// jwtAPIs are APIs of which PhotoStorage takes JWTs.
func jwtAPIs(t *testing.T, algorithm credential.SigningAlgorithm) *relyingParty {
	t.Helper()
	return newHouse(t).apis(t, map[string]credential.SigningAlgorithm{photosAPI: algorithm})
}

// at returns header and claims of a JWT access token, once its signature, issuer, audience and end are right.
func (p *relyingParty) at(token, audience, algorithm string) (header, claims map[string]any) {
	p.t.Helper()
	verifier := p.provider.VerifierContext(oidc.ClientContext(p.t.Context(), p.server.Client()), &oidc.Config{
		ClientID: audience, SupportedSigningAlgs: []string{algorithm}, Now: p.Clock.Now,
	})
	verified, err := verifier.Verify(p.t.Context(), token)
	if err != nil {
		p.t.Fatalf("the access token is refused: %v", err)
	}
	if err := verified.Claims(&claims); err != nil {
		p.t.Fatal(err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
	if err == nil {
		err = json.Unmarshal(raw, &header)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return header, claims
}

// isJWT reports which kind of access token an answer holds.
func (a *answer) isJWT() bool { return strings.Count(a.text("access_token"), ".") == 2 }

func TestAnAccessTokenIsAJWTWhereItsAPITakesThem(t *testing.T) {
	for _, algorithm := range []credential.SigningAlgorithm{credential.ES256, credential.RS256} {
		p := jwtAPIs(t, algorithm)
		app := p.client(t, authtest.PhotoPrint)
		got := app.token(redemption(p.codeFor(t, "openid photos.read albums.read", photosAPI), authtest.PhotoPrintCallback)).wants(http.StatusOK)
		header, claims := p.at(got.text("access_token"), photosAPI, string(algorithm))
		if header["typ"] != "at+jwt" || header["alg"] != string(algorithm) || len(header) != 3 {
			t.Errorf("the header is %v", header)
		}
		id, _ := claims["jti"].(string)
		delete(claims, "jti")
		idToken, idClaims := p.verified(got.text("id_token"), "RS256")
		now := float64(authtest.Start.Unix())
		want := map[string]any{"iss": p.issuer, "aud": photosAPI, "sub": p.subject(), "client_id": authtest.PhotoPrint, "iat": now, "exp": now + 3600,
			"auth_time": now, "scope": "photos.read", "acr": idClaims["acr"], "amr": idClaims["amr"]}
		if diff := cmp.Diff(want, claims); diff != "" || len(id) < 22 {
			t.Errorf("the claims differ (-want +got):\n%s jti %q", diff, id)
		}
		if err := idToken.VerifyAccessToken(got.text("access_token")); err != nil || got.text("scope") != "photos.read" {
			t.Errorf("at_hash: %v, scope %q", err, got.text("scope"))
		}
	}
}

// A machine is its own subject, in the form that introspection tells.
func TestAMachineIsTheSubjectOfItsJWT(t *testing.T) {
	p := jwtAPIs(t, credential.ES256)
	got := p.client(t, authtest.PhotoPrint).token(byCredentials, photosAPI).wants(http.StatusOK)
	_, claims := p.at(got.text("access_token"), photosAPI, "ES256")
	if _, there := claims["auth_time"]; there || claims["sub"] != "client:"+authtest.PhotoPrint || claims["scope"] != "photos.read photos.write" {
		t.Errorf("the claims are %v", claims)
	}
}

// What a request gets that names no resource.
func TestTheFormOfATokenWithoutAResource(t *testing.T) {
	p := jwtAPIs(t, credential.ES256)
	app := p.client(t, authtest.PhotoPrint)
	for scope, want := range map[string]bool{
		"photos.read": true, "photos.read photos.write": true, "photos.read albums.read": false, "albums.read": false, "photos.read openid": false,
	} {
		got := app.redeem(p.codeFor(t, scope), authtest.PhotoPrintCallback).wants(http.StatusOK)
		if got.isJWT() != want {
			t.Errorf("%s: a JWT is %t", scope, got.isJWT())
		}
		if machine := (url.Values{"grant_type": {"client_credentials"}, "scope": {scope}}); !strings.Contains(scope, "openid") {
			if got := app.post("/oauth2/token", machine).wants(http.StatusOK); got.isJWT() != want {
				t.Errorf("%s, for a machine: a JWT is %t", scope, got.isJWT())
			}
		}
	}
	// An API without an identifier has no name that a token could bear; clients of other profiles know none.
	p.Clients.ChangeResourceServer(authtest.PhotoStorage, func(r *authserver.ResourceServer) { r.Identifiers = nil })
	if app.token(url.Values{"grant_type": {"client_credentials"}, "scope": {"photos.read"}}).wants(http.StatusOK).isJWT() {
		t.Error("an API without an identifier is the audience of a JWT")
	}
}

// N218: a JWT has one audience.
func TestN218SeveralResourcesYieldNoJWT(t *testing.T) {
	p := jwtAPIs(t, credential.ES256)
	app := p.client(t, authtest.PhotoPrint)
	code := p.codeFor(t, "openid offline_access photos.read albums.read", photosAPI, albumsAPI)
	app.redeem(code, authtest.PhotoPrintCallback).refused(http.StatusBadRequest, "invalid_target")
	app.token(redemption(code, authtest.PhotoPrintCallback), photosAPI, albumsAPI).refused(http.StatusBadRequest, "invalid_target")
	first := app.token(redemption(code, authtest.PhotoPrintCallback), photosAPI).wants(http.StatusOK)
	refresh := first.text("refresh_token")
	if other := app.token(byRefresh(refresh), albumsAPI).wants(http.StatusOK); !first.isJWT() || other.isJWT() || other.text("scope") != "albums.read" {
		t.Errorf("%s and %s", first.raw, other.raw)
	}
	app.token(byRefresh(refresh), photosAPI, "urn:photos").refused(http.StatusBadRequest, "invalid_target")
	app.token(byCredentials, photosAPI, albumsAPI).refused(http.StatusBadRequest, "invalid_target")
}

// N219: each kind of token in the place of another one. What an API reads in a JWT opens nothing.
func TestN219AJWTOpensItsAPIAndNothingElse(t *testing.T) {
	p := jwtAPIs(t, credential.RS256) // the algorithm of the ID tokens
	app := p.client(t, authtest.PhotoPrint)
	got := app.token(redemption(p.codeFor(t, "openid photos.read offline_access"), authtest.PhotoPrintCallback), photosAPI).wants(http.StatusOK)
	jwt := got.text("access_token")
	_, claims := p.at(jwt, photosAPI, "RS256")
	id, _ := claims["jti"].(string)
	p.userInfo(jwt, "").refused(http.StatusUnauthorized, "invalid_token")
	for name, token := range map[string]string{"the jti": id, "the jti as an opaque token": "gha_" + id, "the jti as a refresh token": "ghr_" + id,
		"an ID token": got.text("id_token"), "a signed UserInfo": p.signedUserInfo(t)} {
		p.userInfo(token, "").refused(http.StatusUnauthorized, "invalid_token")
		for _, who := range p.whoAsk(t) {
			if who.about(token)["active"] != false {
				t.Errorf("%s is active", name)
			}
		}
		app.post("/oauth2/revoke", url.Values{"token": {token}}).wants(http.StatusOK)
	}
	app.refresh(jwt).refused(http.StatusBadRequest, "invalid_grant")
	app.redeem(jwt, authtest.PhotoPrintCallback).refused(http.StatusBadRequest, "invalid_grant")
	if p.client(t, albums).about(jwt)["active"] != false {
		t.Error("another API is told that it is active")
	}
	if !p.active(t, jwt) {
		t.Error("what is none of it ended the token")
	}
}

// whoAsk are a client that asks about its tokens, and the API that they are for.
func (p *relyingParty) whoAsk(t *testing.T) []*app {
	t.Helper()
	return []*app{p.client(t, authtest.PhotoPrint), p.client(t, authtest.PhotoStorage)}
}

// about returns what introspection says.
func (a *app) about(token string) map[string]any {
	a.t.Helper()
	return a.post("/oauth2/introspect", url.Values{"token": {token}}).wants(http.StatusOK).body
}

func (p *relyingParty) signedUserInfo(t *testing.T) string {
	t.Helper()
	token := p.client(t, authtest.PhotoPrint).redeem(p.codeFor(t, "openid"), authtest.PhotoPrintCallback).wants(http.StatusOK).text("access_token")
	return p.userInfo(token, "application/jwt").wants(http.StatusOK).raw
}

// N220: introspection and revocation take a JWT that this server has signed as an access token, and no forged one.
func TestN220AForgedJWTIsInactiveAndEndsNothing(t *testing.T) {
	p := jwtAPIs(t, credential.ES256)
	app := p.client(t, authtest.PhotoPrint)
	genuine := app.token(redemption(p.codeFor(t, "photos.read"), authtest.PhotoPrintCallback), photosAPI).wants(http.StatusOK).text("access_token")
	parts := strings.Split(genuine, ".")
	header, claims := p.at(genuine, photosAPI, "ES256")
	var ours, rsa credential.SigningKey
	keys, err := p.Auth.PublishedKeys()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		switch {
		case key.ID == header["kid"]:
			ours = key
		case key.Algorithm == credential.RS256:
			rsa = key
		}
	}
	foreign := credential.NewSigningKey(credential.ES256)
	f := forger{t, header, claims}
	for name, token := range map[string]string{
		"no signature":                     parts[0] + "." + parts[1] + ".",
		"alg none":                         f.spell(change(header, "alg", "none"), claims) + ".",
		"the public key as an HMAC secret": f.hmac(ours),
		"a key of somebody else, our kid":  f.sign(foreign, header, claims),
		"a key of somebody else, its kid":  f.sign(foreign, change(header, "kid", foreign.ID), claims),
		"a key in the header":              f.sign(foreign, change(header, "jwk", jose.JSONWebKey{Key: foreign.Public()}), claims),
		"a key behind an address":          f.sign(foreign, change(header, "jku", "https://evil.example/keys"), claims),
		"a kid that is a path":             f.sign(ours, change(header, "kid", "../../"+ours.ID), claims),
		"the kid of another key":           f.sign(ours, change(header, "kid", rsa.ID), claims),
		"another algorithm for the kid":    f.sign(rsa, change(header, "alg", "RS256"), claims),
		"a critical header":                f.sign(ours, change(header, "crit", []string{"x"}), claims),
		"typ JWT":                          f.sign(ours, change(header, "typ", "JWT"), claims),
		"typ logout+jwt":                   f.sign(ours, change(header, "typ", "logout+jwt"), claims),
		"no typ":                           f.sign(ours, change(header, "typ", nil), claims),
		"another issuer":                   f.sign(ours, header, change(claims, "iss", "https://evil.example")),
		"another jti":                      f.sign(ours, header, change(claims, "jti", "x")),
		"no jti":                           f.sign(ours, header, change(claims, "jti", nil)),
		"a claim twice":                    f.signText(ours, header, `{"iss":"https://evil.example",`+f.text(claims)[1:]),
		"changed claims":                   parts[0] + "." + f.encode(f.text(change(claims, "scope", "photos.write"))) + "." + parts[2],
		"the padding of another spelling":  genuine + "=",
		"a line break":                     genuine + "\n",
		"a part more":                      genuine + "." + parts[2],
		"encrypted":                        strings.Repeat("e30.", 4) + "e30",
		"an endless one":                   parts[0] + "." + strings.Repeat("A", 9_000) + "." + parts[2],
	} {
		for _, who := range p.whoAsk(t) {
			if got := who.about(token); got["active"] != false || len(got) != 1 {
				t.Errorf("%s: %v", name, got)
			}
		}
		app.post("/oauth2/revoke", url.Values{"token": {token}}).wants(http.StatusOK)
	}
	if !p.active(t, genuine) || !p.active(t, f.sign(ours, header, claims)) {
		t.Error("the genuine one is inactive")
	}
}

// forger makes JWTs.
type forger struct {
	t              *testing.T
	header, claims map[string]any
}

// change returns what is given with another value; nil: without it.
func change(in map[string]any, name string, value any) map[string]any {
	out := maps.Clone(in)
	if out[name] = value; value == nil {
		delete(out, name)
	}
	return out
}

func (f forger) text(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		f.t.Fatal(err)
	}
	return string(text)
}

func (forger) encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

func (f forger) spell(header, claims map[string]any) string {
	return f.encode(f.text(header)) + "." + f.encode(f.text(claims))
}

func (f forger) sign(key credential.SigningKey, header, claims map[string]any) string {
	return f.signText(key, header, f.text(claims))
}

// signText signs as ES256 or RS256, whatever the header says.
func (f forger) signText(key credential.SigningKey, header map[string]any, claims string) string {
	f.t.Helper()
	text := f.encode(f.text(header)) + "." + f.encode(claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := key.Sign(nil, sum[:], crypto.SHA256)
	if err != nil {
		f.t.Fatal(err)
	}
	if key.Algorithm == credential.ES256 {
		signature = rawSignature(f.t, signature)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// rawSignature spells an ECDSA signature as RFC 7518 §3.4 does.
func rawSignature(t *testing.T, der []byte) []byte {
	t.Helper()
	var s struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &s); err != nil {
		t.Fatal(err)
	}
	raw := make([]byte, 64)
	s.R.FillBytes(raw[:32])
	s.S.FillBytes(raw[32:])
	return raw
}

func (f forger) hmac(key credential.SigningKey) string {
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		f.t.Fatal(err)
	}
	mac := hmac.New(sha256.New, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	text := f.spell(change(f.header, "alg", "HS256"), f.claims)
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// N221: introspection says of a JWT what is true now: revocation is seen there, whatever the JWT says.
func TestN221IntrospectionSeesTheEndOfAJWT(t *testing.T) {
	for name, end := range map[string]func(p *relyingParty, jwt, refresh string){
		"revoked by the JWT": func(p *relyingParty, jwt, _ string) {
			p.client(p.t, authtest.PhotoPrint).post("/oauth2/revoke", url.Values{"token": {jwt}}).wants(http.StatusOK)
		},
		"revoked by the refresh token": func(p *relyingParty, _, refresh string) {
			p.client(p.t, authtest.PhotoPrint).post("/oauth2/revoke", url.Values{"token": {refresh}}).wants(http.StatusOK)
		},
		"the owner took it back": func(p *relyingParty, _, _ string) {
			if err := p.Store.Forget(p.t.Context(), p.subject(), "11111111-0000-4000-8000-000000000001", p.Clock.Now()); err != nil {
				p.t.Fatal(err)
			}
		},
		"the owner lost the entitlement": func(p *relyingParty, _, _ string) { p.Entitlement.Withdraw(authtest.Bob, authtest.PhotoPrint) },
		"the client is gone":             func(p *relyingParty, _, _ string) { p.Clients.Delete(authtest.PhotoPrint) },
		"the client lost the scope": func(p *relyingParty, _, _ string) {
			p.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.Scopes = []string{"openid"} })
		},
		"its time is over": func(p *relyingParty, _, _ string) { p.Clock.Advance(time.Hour) },
		"the signing key was thrown out": func(p *relyingParty, _, _ string) {
			p.LoseSigningKeys(p.t)
			p.FindSigningKeys(p.t)
		},
		"the API is called otherwise": func(p *relyingParty, _, _ string) {
			p.Clients.ChangeResourceServer(authtest.PhotoStorage, func(r *authserver.ResourceServer) { r.Identifiers = []string{"urn:photos"} })
		},
	} {
		p := jwtAPIs(t, credential.ES256)
		got := p.client(t, authtest.PhotoPrint).redeem(p.codeFor(t, "photos.read"), authtest.PhotoPrintCallback).wants(http.StatusOK)
		jwt := got.text("access_token")
		about := p.client(t, authtest.PhotoStorage).about(jwt)
		if about["active"] != true || about["aud"] != photosAPI || about["sub"] != p.subject() || about["scope"] != "photos.read" || about["username"] != "bob" || !got.isJWT() {
			t.Fatalf("%s: before that introspection says %v", name, about)
		}
		p.client(t, authtest.BookShelf).post("/oauth2/revoke", url.Values{"token": {jwt}}).wants(http.StatusOK) // of another client
		if !p.active(t, jwt) {
			t.Fatalf("%s: another client ended it", name)
		}
		if end(p, jwt, got.text("refresh_token")); p.active(t, jwt) {
			t.Errorf("%s: the JWT is active", name)
		}
	}
}

// N221: of a machine one token is revoked, and only that one.
func TestN221AMachineRevokesOneJWT(t *testing.T) {
	p := jwtAPIs(t, credential.ES256)
	app := p.client(t, authtest.PhotoPrint)
	first, second := app.token(byCredentials, photosAPI).text("access_token"), app.token(byCredentials, photosAPI).text("access_token")
	p.client(t, authtest.BookShelf).post("/oauth2/revoke", url.Values{"token": {first}}).wants(http.StatusOK)
	if !p.active(t, first) {
		t.Error("another client revoked it")
	}
	for range 2 {
		app.post("/oauth2/revoke", url.Values{"token": {first}}).wants(http.StatusOK)
	}
	if p.active(t, first) || !p.active(t, second) {
		t.Error("not the one that was revoked is inactive")
	}
}

// N222: a JWT lives for an hour at most, and not longer than its grant; a repeated answer is of the same kind.
func TestN222AJWTDoesNotLiveLong(t *testing.T) {
	p := jwtAPIs(t, credential.ES256)
	p.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.AccessTokenLifetime, c.GrantDuration = 24*time.Hour, 90*time.Minute })
	app := p.client(t, authtest.PhotoPrint)
	first := app.redeem(p.codeFor(t, "photos.read"), authtest.PhotoPrintCallback).wants(http.StatusOK)
	ends := float64(authtest.Start.Add(90 * time.Minute).Unix())
	check := func(name string, got *answer, exp float64) {
		t.Helper()
		if _, claims := p.at(got.text("access_token"), photosAPI, "ES256"); claims["exp"] != exp || got.body["expires_in"] != exp-float64(p.Clock.Now().Unix()) {
			t.Errorf("%s: exp is %v, want %v; %s", name, claims["exp"], exp, got.raw)
		}
	}
	check("at first", first, float64(authtest.Start.Add(time.Hour).Unix()))
	check("of a machine", app.token(byCredentials, photosAPI).wants(http.StatusOK), float64(authtest.Start.Add(time.Hour).Unix()))
	p.Clock.Advance(50 * time.Minute)
	check("after a refresh", app.refresh(first.text("refresh_token")).wants(http.StatusOK), ends)
	p.Clock.Advance(20 * time.Second)
	check("repeated", app.refresh(first.text("refresh_token")).wants(http.StatusOK), ends)
	p.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.AccessTokenLifetime = time.Minute })
	check("with a shorter life", app.refresh(first.text("refresh_token")).wants(http.StatusOK), float64(p.Clock.Now().Add(time.Minute).Unix()))
}

// N223: what cannot be signed takes nothing.
func TestN223WithoutASigningKeyNothingIsTakenForAJWT(t *testing.T) {
	p := jwtAPIs(t, credential.ES256)
	p.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.Scopes = []string{"photos.read"} })
	app := p.client(t, authtest.PhotoPrint)
	refresh := app.redeem(p.codeFor(t, "photos.read"), authtest.PhotoPrintCallback).wants(http.StatusOK).text("refresh_token")
	code := p.codeFor(t, "photos.read")
	writes := p.Store.Writes()
	p.LoseSigningKeys(t)
	for _, form := range []url.Values{redemption(code, authtest.PhotoPrintCallback), byRefresh(refresh)} {
		if got := app.token(form).refused(http.StatusServiceUnavailable, "temporarily_unavailable"); got.Header.Get("Retry-After") == "" {
			t.Error("the answer does not say when to come back")
		}
	}
	if p.Store.Writes() != writes {
		t.Error("something was taken")
	}
	app.post("/oauth2/introspect", url.Values{"token": {"a.b.c"}}).wants(http.StatusServiceUnavailable)
	p.FindSigningKeys(t)
	for _, form := range []url.Values{redemption(code, authtest.PhotoPrintCallback), byRefresh(refresh)} {
		if !app.token(form).wants(http.StatusOK).isJWT() {
			t.Error("it is no JWT")
		}
	}
}

// A JWT costs no write: login 1, approval 1, redemption 1, refresh 1, access token 0.
func TestAJWTIsStoredNowhere(t *testing.T) {
	p := jwtAPIs(t, credential.ES256)
	app := p.client(t, authtest.PhotoPrint)
	code := p.codeFor(t, "photos.read")
	writes := p.Store.Writes()
	app.token(byCredentials, photosAPI).wants(http.StatusOK)
	if n := p.Store.Writes() - writes; n != 0 {
		t.Errorf("a token of a machine took %d writes", n)
	}
	refresh := app.redeem(code, authtest.PhotoPrintCallback).wants(http.StatusOK).text("refresh_token")
	app.refresh(refresh).wants(http.StatusOK)
	if n := p.Store.Writes() - writes; n != 2 {
		t.Errorf("a redemption and a refresh took %d writes", n)
	}
}
