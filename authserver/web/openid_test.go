// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/internal/httpsyntax"
)

// relyingParty is PhotoPrint as a program of OpenID Connect: it reads the configuration of the issuer, and verifies with the
// keys that it finds there.
type relyingParty struct {
	*house
	t        *testing.T
	provider *oidc.Provider
}

// openID lets PhotoPrint log people in.
func (h *house) openID(t *testing.T, settings authserver.OpenIDSettings) *relyingParty {
	t.Helper()
	if settings.IDTokenLifetime == 0 {
		settings.IDTokenLifetime = time.Hour
	}
	h.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) {
		c.OpenID = settings
		c.Scopes = append(slices.Clone(c.Scopes), "openid", "profile", "email", "groups", "address", "phone", "offline_access")
	})
	provider, err := oidc.NewProvider(oidc.ClientContext(t.Context(), h.server.Client()), h.issuer)
	if err != nil {
		t.Fatalf("discover the provider: %v", err)
	}
	return &relyingParty{h, t, provider}
}

// login walks Bob through a login with the scopes, and returns what the token endpoint answered.
func (p *relyingParty) login(scope string, more url.Values) *answer {
	p.t.Helper()
	bob := p.bob(p.t)
	changes := url.Values{"scope": {scope}, "nonce": {"n-0S6_WzA2Mj"}}
	for name, values := range more {
		changes[name] = values
	}
	code := bob.consentTo(bob.begin(changes), "allow").back(authtest.PhotoPrintCallback).Get("code")
	return p.client(p.t, authtest.PhotoPrint).redeem(code, authtest.PhotoPrintCallback).wants(http.StatusOK)
}

// verified returns the claims of an ID token, once its signature, issuer, audience and end are right.
func (p *relyingParty) verified(text, algorithm string) (*oidc.IDToken, map[string]any) {
	p.t.Helper()
	verifier := p.provider.VerifierContext(oidc.ClientContext(p.t.Context(), p.server.Client()), &oidc.Config{
		ClientID: authtest.PhotoPrint, SupportedSigningAlgs: []string{algorithm}, Now: p.Clock.Now,
	})
	token, err := verifier.Verify(p.t.Context(), text)
	if err != nil {
		p.t.Fatalf("the ID token is refused: %v", err)
	}
	var claims map[string]any
	if err := token.Claims(&claims); err != nil {
		p.t.Fatal(err)
	}
	return token, claims
}

func (p *relyingParty) subject() string {
	p.t.Helper()
	owner, err := p.Directory.Lookup(p.t.Context(), authtest.Bob)
	if err != nil {
		p.t.Fatal(err)
	}
	return owner.Subject
}

