// SPDX-License-Identifier: Apache-2.0

package resourceserver_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dghubble/oauth1"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/authserver/web"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
	"github.com/gatehouse-dev/gatehouse/resourceserver"
)

// house is a real authorization server, an API that asks it, and what PhotoBook was given.
type house struct {
	*authtest.Env
	api    *httptest.Server
	issuer *httptest.Server
	guard  *resourceserver.Guard
	access *authserver.Tokens
	asking *authserver.TemporaryCredentials
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{Env: authtest.New(t)}
	h.Clock.Advance(time.Since(authtest.Start)) // dghubble/oauth1 knows no other clock than the machine's
	gatehouse := httptest.NewUnstartedServer(nil)
	site, err := web.New(web.Config{
		Auth: h.Auth, Issuer: "https://" + gatehouse.Listener.Addr().String(), Metrics: web.NewMetrics(),
		Log: slog.New(slog.DiscardHandler), AccessLog: io.Discard, Ready: func(*http.Request) error { return nil }, Now: h.Clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	gatehouse.Config.Handler = site.Handler()
	gatehouse.StartTLS()
	t.Cleanup(gatehouse.Close)
	h.issuer = gatehouse
	if h.guard, err = resourceserver.New(resourceserver.Config{
		IntrospectionEndpoint: gatehouse.URL + "/oauth2/introspect", VerificationEndpoint: gatehouse.URL + "/oauth1/verify",
		ClientID: authtest.PhotoStorage, ClientSecret: resourceserver.Value(h.Secret(authtest.PhotoStorage)),
		HTTPClient: gatehouse.Client(),
	}); err != nil {
		t.Fatal(err)
	}
	h.api = httptest.NewTLSServer(h.guard.Require("photos.read", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.FormValue("caption"))
	})))
	t.Cleanup(h.api.Close)
	h.allow(t)
	return h
}

// allow has Bob give PhotoBook access.
func (h *house) allow(t *testing.T) {
	t.Helper()
	client, _ := h.Clients.ByID(authtest.PhotoBook)
	caller := authserver.Caller{Client: client, CredentialID: client.Credentials[0].ID}
	visitor := h.Visit(t, authtest.Bob, authtest.BobPassword)
	var err error
	if h.asking, err = h.Auth.RequestToken(t.Context(), caller, authtest.PhotoBookCallback); err != nil {
		t.Fatal(err)
	}
	i, err := h.Auth.BeginSigned(authserver.ProfileOAuth1, h.asking.Token)
	if err != nil {
		t.Fatal(err)
	}
	position, err := h.Auth.Next(t.Context(), i, visitor)
	if err != nil {
		t.Fatal(err)
	}
	approval, err := h.Auth.Decide(t.Context(), position, authserver.Decision{Allow: true, Ticket: position.Ticket})
	if err != nil {
		t.Fatal(err)
	}
	if h.access, err = h.Auth.Exchange(t.Context(), caller, h.asking.Token, approval.Proof); err != nil {
		t.Fatal(err)
	}
}

// wire is what is between PhotoBook and the API: it may change what was signed, and send it more than once.
type wire struct {
	*http.Transport
	change func(*http.Request)
}

// RoundTrip is of http.RoundTripper.
func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.change(r)
	return w.Transport.RoundTrip(r)
}

// photoBook signs with a token and its secret.
func (h *house) photoBook(t *testing.T, token, secret string, change func(*http.Request)) *http.Client {
	t.Helper()
	transport, ok := h.api.Client().Transport.(*http.Transport)
	if !ok {
		t.Fatal("the API's client has no transport")
	}
	config := &oauth1.Config{ConsumerKey: authtest.PhotoBook, Signer: &oauth1.HMAC256Signer{ConsumerSecret: h.Secret(authtest.PhotoBook)}}
	onWire := &http.Client{Transport: wire{transport, change}}
	return config.Client(context.WithValue(t.Context(), oauth1.HTTPClient, onWire), oauth1.NewToken(token, secret))
}

