// SPDX-License-Identifier: Apache-2.0

// Package authtest is the fixture for tests of the grant engine and of what stands on it:
// a real engine and store, a clock that is set by hand, and small stand-ins for the
// dependencies that are other systems (cluster, directory, API server, log).
//
// The fixture: Bob keeps photos at PhotoStorage and may use PhotoPrint. Alice can log in and is
// entitled to nothing. Everybody may use BookShelf, which belongs to another team.
package authtest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/identity/passkeys"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
	"github.com/gatehouse-dev/gatehouse/internal/credential/credentialtest"
)

// Client IDs of the fixture.
const (
	PhotoPrint   = "photos.photoprint"         // Confidential, bound, may be remembered
	PhotoStorage = "api_photos.photostorage"   // the resource server
	PhotoReport  = "photos.photoreport"        // Confidential, client credentials only
	Desktop      = "photos.photoprint-desktop" // Public with a loopback callback, bound
	BookShelf    = "books.bookshelf"           // Confidential, for everyone, of another team
	PhotoBook    = "photos.photobook"          // signs its requests (OAuth1), bound, may show verifiers
)

// Callbacks of the fixture.
const (
	PhotoPrintCallback = "https://photoprint.example/callback"
	DesktopCallback    = "http://127.0.0.1/callback"
	BookShelfCallback  = "https://bookshelf.example/oauth/return"
	PhotoBookCallback  = "https://photobook.example/ready?from=gatehouse"
)

// People of the fixture and their passwords.
const (
	Bob           = "bob"
	BobPassword   = "correct horse battery staple"
	Alice         = "alice"
	AlicePassword = "a rabbit with a pocket watch"
)

// Start is what the clock of a new fixture shows.
var Start = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// Env is the fixture. Its parts may be changed at any time.
type Env struct {
	Auth        *authserver.Server
	Clock       *Clock
	Clients     *Clients
	Directory   *Directory
	Upstreams   *Upstreams
	Entitlement *Entitlement
	Store       *Store
	Audit       *Audit
	Tokens      *Tokens
	KeySets     *KeySets
	Clusters    *Clusters

	root, shared credential.Key
	set          credential.KeySet
	signing      *credentialtest.SigningKeys
	keys         *authserver.Keys
	passkeys     authserver.Passkeys
}

// New returns a fresh fixture with an engine that has its keys.
func New(t testing.TB) *Env {
	t.Helper()
	e := &Env{
		Clock: NewClock(Start), Clients: &Clients{}, Directory: newDirectory(), Upstreams: newUpstreams(),
		Entitlement: &Entitlement{}, Audit: &Audit{}, Tokens: &Tokens{}, KeySets: &KeySets{}, Clusters: &Clusters{}, Store: &Store{Store: openStore(t)},
		root: credential.NewKey(), shared: credential.NewKey(), signing: &credentialtest.SigningKeys{},
	}
	set, _ := credential.KeySet{}.Rotated(Start.Add(-time.Hour), credential.NewSetKey(Start))
	e.prepareKeys(t, e.signing.Complete(set))
	for _, c := range fixture() {
		e.AddClient(c)
	}
	e.AddResourceServer(authserver.ResourceServer{
		UID: "11111111-0000-4000-8000-000000000002", ID: PhotoStorage, Namespace: "photos", Name: "photostorage",
		OwnedScopes: []string{"photos.read", "photos.write"}, Accepted: true,
	})
	e.Clients.Explain("photos.read", "See your photos")
	e.Clients.Explain("photos.write", "Add and change photos")
	e.Entitlement.Allow(Bob, PhotoPrint)
	e.Entitlement.Allow(Bob, Album)
	e.Entitlement.Allow(Bob, Scrapbook)
	e.Entitlement.Allow(Bob, Flows)
	e.Entitlement.Allow(Bob, Desktop)
	e.Entitlement.Allow(Bob, PhotoBook)
	e.UsePasskeys(t, Issuer)
	e.Directory.Changed = func() {
		if err := e.Auth.ConfirmPeople(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("confirm people: %v", err)
		}
	}
	return e
}