func TestAnIDTokenSaysWhoLoggedIn(t *testing.T) {
	for _, algorithm := range []string{"RS256", "PS256", "ES256"} {
		t.Run(algorithm, func(t *testing.T) {
			p := newHouse(t).openID(t, authserver.OpenIDSettings{SigningAlgorithm: algorithm})
			got := p.login("openid profile email groups photos.read", nil)
			token, claims := p.verified(got.text("id_token"), algorithm)
			if err := token.VerifyAccessToken(got.text("access_token")); err != nil {
				t.Errorf("at_hash: %v", err)
			}
			delete(claims, "at_hash")
			if sid, _ := claims["sid"].(string); len(sid) != 22 {
				t.Errorf("sid is %q", sid)
			}
			delete(claims, "sid")
			now := float64(authtest.Start.Unix())
			want := map[string]any{
				"iss": p.issuer, "aud": authtest.PhotoPrint, "azp": authtest.PhotoPrint, "sub": p.subject(),
				"iat": now, "exp": now + 3600, "auth_time": now, "acr": "urn:gatehouse:acr:1fa", "amr": []any{"pwd"}, "nonce": "n-0S6_WzA2Mj",
				"name": "Bob", "preferred_username": "bob", "email": "bob@photos.example", "email_verified": true, "groups": []any{"family"},
			}
			if diff := cmp.Diff(want, claims); diff != "" {
				t.Errorf("the claims differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnIDTokenHoldsWhatTheScopesRelease(t *testing.T) {
	p := newHouse(t).openID(t, authserver.OpenIDSettings{SigningAlgorithm: "RS256"})
	common := []string{"acr", "amr", "at_hash", "aud", "auth_time", "azp", "exp", "iat", "iss", "nonce", "sid", "sub"}
	for scope, want := range map[string][]string{
		"openid":               nil,
		"openid profile":       {"name", "preferred_username"},
		"openid email":         {"email", "email_verified"},
		"openid groups":        {"groups"},
		"openid address phone": nil, // nobody here knows either
	} {
		got := p.login(scope, nil)
		_, claims := p.verified(got.text("id_token"), "RS256")
		var names []string
		for name := range claims {
			names = append(names, name)
		}
		slices.Sort(names)
		want = slices.Sorted(slices.Values(append(slices.Clone(common), want...)))
		if !slices.Equal(names, want) {
			t.Errorf("scope %s: the claims are %v, want %v", scope, names, want)
		}
	}
	if got := p.login("photos.read profile", nil); got.text("id_token") != "" {
		t.Error("there is an ID token without the scope openid")
	}
}

func TestAnIDTokenNamesTheGroupsThatTheClientNeeds(t *testing.T) {
	h := newHouse(t)
	h.Directory.Put(authserver.Owner{Name: authtest.Bob, Groups: []string{"family", "team-red", "team-blue", "teams"}}, authtest.BobPassword)
	p := h.openID(t, authserver.OpenIDSettings{SigningAlgorithm: "ES256", Groups: []string{"team-*", "family", "nobody"}})
	got := p.login("openid groups", nil)
	_, claims := p.verified(got.text("id_token"), "ES256")
	if want := []any{"family", "team-red", "team-blue"}; !cmp.Equal(claims["groups"], want) {
		t.Errorf("the ID token names the groups %v, want %v", claims["groups"], want)
	}
	if info := p.userInfo(got.text("access_token"), ""); !cmp.Equal(info.body["groups"], []any{"family", "team-red", "team-blue", "teams"}) {
		t.Errorf("UserInfo says %s", info.raw)
	}
}

// A refresh token goes with offline_access, and each use of it yields an ID token (OpenID Connect Core §11, §12.2).
func TestOfflineAccessYieldsARefreshTokenAndNewIDTokens(t *testing.T) {
	p := newHouse(t).openID(t, authserver.OpenIDSettings{SigningAlgorithm: "RS256"})
	if got := p.login("openid", nil); got.text("refresh_token") != "" {
		t.Error("there is a refresh token without offline_access")
	}
	if got := p.login("photos.read", nil); got.text("refresh_token") == "" {
		t.Error("OAuth 2.0 without OpenID Connect has lost its refresh token")
	}
	tokens := p.login("openid profile offline_access", nil)
	p.Clock.Advance(50 * time.Minute)
	p.Directory.Put(authserver.Owner{Name: authtest.Bob, DisplayName: "Robert"}, authtest.BobPassword)
	if err := p.Auth.ConfirmPeople(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time the answer is repeated, or the next one
		got := p.client(t, authtest.PhotoPrint).refresh(tokens.text("refresh_token")).wants(http.StatusOK)
		token, claims := p.verified(got.text("id_token"), "RS256")
		if err := token.VerifyAccessToken(got.text("access_token")); err != nil {
			t.Errorf("at_hash: %v", err)
		}
		if _, there := claims["nonce"]; there {
			t.Error("the ID token of a refresh has a nonce")
		}
		if claims["auth_time"] != float64(authtest.Start.Unix()) || claims["iat"] != float64(p.Clock.Now().Unix()) || claims["name"] != "Robert" || claims["sub"] != p.subject() {
			t.Errorf("the ID token of a refresh says %v", claims)
		}
	}
}

func TestAClientThatCannotRefreshIsNotAskedForOfflineAccess(t *testing.T) {
	h := newHouse(t)
	p := h.openID(t, authserver.OpenIDSettings{SigningAlgorithm: "RS256"})
	h.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.GrantTypes = []authserver.GrantType{authserver.GrantAuthorizationCode} })
	bob := h.bob(t)
	page := bob.get(bob.begin(url.Values{"scope": {"openid offline_access"}})).wants(http.StatusOK, "").says("Sign you in with your account here")
	if strings.Contains(page.text(), "while you are away") {
		t.Error("the owner is asked for what cannot be given")
	}
	if got := p.login("openid offline_access", nil); got.text("scope") != "openid" || got.text("refresh_token") != "" {
		t.Errorf("the answer is %s", got.raw)
	}
}

func TestTheConsentPageExplainsTheScopesOfOpenIDConnect(t *testing.T) {
	h := newHouse(t)
	h.openID(t, authserver.OpenIDSettings{SigningAlgorithm: "RS256"})
	bob := h.bob(t)
	bob.get(bob.begin(url.Values{"scope": {"openid profile email groups address phone offline_access"}})).wants(http.StatusOK, "").says(
		"Sign you in with your account here", "See your name", "See your mail address", "See the groups that you belong to",
		"See your postal address", "See your phone number", "Stay signed in while you are away")
}

// userInfo asks the UserInfo endpoint; no token asks without one.
func (p *relyingParty) userInfo(token, accept string) *answer {
	p.t.Helper()
	return p.userInfoBy(http.MethodGet, token, accept)
}

func (p *relyingParty) userInfoBy(method, token, accept string) *answer {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.issuer+"/oauth2/userinfo", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if accept != "" {
		r.Header.Set("Accept", accept)
		return p.sendRaw(r)
	}
	return p.client(p.t, authtest.PhotoPrint).send(r)
}

func TestUserInfoSaysWhatTheScopesRelease(t *testing.T) {
	p := newHouse(t).openID(t, authserver.OpenIDSettings{SigningAlgorithm: "PS256"})
	token := p.login("openid email profile", nil).text("access_token")
	want := map[string]any{"sub": p.subject(), "name": "Bob", "preferred_username": "bob", "email": "bob@photos.example", "email_verified": true}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if got := p.userInfoBy(method, token, "").wants(http.StatusOK); !cmp.Equal(got.body, want) || got.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %s with %v", method, got.raw, got.Header)
		}
	}
	signed := p.userInfo(token, "application/jwt").wants(http.StatusOK)
	if kind := signed.Header.Get("Content-Type"); kind != "application/jwt" {
		t.Fatalf("the signed answer is %s: %s", kind, signed.raw)
	}
	verifier := p.provider.VerifierContext(oidc.ClientContext(t.Context(), p.server.Client()), &oidc.Config{
		ClientID: authtest.PhotoPrint, SupportedSigningAlgs: []string{"PS256"}, SkipExpiryCheck: true,
	})
	verified, err := verifier.Verify(t.Context(), signed.raw)
	if err != nil {
		t.Fatalf("the signed answer is refused: %v", err)
	}
	var claims map[string]any
	want["iss"], want["aud"] = p.issuer, authtest.PhotoPrint
	if err := errors.Join(verified.Claims(&claims)); err != nil || !cmp.Equal(claims, want) {
		t.Errorf("the signed answer says %v, %v; want %v", claims, err, want)
	}
}

// N207: UserInfo tells nobody who has no token of a person for openid (RFC 6750 §3.1).
func TestN207UserInfoTellsNobodyElse(t *testing.T) {
	h := newHouse(t)
	p := h.openID(t, authserver.OpenIDSettings{SigningAlgorithm: "RS256"})
	plain := p.login("photos.read profile", nil)
	full := p.login("openid offline_access", nil)
	machine := h.client(t, authtest.PhotoReport).post("/oauth2/token", url.Values{"grant_type": {"client_credentials"}}).wants(http.StatusOK)
	for name, tc := range map[string]struct {
		token, code, challenge string
		status                 int
	}{
		"no token":        {"", "invalid_token", `Bearer realm="gatehouse"`, http.StatusUnauthorized},
		"not a token":     {"gha_nonsense", "invalid_token", `Bearer realm="gatehouse", error="invalid_token"`, http.StatusUnauthorized},
		"a refresh token": {full.text("refresh_token"), "invalid_token", `Bearer realm="gatehouse", error="invalid_token"`, http.StatusUnauthorized},
		"an ID token":     {full.text("id_token"), "invalid_token", `Bearer realm="gatehouse", error="invalid_token"`, http.StatusUnauthorized},
		"without openid": {plain.text("access_token"), "insufficient_scope",
			`Bearer realm="gatehouse", error="insufficient_scope", scope="openid"`, http.StatusForbidden},
		"of no person": {machine.text("access_token"), "insufficient_scope",
			`Bearer realm="gatehouse", error="insufficient_scope", scope="openid"`, http.StatusForbidden},
	} {
		got := p.userInfo(tc.token, "")
		if got.StatusCode != tc.status || got.text("error") != tc.code || got.Header.Get("WWW-Authenticate") != tc.challenge {
			t.Errorf("%s: %d %s %q", name, got.StatusCode, got.raw, got.Header.Get("WWW-Authenticate"))
		}
	}
	h.Directory.Remove(authtest.Bob)
	if err := h.Auth.ConfirmPeople(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.userInfo(full.text("access_token"), "").refused(http.StatusUnauthorized, "invalid_token")
}

// The token may be in the form of a POST (RFC 6750 §2.2). N285: and in one place only, which is never the URL.
func TestN285UserInfoTakesATokenFromOnePlaceAndNotFromTheURL(t *testing.T) {
	p := newHouse(t).openID(t, authserver.OpenIDSettings{SigningAlgorithm: "RS256"})
	token := p.login("openid", nil).text("access_token")
	field, header := "access_token="+url.QueryEscape(token), "Bearer "+token
	for name, tc := range map[string]struct {
		method, query, kind, body, authorization string
		status                                   int
		code                                     string
	}{
		"in the form":                  {http.MethodPost, "", httpsyntax.FormType, field, "", http.StatusOK, ""},
		"in the header, with a form":   {http.MethodPost, "", httpsyntax.FormType, "a=b", header, http.StatusOK, ""},
		"in both":                      {http.MethodPost, "", httpsyntax.FormType, field, header, http.StatusBadRequest, "invalid_request"},
		"twice in the form":            {http.MethodPost, "", httpsyntax.FormType, field + "&" + field, "", http.StatusBadRequest, "invalid_request"},
		"in the URL":                   {http.MethodGet, "?" + field, "", "", "", http.StatusUnauthorized, "invalid_token"},
		"in the URL, with POST":        {http.MethodPost, "?" + field, httpsyntax.FormType, "", "", http.StatusUnauthorized, "invalid_token"},
		"in a form with GET":           {http.MethodGet, "", httpsyntax.FormType, field, "", http.StatusUnauthorized, "invalid_token"},
		"in a body that is not a form": {http.MethodPost, "", "text/plain", field, "", http.StatusUnauthorized, "invalid_token"},
		"a wrong one in the form":      {http.MethodPost, "", httpsyntax.FormType, "access_token=gha_nonsense", "", http.StatusUnauthorized, "invalid_token"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), tc.method, p.issuer+"/oauth2/userinfo"+tc.query, strings.NewReader(tc.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", tc.kind)
		if tc.authorization != "" {
			r.Header.Set("Authorization", tc.authorization)
		}
		got := p.client(t, authtest.PhotoPrint).send(r)
		if got.StatusCode != tc.status || got.text("error") != tc.code || tc.code == "" && got.text("sub") != p.subject() {
			t.Errorf("%s: %d %s", name, got.StatusCode, got.raw)
		}
	}
}

// N208: what cannot be signed takes nothing.
func TestN208WithoutASigningKeyNothingIsTaken(t *testing.T) {
	h := newHouse(t)
	p := h.openID(t, authserver.OpenIDSettings{SigningAlgorithm: "RS256"})
	bob := h.bob(t)
	code := bob.consentTo(bob.begin(url.Values{"scope": {"openid"}}), "allow").back(authtest.PhotoPrintCallback).Get("code")
	h.LoseSigningKeys(t)
	got := h.client(t, authtest.PhotoPrint).redeem(code, authtest.PhotoPrintCallback).refused(http.StatusServiceUnavailable, "temporarily_unavailable")
	if got.Header.Get("Retry-After") == "" {
		t.Error("the answer does not say when to come back")
	}
	h.FindSigningKeys(t)
	tokens := h.client(t, authtest.PhotoPrint).redeem(code, authtest.PhotoPrintCallback).wants(http.StatusOK)
	p.verified(tokens.text("id_token"), "RS256")
}

// What needs no ID token does not wait for the key of one.
func TestAMachineNeedsNoSigningKey(t *testing.T) {
	h := newHouse(t)
	h.openID(t, authserver.OpenIDSettings{SigningAlgorithm: "RS256"})
	h.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) {
		c.GrantTypes = append(slices.Clone(c.GrantTypes), authserver.GrantClientCredentials)
	})
	h.LoseSigningKeys(t)
	h.client(t, authtest.PhotoPrint).post("/oauth2/token", url.Values{"grant_type": {"client_credentials"}}).wants(http.StatusOK)
}

// N214: a client that has lost offline_access gets no refresh token for a code, and refreshes no more.
func TestN214AClientThatLostOfflineAccessDoesNotRefresh(t *testing.T) {
	for _, lost := range [][]string{{"offline_access"}, {"offline_access", "openid"}} {
		h := newHouse(t)
		p := h.openID(t, authserver.OpenIDSettings{SigningAlgorithm: "ES256"})
		before := p.login("openid photos.read offline_access", nil).text("refresh_token")
		bob := h.bob(t)
		code := bob.consentTo(bob.begin(url.Values{"scope": {"openid photos.read offline_access"}}), "allow").back(authtest.PhotoPrintCallback).Get("code")
		h.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) {
			c.Scopes = slices.DeleteFunc(slices.Clone(c.Scopes), func(scope string) bool { return slices.Contains(lost, scope) })
		})
		client := h.client(t, authtest.PhotoPrint)
		if got := client.post("/oauth2/introspect", url.Values{"token": {before}}).wants(http.StatusOK); got.body["active"] != false {
			t.Errorf("without %v introspection says %s", lost, got.raw)
		}
		client.refresh(before).refused(http.StatusBadRequest, "invalid_grant")
		if got := client.redeem(code, authtest.PhotoPrintCallback).wants(http.StatusOK); got.text("refresh_token") != "" {
			t.Errorf("without %v a code yields a refresh token", lost)
		}
	}
}