// post sends a form that PhotoBook signs and returns the status.
func (h *house) post(t *testing.T, client *http.Client) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.api.URL+"/photos?size=a4", strings.NewReader("caption=beach"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

func TestASignedRequestThatWasChangedOnItsWayIsRefused(t *testing.T) {
	h := newHouse(t)
	body := func(r *http.Request, text string) {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
	}
	for _, c := range []struct {
		name   string
		status int
		change func(*http.Request)
	}{
		{"nothing was", 200, func(*http.Request) {}},
		{"the method", 401, func(r *http.Request) { r.Method = http.MethodPut }},
		{"the path", 401, func(r *http.Request) { r.URL.Path = "/albums" }},
		{"the path's case", 401, func(r *http.Request) { r.URL.Path = "/Photos" }},
		{"the query", 401, func(r *http.Request) { r.URL.RawQuery = "size=a5" }},
		{"one more in the query", 401, func(r *http.Request) { r.URL.RawQuery += "&size=a5" }},
		{"the host", 401, func(r *http.Request) { r.Host = "other.example" }},
		{"the form", 401, func(r *http.Request) { body(r, "caption=beech") }},
		{"one more in the form", 401, func(r *http.Request) { body(r, "caption=beach&a=b") }},
		{"the form, to what is no form to the signature", 401, func(r *http.Request) {
			r.Header.Set("Content-Type", "text/plain")
		}},
		{"the form, to what a handler may take for one", 401, func(r *http.Request) {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded; =")
			body(r, "caption=beech")
		}},
		{"one letter of the signature", 401, func(r *http.Request) {
			before, after, _ := strings.Cut(r.Header.Get("Authorization"), `oauth_signature="`)
			r.Header.Set("Authorization", before+`oauth_signature="`+"AA"+after[2:])
		}},
		{"the header, to two of it", 400, func(r *http.Request) {
			r.Header["Authorization"] = append(r.Header["Authorization"], r.Header["Authorization"][0])
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := h.post(t, h.photoBook(t, h.access.AccessToken, h.access.TokenSecret, c.change)); got != c.status {
				t.Errorf("status %d, want %d", got, c.status)
			}
		})
	}
}

func TestAFormThatLooksLikeOneIsReadAsItWasSigned(t *testing.T) {
	h := newHouse(t)
	client := h.photoBook(t, h.access.AccessToken, h.access.TokenSecret, func(r *http.Request) {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	})
	if got := h.post(t, client); got != http.StatusOK {
		t.Errorf("status %d", got)
	}
}

func TestN51OfTwentyEqualRequestsOneIsTaken(t *testing.T) {
	h := newHouse(t)
	var kept atomic.Pointer[http.Request]
	h.post(t, h.photoBook(t, h.access.AccessToken, h.access.TokenSecret, func(r *http.Request) {
		kept.Store(r.Clone(t.Context()))
		r.Host = "lost.example" // on the wire
	}))
	var taken atomic.Int32
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/photos?size=a4", strings.NewReader("caption=beach"))
			r.Header, r.Host, r.TLS = kept.Load().Header, kept.Load().URL.Host, &tls.ConnectionState{}
			w := httptest.NewRecorder()
			h.api.Config.Handler.ServeHTTP(w, r)
			if w.Code == http.StatusOK {
				taken.Add(1)
			}
		})
	}
	all.Wait()
	if taken.Load() != 1 {
		t.Errorf("%d were taken", taken.Load())
	}
}

func TestN54AnotherKindOfTokenOpensNothing(t *testing.T) {
	h := newHouse(t)
	nothing := func(*http.Request) {}
	for name, client := range map[string]*http.Client{
		"a request token":                    h.photoBook(t, h.asking.Token, h.asking.Secret, nothing),
		"the secret of another token":        h.photoBook(t, h.access.AccessToken, h.asking.Secret, nothing),
		"no token":                           h.photoBook(t, "", "", nothing),
		"a signed client's token, as bearer": h.bearer(h.access.AccessToken),
	} {
		if got := h.post(t, client); got != http.StatusUnauthorized {
			t.Errorf("%s: status %d", name, got)
		}
	}
}

// bearer is a client that presents a token as it is.
func (h *house) bearer(token string) *http.Client {
	client := *h.api.Client()
	transport, _ := client.Transport.(*http.Transport)
	client.Transport = wire{transport, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }}
	return &client
}

func TestADeletedOrSuspendedClientIsDeadAtOnce(t *testing.T) {
	h := newHouse(t)
	client := h.photoBook(t, h.access.AccessToken, h.access.TokenSecret, func(*http.Request) {})
	h.Clients.Change(authtest.PhotoBook, func(c *authserver.Client) { c.Suspended = true })
	if got := h.post(t, client); got != http.StatusUnauthorized {
		t.Errorf("suspended: status %d", got)
	}
	h.Clients.Change(authtest.PhotoBook, func(c *authserver.Client) { c.Suspended = false })
	if got := h.post(t, client); got != http.StatusOK {
		t.Errorf("no longer suspended: status %d", got)
	}
	h.Clients.Delete(authtest.PhotoBook)
	if got := h.post(t, client); got != http.StatusUnauthorized {
		t.Errorf("deleted: status %d", got)
	}
}

// What Gatehouse issues for an API that takes JWTs, the guard of that API lets in without asking.
func TestAJWTOfGatehouseIsTaken(t *testing.T) {
	for _, algorithm := range []credential.SigningAlgorithm{credential.ES256, credential.RS256} {
		h := newHouse(t)
		h.Clients.ChangeResourceServer(authtest.PhotoStorage, func(r *authserver.ResourceServer) {
			r.Identifiers, r.JWTAlgorithm = []string{"https://photos.example"}, algorithm
		})
		guard, err := resourceserver.New(resourceserver.Config{
			Issuer: h.issuer.URL, Identifiers: []string{"https://photos.example"}, JWTAlgorithms: []string{string(algorithm)}, HTTPClient: h.issuer.Client(),
		})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/photos", nil)
		r.Header.Set("Authorization", "Bearer "+h.jwt(t))
		w := httptest.NewRecorder()
		guard.RequireClient("photos.read", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			caller, _ := resourceserver.CallerFrom(r.Context())
			_, _ = io.WriteString(w, caller.ClientID)
		})).ServeHTTP(w, r)
		if w.Code != http.StatusOK || w.Body.String() != authtest.PhotoReport {
			t.Errorf("%s: %d %s", algorithm, w.Code, w.Body)
		}
	}
}

// jwt returns an access token of PhotoReport.
func (h *house) jwt(t *testing.T) string {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "resource": {"https://photos.example"}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.issuer.URL+"/oauth2/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(authtest.PhotoReport), url.QueryEscape(h.Secret(authtest.PhotoReport)))
	res, err := h.issuer.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || answer.AccessToken == "" {
		t.Fatalf("%s: %v", res.Status, err)
	}
	return answer.AccessToken
}
