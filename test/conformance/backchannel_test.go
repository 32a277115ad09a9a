// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// backChannelLogoutPlan is the plan of Back-Channel OP.
var backChannelLogoutPlan = plan{"oidcc-backchannel-rp-initiated-logout-certification-test-plan", "TestBackChannelLogoutPlan", []module{
	{"oidcc-backchannel-logout-discovery-endpoint-verification", backChannelDiscovery},
	{"oidcc-backchannel-rp-initiated-logout", backChannelLogout},
}}

func TestBackChannelLogoutPlan(t *testing.T) { backChannelLogoutPlan.run(t, "") }

// backChannelDiscovery: the discovery document names the endpoint and says that both forms are supported.
func backChannelDiscovery(m *trial) {
	document := m.fetch(m.w.issuer + "/.well-known/openid-configuration")
	m.addresses(document, "end_session_endpoint", "jwks_uri")
	for _, name := range []string{"backchannel_logout_supported", "backchannel_logout_session_supported"} {
		if document.body[name] != true {
			m.Errorf("%s is %v", name, document.body[name])
		}
	}
}

// backChannelLogout: both clients that Bob logged in to are told that he signed out, with a logout token that they can verify, and Bob comes back
// to the one that asked.
func backChannelLogout(m *trial) {
	second := m.w.party(m.T, secondClient, m.mode)
	type login struct {
		*party
		id string
	}
	logins := []login{{m.party, ""}, {second, ""}}
	logins[1].id = second.login(m.bob, nil).id
	address, brought, request := m.beginLogout(nil)
	logins[0].id = request.Get("id_token_hint")
	if address != afterLogoutOf(firstClient) || brought.Get("state") != request.Get("state") {
		m.Fatalf("Bob ends at %q with %v", address, brought)
	}
	for n, l := range logins {
		name := []string{firstClient, secondClient}[n]
		got := m.w.told.wait(m.T, name)
		if got.contentType != "application/x-www-form-urlencoded" {
			m.Errorf("%s: the content type is %q", name, got.contentType)
		}
		l.checkLogoutToken(got.token, l.id)
	}
	m.signedOut()
}

// checkLogoutToken verifies a logout token as a relying party does (OpenID Connect Back-Channel Logout 1.0 §2.6), beside the ID token of the login.
func (p *party) checkLogoutToken(token, idToken string) {
	p.t.Helper()
	verified, err := p.verifier.Verify(p.t.Context(), token) // signature by the published keys, iss, aud, exp
	if err != nil {
		p.t.Fatalf("the logout token is refused: %v", err)
	}
	var l, id map[string]any
	if err := verified.Claims(&l); err != nil {
		p.t.Fatal(err)
	}
	if err := json.Unmarshal(claimsOf(p.t, idToken), &id); err != nil {
		p.t.Fatal(err)
	}
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil || signed.Signatures[0].Protected.ExtraHeaders[jose.HeaderType] != "logout+jwt" {
		p.t.Errorf("the header is %+v, %v", signed.Signatures[0].Protected, err)
	}
	events, _ := l["events"].(map[string]any)
	if event, isObject := events["http://schemas.openid.net/event/backchannel-logout"].(map[string]any); !isObject || len(event) != 0 {
		p.t.Errorf("events is %v", l["events"])
	}
	if l["sid"] != id["sid"] || l["sub"] != id["sub"] || l["sid"] == nil || l["jti"] == nil || l["jti"] == "" {
		p.t.Errorf("the logout token has %v, the ID token %v", l, id)
	}
	if _, there := l["nonce"]; there {
		p.t.Error("the logout token has a nonce")
	}
	if age := p.w.now().Sub(verified.IssuedAt); age > limit || age < -time.Second {
		p.t.Errorf("the logout token was issued %s ago", age)
	}
}

// toldParties is a server at which both clients are told.
type toldParties struct {
	listener net.Listener
	came     map[string]chan toldRequest
}

type toldRequest struct{ contentType, token string }

// startParties serves the addresses at which the clients are told, with the certificate of the environment.
func (w *environment) startParties(context.Context) error {
	certificate, err := tls.LoadX509KeyPair(w.file("tls.crt"), w.file("tls.key"))
	if err != nil {
		return err
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	if err != nil {
		return err
	}
	w.told = &toldParties{listener, map[string]chan toldRequest{firstClient: make(chan toldRequest, 100), secondClient: make(chan toldRequest, 100)}}
	server := &http.Server{ReadHeaderTimeout: limit, Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		came, known := w.told.came[r.URL.Path[1:]]
		if !known || r.Method != http.MethodPost {
			http.NotFound(rw, r)
			return
		}
		came <- toldRequest{r.Header.Get("Content-Type"), r.PostFormValue("logout_token")}
	})}
	go func() { _ = server.Serve(listener) }()
	return nil
}

// toldAt is where a client is told.
func (w *environment) toldAt(name string) string {
	return "https://" + w.told.listener.Addr().String() + "/" + name
}

// wait returns what a client was told first.
func (p *toldParties) wait(t *testing.T, name string) toldRequest {
	t.Helper()
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case r := <-p.came[name]:
		return r
	case <-late.C:
		t.Fatalf("%s is not told within %s", name, limit)
		return toldRequest{}
	}
}