// N209: what a request asks and cannot have is refused in the words of OpenID Connect.
func TestN209RequestsOfOpenIDConnectThatAreRefused(t *testing.T) {
	h := newHouse(t)
	h.openID(t, authserver.OpenIDSettings{SigningAlgorithm: "RS256"})
	for name, tc := range map[string]struct {
		changes url.Values
		code    string
	}{
		"a long nonce":          {url.Values{"nonce": {strings.Repeat("n", authserver.MaxNonce+1)}}, "invalid_request"},
		"a nonce with a NUL":    {url.Values{"nonce": {"n\x00"}}, "invalid_request"},
		"a nonce of two lines":  {url.Values{"nonce": {"n\n"}}, "invalid_request"},
		"a nonce of no text":    {url.Values{"nonce": {"\xff"}}, "invalid_request"},
		"a nonce twice":         {url.Values{"nonce": {"one", "two"}}, "invalid_request"},
		"max_age of no number":  {url.Values{"max_age": {"soon"}}, "invalid_request"},
		"max_age below zero":    {url.Values{"max_age": {"-1"}}, "invalid_request"},
		"a request object":      {url.Values{"request": {"eyJhbGciOiJub25lIn0.e30."}}, "request_not_supported"},
		"a request elsewhere":   {url.Values{"request_uri": {"https://photoprint.example/request"}}, "request_uri_not_supported"},
		"an ID token at once":   {url.Values{"response_type": {"id_token"}}, "unsupported_response_type"},
		"an answer in fragment": {url.Values{"response_mode": {"fragment"}}, "invalid_request"},
	} {
		bob := h.bob(t)
		tc.changes["scope"] = []string{"openid"}
		if got := bob.get(request(tc.changes)).back(authtest.PhotoPrintCallback).Get("error"); got != tc.code {
			t.Errorf("%s: %q, want %q", name, got, tc.code)
		}
	}
}

