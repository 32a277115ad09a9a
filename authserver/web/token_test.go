// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// app is a client at the back-channel endpoints.
type app struct {
	h          *house
	t          *testing.T
	id, secret string
}

func (h *house) client(t *testing.T, id string) *app {
	t.Helper()
	return &app{h: h, t: t, id: id, secret: h.Secret(id)}
}

// answer is what a client got.
type answer struct {
	*http.Response
	t    *testing.T
	raw  string
	body map[string]any
}

func (a *app) post(path string, form url.Values) *answer {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), http.MethodPost, a.h.issuer+path, strings.NewReader(form.Encode()))
	if err != nil {
		a.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if a.secret != "" {
		r.SetBasicAuth(url.QueryEscape(a.id), url.QueryEscape(a.secret))
	}
	return a.send(r)
}

func (a *app) send(r *http.Request) *answer {
	a.t.Helper()
	response, err := a.h.server.Client().Do(r)
	if err != nil {
		a.t.Fatalf("%s: %v", r.URL.Path, err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		a.t.Fatalf("%s: %v", r.URL.Path, err)
	}
	got := &answer{Response: response, t: a.t, raw: string(raw)}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &got.body); err != nil {
			a.t.Fatalf("%s: %q is not JSON: %v", r.URL.Path, raw, err)
		}
	}
	return got
}

func (a *answer) wants(status int) *answer {
	a.t.Helper()
	if a.StatusCode != status {
		a.t.Fatalf("%s: %d %s, want %d", a.Request.URL.Path, a.StatusCode, a.raw, status)
	}
	return a
}

func (a *answer) refused(status int, code string) *answer {
	a.t.Helper()
	a.wants(status)
	if a.text("error") != code {
		a.t.Fatalf("%s: %s, want %s", a.Request.URL.Path, a.raw, code)
	}
	return a
}

func (a *answer) text(key string) string {
	text, _ := a.body[key].(string)
	return text
}

func (a *app) redeem(code, callback string) *answer {
	a.t.Helper()
	return a.post("/oauth2/token", redemption(code, callback))
}

func redemption(code, callback string) url.Values {
	return url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {codeVerifier}}
}

