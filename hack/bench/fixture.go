// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

const (
	appID, apiID = "photos.photoprint", "api_photos.photostorage"
	signerID     = "photos.photobook" // speaks OAuth 1.0a
	callback     = "https://photoprint.example/callback"
	codeVerifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
)

// clients stands in for the registry: two clients and an API in memory.
type clients struct {
	byID    map[string]*authserver.Client
	api     *authserver.ResourceServer
	secrets map[string]string
}

func newClients(shared, root credential.Key) *clients {
	c := &clients{byID: map[string]*authserver.Client{}, secrets: map[string]string{}}
	scopes := []string{"photos.read"}
	app := &authserver.Client{
		UID: "11111111-0000-4000-8000-000000000001", ID: appID, Profile: authserver.ProfileOAuth2, CallbackURLs: []string{callback}, Accepted: true,
		GrantTypes: []authserver.GrantType{authserver.GrantAuthorizationCode, authserver.GrantRefreshToken, authserver.GrantClientCredentials},
		Scopes:     scopes, ScopesWithoutOwner: scopes,
		GrantDuration: 90 * 24 * time.Hour, AccessTokenLifetime: time.Hour, Consent: authserver.ConsentPrompt,
	}
	c.api = &authserver.ResourceServer{UID: "11111111-0000-4000-8000-000000000002", ID: apiID, OwnedScopes: scopes, Accepted: true}
	c.byID[appID] = app
	app.Credentials, c.secrets[appID] = first(shared, root, app.UID)
	c.api.Credentials, c.secrets[apiID] = first(shared, root, c.api.UID)
	c.addSigner(shared)
	c.addRefused()
	return c
}

// first returns the first credential of the object with the UID, and its secret.
func first(shared, root credential.Key, uid string) ([]authserver.Credential, string) {
	secret := credential.Derive(root, uid, "first")
	return []authserver.Credential{{ID: "first", Verifier: credential.Verifier(shared, uid, "first", secret)}}, secret
}

// addSigner adds the client that signs. Its secret is derived from the key that the server has.
func (c *clients) addSigner(shared credential.Key) {
	signer := *c.byID[appID]
	signer.UID, signer.ID, signer.Profile = "11111111-0000-4000-8000-000000000003", signerID, authserver.ProfileOAuth1
	signer.SignatureMethods = []string{"HMAC-SHA256"}
	secret := credential.DeriveSigned(shared, signer.UID, "first")
	signer.Credentials = []authserver.Credential{{ID: "first", Verifier: credential.Verifier(shared, signer.UID, "first", secret)}}
	c.byID[signerID], c.secrets[signerID] = &signer, secret
}

// ByID is of authserver.Clients.
func (c *clients) ByID(id string) (*authserver.Client, bool) {
	client, ok := c.byID[id]
	return client, ok
}

// ByUID is of authserver.Clients.
func (c *clients) ByUID(uid string) (*authserver.Client, bool) {
	for _, client := range c.byID {
		if client.UID == uid {
			return client, true
		}
	}
	return nil, false
}

// ResourceServerByID is of authserver.Clients.
func (c *clients) ResourceServerByID(id string) (*authserver.ResourceServer, bool) {
	return c.api, id == apiID
}

// Scope is of authserver.Clients.
func (c *clients) Scope(name string) (authserver.Scope, bool) {
	return authserver.Scope{Name: name, Description: "See your photos"}, true
}

// PublicScopes is of authserver.Clients.
func (c *clients) PublicScopes() []string { return nil }

// people is a directory in which everybody is.
type people struct{}

// Lookup is of authserver.Directory.
func (people) Lookup(_ context.Context, name string) (authserver.Owner, error) {
	return authserver.Owner{Subject: authserver.SubjectOf("bench", name), Source: "bench", Name: name, Groups: []string{"family"}}, nil
}

// Authenticate is of authserver.Directory.
func (p people) Authenticate(ctx context.Context, name, _ string, _ authserver.Lane) (authserver.Owner, error) {
	return p.Lookup(ctx, name)
}

// Confirm is of authserver.Directory.
func (p people) Confirm(ctx context.Context, known authserver.Person) (authserver.Owner, error) {
	return p.Lookup(ctx, known.Name)
}

// ConfirmedFor is of authserver.Directory.
func (people) ConfirmedFor(string) time.Duration { return 0 }

// visit logs an owner in.
func (b *bench) visit(ctx context.Context, owner string) (*authserver.Visitor, error) {
	login, err := b.auth.Login(ctx, authserver.Credentials{Username: owner, Password: "any"})
	if err != nil {
		return nil, fmt.Errorf("log in: %w", err)
	}
	v, err := b.auth.Visitor(ctx, login.Session)
	if err != nil {
		return nil, fmt.Errorf("log in: %w", err)
	}
	return v, nil
}