// A nonce comes back unmodified (OpenID Connect Core §3.1.2.1), whatever text it is.
func TestANonceComesBackAsItWas(t *testing.T) {
	p := newHouse(t).openID(t, authserver.OpenIDSettings{SigningAlgorithm: "ES256"})
	for _, nonce := range []string{"<&>\"\\ +%00", "Zoë Ångström-李", strings.Repeat("<", authserver.MaxNonce)} {
		got := p.login("openid", url.Values{"nonce": {nonce}})
		if _, claims := p.verified(got.text("id_token"), "ES256"); claims["nonce"] != nonce {
			t.Errorf("the nonce %q came back as %q", nonce, claims["nonce"])
		}
	}
}

func TestMaxAgeAsksForANewLogin(t *testing.T) {
	h := newHouse(t)
	h.openID(t, authserver.OpenIDSettings{SigningAlgorithm: "RS256"})
	bob := h.bob(t)
	h.Clock.Advance(10 * time.Minute)
	for age, asked := range map[string]bool{"0": true, "599": true, "600": false, "86400": false} {
		page := bob.get(bob.begin(url.Values{"scope": {"openid"}, "max_age": {age}})).wants(http.StatusOK, "")
		if got := page.hasField("password"); got != asked {
			t.Errorf("max_age %s: a login is asked for: %t, want %t", age, got, asked)
		}
		silent := bob.get(bob.begin(url.Values{"scope": {"openid"}, "max_age": {age}, "prompt": {"none"}})).back(authtest.PhotoPrintCallback)
		if got := silent.Get("error") == "login_required"; got != asked {
			t.Errorf("max_age %s with prompt=none: %v", age, silent)
		}
	}
}