// UsePasskeys lets a new engine in Auth take passkeys that are for the issuer.
func (e *Env) UsePasskeys(t testing.TB, issuer string) {
	t.Helper()
	site, err := passkeys.New(issuer)
	if err != nil {
		t.Fatalf("prepare passkeys: %v", err)
	}
	e.passkeys = site
	e.Auth = e.Replica(t)
}

// Visit logs a person of the fixture in and returns them as a visitor.
func (e *Env) Visit(t testing.TB, name, password string) *authserver.Visitor {
	t.Helper()
	login, err := e.Auth.Login(t.Context(), authserver.Credentials{Username: name, Password: password})
	if err != nil {
		t.Fatalf("%s cannot log in: %v", name, err)
	}
	visitor, err := e.Auth.Visitor(t.Context(), login.Session)
	if err != nil || visitor == nil {
		t.Fatalf("%s is nobody after the login: %v", name, err)
	}
	return visitor
}

// Replica returns one more engine over the same store, keys and other dependencies.
func (e *Env) Replica(t testing.TB) *authserver.Server {
	t.Helper()
	server, err := authserver.New(authserver.Config{
		Clients: e.Clients, Directory: e.Directory, Upstreams: e.Upstreams, Entitlement: e.Entitlement,
		Issuer: Issuer, TokenReviewer: e.Tokens, KeySets: e.KeySets, Clusters: e.Clusters,
		Passkeys: e.passkeys, Store: e.Store, Auditor: e.Audit, Now: e.Clock.Now,
	})
	if err != nil {
		t.Fatalf("make the engine: %v", err)
	}
	server.UseKeys(e.keys)
	return server
}

// RotateKeys lets the engine seal and sign with a new key from now on.
func (e *Env) RotateKeys(t testing.TB) {
	t.Helper()
	e.set.Keys = append(e.set.Keys, credential.NewSetKey(e.Clock.Now()))
	e.prepareKeys(t, e.signing.Complete(e.set))
	e.Auth.UseKeys(e.keys)
}

// prepareKeys makes the keys of the set.
func (e *Env) prepareKeys(t testing.TB, set credential.KeySet) {
	t.Helper()
	keys, err := authserver.NewKeys(e.shared, set)
	if err != nil {
		t.Fatalf("prepare the keys: %v", err)
	}
	e.set, e.keys = set, keys
}

// LoseSigningKeys takes the keys that sign ID tokens from the engine: as the operator that makes them has not seen yet
// that they were thrown out.
func (e *Env) LoseSigningKeys(t testing.TB) {
	t.Helper()
	set := credential.KeySet{Keys: slices.Clone(e.set.Keys)}
	for n := range set.Keys {
		set.Keys[n].Signing = nil
	}
	e.prepareKeys(t, set)
	e.Auth.UseKeys(e.keys)
}

// FindSigningKeys gives the engine new ones.
func (e *Env) FindSigningKeys(t testing.TB) {
	t.Helper()
	e.prepareKeys(t, e.signing.Complete(e.set))
	e.Auth.UseKeys(e.keys)
}

// Keys returns the keys of the engine.
func (e *Env) Keys() *authserver.Keys { return e.keys }

// KeySet returns what the keys of the engine are made of, beside the shared key.
func (e *Env) KeySet() credential.KeySet { return e.set }

// AddClient adds or replaces a client. A Confidential one without credentials gets one.
func (e *Env) AddClient(c authserver.Client) {
	if !c.Public && c.Credentials == nil {
		c.Credentials = e.credentials(c.UID, c.Profile)
	}
	e.Clients.Put(c)
}

// AddResourceServer adds or replaces a resource server. One without credentials gets one.
func (e *Env) AddResourceServer(r authserver.ResourceServer) {
	if r.Credentials == nil {
		r.Credentials = e.credentials(r.UID, "")
	}
	e.Clients.PutResourceServer(r)
}

func (e *Env) credentials(uid string, p authserver.Profile) []authserver.Credential {
	id := credentialOf(uid)
	return []authserver.Credential{{ID: id, Verifier: credential.Verifier(e.shared, uid, id, e.derive(uid, p))}}
}

// Secret returns the client secret that AddClient or AddResourceServer gave.
func (e *Env) Secret(clientID string) string {
	if c, ok := e.Clients.ByID(clientID); ok {
		return e.derive(c.UID, c.Profile)
	}
	if r, ok := e.Clients.ResourceServerByID(clientID); ok {
		return e.derive(r.UID, "")
	}
	return ""
}