// everybody is entitled, as from the cache.
type everybody struct{}

// Entitled is of authserver.Entitlement.
func (everybody) Entitled(context.Context, authserver.Owner, *authserver.Client, time.Duration) (bool, error) {
	return true, nil
}

// measurements returns what is measured; the floor is the first, refreshing the last.
func (b *bench) measurements(ctx context.Context, connections int) ([]*measurement, error) {
	token := url.Values{"grant_type": {"client_credentials"}, "scope": {"photos.read"}}
	floor := &measurement{name: "bare handler", addr: b.floor, tls: b.client}
	issue := &measurement{name: "client credentials, opaque", aim: 0.5, addr: b.site, tls: b.client}
	introspect := &measurement{name: "introspection", aim: 0.5, addr: b.site, tls: b.client}
	verify := &measurement{name: "OAuth 1.0a verification", addr: b.site, tls: b.client}
	refresh := &measurement{name: "refresh, durable, SQLite", aim: 0.4, addr: b.site, tls: b.client}
	for n := range connections {
		tokens, err := b.allow(ctx, fmt.Sprintf("owner%d", n))
		if err != nil {
			return nil, err
		}
		signed, err := b.allowSigned(ctx, fmt.Sprintf("owner%d", n))
		if err != nil {
			return nil, err
		}
		verify.next = append(verify.next, b.verifying(signed))
		floor.next = append(floor.next, b.same(oauth2.PathToken, appID, token))
		issue.next = append(issue.next, b.same(oauth2.PathToken, appID, token))
		introspect.next = append(introspect.next, b.same(oauth2.PathIntrospect, apiID, url.Values{"token": {tokens.AccessToken}}))
		refresh.next = append(refresh.next, b.refreshing(tokens.RefreshToken))
	}
	return []*measurement{floor, issue, introspect, verify, refresh}, nil
}

// same sends one request again and again.
func (b *bench) same(path, clientID string, form url.Values) requester {
	request := b.request(path, clientID, form)
	return func([]byte) ([]byte, error) { return request, nil }
}

// refreshing always uses the refresh token of the last answer.
func (b *bench) refreshing(token string) requester {
	return func(answer []byte) ([]byte, error) {
		if answer != nil {
			var tokens struct {
				RefreshToken string `json:"refresh_token"`
			}
			if err := json.Unmarshal(answer, &tokens); err != nil {
				return nil, fmt.Errorf("read the answer: %w", err)
			}
			token = tokens.RefreshToken
		}
		return b.request(oauth2.PathToken, appID, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}), nil
	}
}

func (b *bench) request(path, clientID string, form url.Values) []byte {
	body := form.Encode()
	basic := base64.StdEncoding.EncodeToString([]byte(clientID + ":" + b.clients.secrets[clientID]))
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: auth.bench.example\r\nAuthorization: Basic %s\r\n"+
		"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", path, basic, len(body), body)
}

// allow walks an owner through the engine and returns the app's tokens.
func (b *bench) allow(ctx context.Context, owner string) (*authserver.Tokens, error) {
	sum := sha256.Sum256([]byte(codeVerifier))
	i, err := b.auth.Authorize(ctx, authserver.AuthorizeRequest{
		Profile: authserver.ProfileOAuth2, ClientID: appID, Callback: callback,
		CodeChallenge: base64.RawURLEncoding.EncodeToString(sum[:]),
	})
	if err != nil {
		return nil, fmt.Errorf("authorize: %w", err)
	}
	v, err := b.visit(ctx, owner)
	if err != nil {
		return nil, err
	}
	p, err := b.auth.Next(ctx, i, v)
	if err != nil {
		return nil, fmt.Errorf("authorize: %w", err)
	}
	a, err := b.auth.Decide(ctx, p, authserver.Decision{Allow: true, Ticket: p.Ticket})
	if err != nil {
		return nil, fmt.Errorf("consent: %w", err)
	}
	tokens, err := b.auth.Token(ctx, authserver.Caller{Client: b.clients.byID[appID], CredentialID: "first"}, authserver.TokenRequest{
		GrantType: authserver.GrantAuthorizationCode, Proof: a.Proof, Callback: callback, CodeVerifier: codeVerifier,
	})
	if err != nil {
		return nil, fmt.Errorf("redeem: %w", err)
	}
	return tokens, nil
}

// selfSigned returns TLS for a server on loopback and for its clients, HTTP/1.1 only.
func selfSigned() (server, client *tls.Config, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make a key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, fmt.Errorf("make a certificate: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, fmt.Errorf("make a certificate: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	server = &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"},
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	client = &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: pool, ServerName: "127.0.0.1"}
	return server, client, nil
}