func TestALoginHintStandsInTheForm(t *testing.T) {
	h := newHouse(t)
	b := h.browser(t)
	page := b.get(b.begin(url.Values{"login_hint": {`bob"><script>`}})).wants(http.StatusOK, "")
	if got := page.field("username"); got != `bob"><script>` {
		t.Errorf("the form begins with %q", got)
	}
}

func TestBothNamesOfTheConfigurationLeadToOneDocument(t *testing.T) {
	h := newHouse(t)
	h.Clients.OpenToAll("photos.read")
	anybody := h.client(t, "")
	first := anybody.get("/.well-known/openid-configuration").wants(http.StatusOK)
	second := anybody.get("/.well-known/oauth-authorization-server").wants(http.StatusOK)
	if first.raw != second.raw {
		t.Errorf("the documents differ:\n%s\n%s", first.raw, second.raw)
	}
	c := first.body
	for name, value := range c {
		if text, ok := value.(string); ok && (!strings.HasPrefix(text, h.issuer) || strings.HasSuffix(text, "/")) {
			t.Errorf("%s is %q", name, text)
		}
	}
	want := []any{"openid", "profile", "email", "groups", "address", "phone", "offline_access", "photos.read"}
	if !cmp.Equal(c["scopes_supported"], want) {
		t.Errorf("scopes_supported is %v", c["scopes_supported"])
	}
}