func (a *app) refresh(token string) *answer {
	a.t.Helper()
	return a.post("/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

// active reports what PhotoStorage learns about a token.
func (h *house) active(t *testing.T, token string) bool {
	t.Helper()
	got := h.client(t, authtest.PhotoStorage).post("/oauth2/introspect", url.Values{"token": {token}}).wants(http.StatusOK)
	active, ok := got.body["active"].(bool)
	if !ok || !active && len(got.body) != 1 {
		t.Fatalf("introspection says %s", got.raw)
	}
	return active
}

// code walks Bob through the pages and returns PhotoPrint's code.
func (h *house) code(t *testing.T) string {
	t.Helper()
	bob := h.bob(t)
	return bob.consentTo(bob.begin(nil), "allow").back(authtest.PhotoPrintCallback).Get("code")
}

func (h *house) tokens(t *testing.T) *answer {
	t.Helper()
	return h.client(t, authtest.PhotoPrint).redeem(h.code(t), authtest.PhotoPrintCallback).wants(http.StatusOK)
}

func TestTheTokenAnswerIsRFC6749s(t *testing.T) {
	h := newHouse(t)
	got := h.tokens(t)
	if got.Header.Get("Cache-Control") != "no-store" || got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("the header is %v", got.Header)
	}
	if got.text("token_type") != "Bearer" || got.body["expires_in"] != 3600.0 || got.text("scope") != "photos.read" ||
		!strings.HasPrefix(got.text("access_token"), "gha_") || !strings.HasPrefix(got.text("refresh_token"), "ghr_") {
		t.Errorf("the answer is %s", got.raw)
	}
	about := h.client(t, authtest.PhotoStorage).post("/oauth2/introspect", url.Values{"token": {got.text("access_token")}})
	if about.text("sub") != authtest.SubjectOf(authtest.Bob) || about.text("client_id") != authtest.PhotoPrint || about.text("iss") != h.issuer || about.text("scope") != "photos.read" {
		t.Errorf("introspection says %s", about.raw)
	}
}

func TestN21N26AtTheEndpointABadCodeIsInvalidGrant(t *testing.T) {
	h := newHouse(t)
	app := h.client(t, authtest.PhotoPrint)
	code := h.code(t)
	h.client(t, authtest.BookShelf).redeem(code, authtest.PhotoPrintCallback).refused(http.StatusBadRequest, "invalid_grant") // N23
	app.redeem(code, authtest.PhotoPrintCallback+"/").refused(http.StatusBadRequest, "invalid_grant")                         // N26
	wrong := redemption(code, authtest.PhotoPrintCallback)
	wrong.Set("code_verifier", strings.Repeat("w", 43))
	app.post("/oauth2/token", wrong).refused(http.StatusBadRequest, "invalid_grant") // N25
	tokens := app.redeem(code, authtest.PhotoPrintCallback).wants(http.StatusOK)
	app.redeem(code, authtest.PhotoPrintCallback).refused(http.StatusBadRequest, "invalid_grant") // N21
	if h.active(t, tokens.text("access_token")) {
		t.Error("N21: what the first use gave is alive")
	}
	app.refresh(tokens.text("refresh_token")).refused(http.StatusBadRequest, "invalid_grant")
}

func TestN22OfFiftyParallelRequestsOneGetsTokens(t *testing.T) {
	h := newHouse(t)
	app, code := h.client(t, authtest.PhotoPrint), h.code(t)
	statuses := make([]int, 50)
	var wg sync.WaitGroup
	for n := range statuses {
		wg.Go(func() {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.issuer+"/oauth2/token",
				strings.NewReader(redemption(code, authtest.PhotoPrintCallback).Encode()))
			if err != nil {
				return
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.SetBasicAuth(app.id, app.secret)
			if response, err := h.server.Client().Do(r); err == nil {
				statuses[n] = response.StatusCode
				_ = response.Body.Close()
			}
		})
	}
	wg.Wait()
	count := map[int]int{}
	for _, status := range statuses {
		count[status]++
	}
	if count[http.StatusOK] != 1 || count[http.StatusBadRequest] != 49 {
		t.Errorf("the answers are %v", count)
	}
}

func TestN29AWiderScopeAtRefreshIsInvalidScope(t *testing.T) {
	h := newHouse(t)
	got := h.client(t, authtest.PhotoPrint).post("/oauth2/token", url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {h.tokens(t).text("refresh_token")}, "scope": {"photos.read photos.write"},
	})
	got.refused(http.StatusBadRequest, "invalid_scope")
}

func TestN31TheSecretHasOnePlace(t *testing.T) {
	h := newHouse(t)
	app := h.client(t, authtest.BookShelf)
	form := url.Values{"grant_type": {"client_credentials"}}
	app.post("/oauth2/token", form).wants(http.StatusOK)
	app.post("/oauth2/token?client_secret="+app.secret, form).refused(http.StatusBadRequest, "invalid_request")
	both := url.Values{"grant_type": {"client_credentials"}, "client_secret": {app.secret}}
	app.post("/oauth2/token", both).refused(http.StatusBadRequest, "invalid_request")
	inBody := &appInBody{app}
	inBody.post("/oauth2/token", form).wants(http.StatusOK)
}

// appInBody authenticates with client_secret_post.
type appInBody struct{ *app }

func (a *appInBody) post(path string, form url.Values) *answer {
	a.t.Helper()
	with := url.Values{"client_id": {a.id}, "client_secret": {a.secret}}
	for key, values := range form {
		with[key] = values
	}
	return (&app{h: a.h, t: a.t}).post(path, with)
}

func TestN33AnUnknownClientAndAWrongSecretAreOneAnswer(t *testing.T) {
	h := newHouse(t)
	form := url.Values{"grant_type": {"client_credentials"}}
	wrong := &app{h: h, t: t, id: authtest.BookShelf, secret: h.Secret(authtest.PhotoPrint)}
	unknown := &app{h: h, t: t, id: "books.nobody", secret: h.Secret(authtest.PhotoPrint)}
	a := wrong.post("/oauth2/token", form).refused(http.StatusUnauthorized, "invalid_client")
	b := unknown.post("/oauth2/token", form).refused(http.StatusUnauthorized, "invalid_client")
	if a.raw != b.raw || a.Header.Get("WWW-Authenticate") == "" || a.Header.Get("WWW-Authenticate") != b.Header.Get("WWW-Authenticate") {
		t.Errorf("the answers differ: %s %s", a.raw, b.raw)
	}
}