// RotateSecret gives the client another credential beside the one it has, which ends at the time. It returns
// the new client secret.
func (e *Env) RotateSecret(clientID string, oldEnds time.Time) string {
	var secret string
	e.Clients.Change(clientID, func(c *authserver.Client) {
		id, root := "second-of-"+c.UID, e.root
		if c.Profile.Signed() {
			root = credential.SignedRoot(e.shared)
		}
		secret = credential.Derive(root, c.UID, id)
		c.Credentials = append([]authserver.Credential{}, c.Credentials...)
		c.Credentials[0].ExpiresAt = oldEnds
		c.Credentials = append(c.Credentials, authserver.Credential{ID: id, Verifier: credential.Verifier(e.shared, c.UID, id, secret)})
	})
	return secret
}

// derive returns a client secret. A server must know those of Signed clients, so their root is a
// sub-key of the key that it has.
func (e *Env) derive(uid string, p authserver.Profile) string {
	if p.Signed() {
		return credential.DeriveSigned(e.shared, uid, credentialOf(uid))
	}
	return credential.Derive(e.root, uid, credentialOf(uid))
}

func credentialOf(clientUID string) string { return "first-of-" + clientUID }

// fixture returns the clients, as the registry would make them from their objects.
func fixture() []authserver.Client {
	common := authserver.Client{
		Namespace: "photos", Profile: authserver.ProfileOAuth2, GrantDuration: 90 * 24 * time.Hour,
		AccessTokenLifetime: time.Hour, Consent: authserver.ConsentRemember, Accepted: true,
		GrantTypes: []authserver.GrantType{authserver.GrantAuthorizationCode, authserver.GrantRefreshToken},
		Scopes:     []string{"photos.read"},
	}
	print, report, desktop, books := common, common, common, common
	print.UID, print.ID, print.Name = "11111111-0000-4000-8000-000000000001", PhotoPrint, "photoprint"
	print.DisplayName, print.Description = "PhotoPrint", "Prints your photos"
	print.CallbackURLs = []string{PhotoPrintCallback}

	report.UID, report.ID, report.Name = "11111111-0000-4000-8000-000000000008", PhotoReport, "photoreport"
	report.DisplayName, report.GrantTypes = "PhotoReport", []authserver.GrantType{authserver.GrantClientCredentials}
	report.ScopesWithoutOwner = []string{"photos.read"}

	desktop.UID, desktop.ID, desktop.Name = "11111111-0000-4000-8000-000000000003", Desktop, "photoprint-desktop"
	desktop.DisplayName, desktop.Description = "PhotoPrint for the desktop", "Prints your photos at home"
	desktop.CallbackURLs, desktop.Public = []string{DesktopCallback}, true

	books.UID, books.ID, books.Name = "22222222-0000-4000-8000-000000000001", BookShelf, "bookshelf"
	books.Namespace, books.DisplayName, books.Description = "books", "BookShelf", "Makes picture books"
	books.CallbackURLs, books.EveryoneEntitled = []string{BookShelfCallback}, true
	books.Scopes = []string{"photos.read", "photos.write"}
	books.ScopesWithoutOwner = []string{"photos.read"}
	books.GrantTypes = append(books.GrantTypes[:2:2], authserver.GrantClientCredentials)
	return append([]authserver.Client{print, report, desktop, books, photoBook(common)}, legacy(common)...)
}

func photoBook(c authserver.Client) authserver.Client {
	c.UID, c.ID, c.Name = "11111111-0000-4000-8000-000000000004", PhotoBook, "photobook"
	c.DisplayName, c.Description = "PhotoBook", "Binds your photos"
	c.Profile, c.CallbackURLs, c.OutOfBand = authserver.ProfileOAuth1, []string{PhotoBookCallback}, true
	c.GrantTypes = []authserver.GrantType{authserver.GrantAuthorizationCode}
	c.SignatureMethods = []string{"HMAC-SHA1", "HMAC-SHA256"}
	c.AccessTokenLifetime = 10 * time.Hour
	return c
}