// N210: the key set is never empty, holds no private key, and may be kept for less time than keys are published before they
// sign.
func TestN210TheKeySet(t *testing.T) {
	h := newHouse(t)
	got := h.client(t, "").get("/oauth2/keys").wants(http.StatusOK)
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal([]byte(got.raw), &set); err != nil {
		t.Fatal(err)
	}
	algorithms := map[any]int{}
	for _, key := range set.Keys {
		algorithms[key["alg"]]++
		for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "k"} {
			if _, there := key[name]; there {
				t.Errorf("a key has the private member %s", name)
			}
		}
		if key["use"] != "sig" || key["kid"] == "" {
			t.Errorf("a key says %v", key)
		}
	}
	if len(algorithms) != 3 {
		t.Errorf("the algorithms are %v", algorithms)
	}
	if cache := got.Header.Get("Cache-Control"); cache != "public, max-age=900" {
		t.Errorf("Cache-Control is %q", cache)
	}
	h.LoseSigningKeys(t)
	h.client(t, "").get("/oauth2/keys").refused(http.StatusServiceUnavailable, "temporarily_unavailable")
}

func TestAnIDTokenStaysVerifiableWhileKeysRotate(t *testing.T) {
	h := newHouse(t)
	p := h.openID(t, authserver.OpenIDSettings{SigningAlgorithm: "RS256", IDTokenLifetime: 24 * time.Hour})
	before := p.login("openid", nil).text("id_token")
	h.RotateKeys(t)
	after := p.login("openid", nil).text("id_token")
	if strings.Split(before, ".")[0] == strings.Split(after, ".")[0] {
		t.Error("the key is the same")
	}
	for _, text := range []string{before, after} {
		p.verified(text, "RS256")
	}
}

// get asks for a document.
func (a *app) get(path string) *answer {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), http.MethodGet, a.h.issuer+path, nil)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.send(r)
}

// sendRaw sends a request whose answer is no JSON.
func (p *relyingParty) sendRaw(r *http.Request) *answer {
	p.t.Helper()
	got := p.send(p.t, r)
	return &answer{Response: got.Response, t: p.t, raw: got.raw}
}