func TestN39AStoreThatIsGoneIs503WithRetryAfter(t *testing.T) {
	h := newHouse(t)
	tokens := h.tokens(t)
	h.Store.Fail(authserver.ErrUnavailable)
	app := h.client(t, authtest.PhotoPrint)
	for _, got := range []*answer{
		app.post("/oauth2/revoke", url.Values{"token": {tokens.text("access_token")}}),
		app.post("/oauth2/introspect", url.Values{"token": {tokens.text("access_token")}}),
		app.refresh(tokens.text("refresh_token")),
	} {
		got.refused(http.StatusServiceUnavailable, "temporarily_unavailable")
		if got.Header.Get("Retry-After") == "" {
			t.Errorf("%s says not when to come back", got.Request.URL.Path)
		}
	}
	h.Store.Fail(nil)
	if !h.active(t, tokens.text("access_token")) {
		t.Error("a revocation that failed took effect")
	}
}

func TestN40IntrospectionIsForAuthenticatedClients(t *testing.T) {
	h := newHouse(t)
	token := url.Values{"token": {h.tokens(t).text("access_token")}}
	(&app{h: h, t: t}).post("/oauth2/introspect", token).refused(http.StatusUnauthorized, "invalid_client")
	public := url.Values{"token": token["token"], "client_id": {authtest.Desktop}}
	(&app{h: h, t: t}).post("/oauth2/introspect", public).refused(http.StatusUnauthorized, "invalid_client")
	other := h.client(t, authtest.BookShelf).post("/oauth2/introspect", token).wants(http.StatusOK)
	if strings.TrimSpace(other.raw) != `{"active":false}` {
		t.Errorf("a client that may not see the token learns %s", other.raw)
	}
}

func TestN41RevocationIsAlways200AndOnlyOwnTokensDie(t *testing.T) {
	h := newHouse(t)
	access := h.tokens(t).text("access_token")
	for _, token := range []string{access, "nonsense", "gha_nonsense"} {
		h.client(t, authtest.BookShelf).post("/oauth2/revoke", url.Values{"token": {token}}).wants(http.StatusOK)
	}
	if !h.active(t, access) {
		t.Fatal("another client revoked the token")
	}
	h.client(t, authtest.PhotoPrint).post("/oauth2/revoke", url.Values{"token": {access}, "token_type_hint": {"refresh_token"}}).wants(http.StatusOK)
	if h.active(t, access) {
		t.Error("the client's own revocation had no effect")
	}
}

func TestTheBackChannelAnswersPostOnlyAndScriptsOfOtherSites(t *testing.T) {
	h := newHouse(t)
	for path, want := range map[string]string{
		"/oauth2/token": "POST, OPTIONS", "/oauth2/revoke": "POST, OPTIONS", "/oauth2/introspect": "POST",
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.issuer+path+"?client_secret=x", nil)
		if err != nil {
			t.Fatal(err)
		}
		got := h.client(t, "").send(r).wants(http.StatusMethodNotAllowed)
		if got.Header.Get("Allow") != want {
			t.Errorf("%s allows %q, want %q", path, got.Header.Get("Allow"), want)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, h.issuer+"/oauth2/token", nil)
	if err != nil {
		t.Fatal(err)
	}
	got := h.client(t, "").send(r).wants(http.StatusNoContent)
	if got.Header.Get("Access-Control-Allow-Origin") != "*" || got.Header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("a script of another site is told %v", got.Header)
	}
}

func TestTheMetadataNamesEveryEndpoint(t *testing.T) {
	h := newHouse(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.issuer+"/.well-known/oauth-authorization-server", nil)
	if err != nil {
		t.Fatal(err)
	}
	got := h.client(t, "").send(r).wants(http.StatusOK)
	for key, want := range map[string]string{
		"issuer": h.issuer, "authorization_endpoint": h.issuer + "/oauth2/authorize", "token_endpoint": h.issuer + "/oauth2/token",
		"revocation_endpoint": h.issuer + "/oauth2/revoke", "introspection_endpoint": h.issuer + "/oauth2/introspect",
	} {
		if got.text(key) != want {
			t.Errorf("%s is %q, want %q", key, got.text(key), want)
		}
	}
}
