// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"bytes"
	"maps"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// The clients of every run.
const (
	photoPrint   = "photos.print"    // Confidential, may be remembered
	desktop      = "photos.desktop"  // Public
	limited      = "photos.limited"  // Confidential, its grants are refreshed three times at most
	photoBook    = "photos.book"     // signs its requests (OAuth1)
	report       = "photos.report"   // client credentials
	calendar     = "photos.calendar" // Confidential, asks nobody
	rogue        = "rogue.app"       // Confidential, belongs to the thief
	photoStorage = "api_photos"      // the resource server
)

// Their scopes. PhotoStorage owns all of them.
const (
	scopeRead  = "photos.read"
	scopeWrite = "photos.write"
)

// refreshLimit is that of limited.
const refreshLimit = 3

// start is what a right clock shows at the beginning of a run.
var start = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// The keys of every run. Nothing is secret here, and deriving keys takes longer than a whole run.
var (
	rootKey   = fixedKey(1)
	sharedKey = fixedKey(2)
	firstKey  = credential.SetKey{ID: "00000001", NotBefore: start.Add(-48 * time.Hour), Key: fixedKey(3)}
	firstSet  = credential.KeySet{Keys: []credential.SetKey{firstKey}}
	firstKeys = mustKeys(firstSet)
	templates = allClients()
	resources = newResources()
)

func fixedKey(b byte) credential.Key {
	key, err := credential.ParseKey(bytes.Repeat([]byte{b}, credential.KeySize))
	if err != nil {
		panic(err)
	}
	return key
}

func mustKeys(set credential.KeySet) *authserver.Keys {
	keys, err := authserver.NewKeys(sharedKey, set)
	if err != nil {
		panic(err)
	}
	return keys
}

// secretOf returns the secret of a client, or of the resource server.
func secretOf(uid string, signed bool) string {
	if signed {
		return credential.DeriveSigned(sharedKey, uid, "first-of-"+uid)
	}
	return credential.Derive(rootKey, uid, "first-of-"+uid)
}

func credentialsOf(uid string, signed bool) []authserver.Credential {
	id := "first-of-" + uid
	return []authserver.Credential{{ID: id, Verifier: credential.Verifier(sharedKey, uid, id, secretOf(uid, signed))}}
}

// template is a client as it is at the beginning, with its secret. Again is the same object after it was deleted and
// created again.
type template struct {
	client, again authserver.Client
	secret        map[string]string // by UID
}

func allClients() map[string]template {
	common := authserver.Client{
		Namespace: "photos", Profile: authserver.ProfileOAuth2, GrantDuration: 90 * 24 * time.Hour,
		AccessTokenLifetime: time.Hour, Consent: authserver.ConsentRemember, Accepted: true,
		GrantTypes: []authserver.GrantType{authserver.GrantAuthorizationCode, authserver.GrantRefreshToken},
		Scopes:     []string{scopeRead, scopeWrite},
	}
	all := map[string]template{}
	add := func(id string, change func(*authserver.Client)) {
		c := common
		c.ID, c.Name, c.UID = id, id, "uid-of-"+id
		c.CallbackURLs = []string{"https://" + id + ".example/callback"}
		change(&c)
		again := c
		again.UID += "-again"
		secrets := map[string]string{}
		for _, object := range []*authserver.Client{&c, &again} {
			if !c.Public {
				object.Credentials = credentialsOf(object.UID, c.Profile.Signed())
				secrets[object.UID] = secretOf(object.UID, c.Profile.Signed())
			}
		}
		all[id] = template{c, again, secrets}
	}
	limit := refreshLimit
	add(photoPrint, func(*authserver.Client) {})
	add(desktop, func(c *authserver.Client) { c.Public, c.CallbackURLs = true, []string{"http://127.0.0.1/callback"} })
	add(limited, func(c *authserver.Client) { c.RefreshLimit, c.Consent = &limit, authserver.ConsentPrompt })
	add(calendar, func(c *authserver.Client) {
		c.Consent, c.EveryoneEntitled, c.GrantDuration = authserver.ConsentSkip, true, 3*time.Hour
	})
	add(rogue, func(c *authserver.Client) { c.EveryoneEntitled = true })
	add(report, func(c *authserver.Client) {
		c.GrantTypes, c.ScopesWithoutOwner = []authserver.GrantType{authserver.GrantClientCredentials}, []string{scopeRead}
		c.AccessTokenLifetime = 2 * time.Minute
	})
	add(photoBook, func(c *authserver.Client) {
		c.Profile, c.SignatureMethods = authserver.ProfileOAuth1, []string{"HMAC-SHA256"}
		c.GrantTypes = []authserver.GrantType{authserver.GrantAuthorizationCode}
	})
	return all
}

func newResources() *authserver.ResourceServer {
	return &authserver.ResourceServer{
		UID: "uid-of-storage", ID: photoStorage, Namespace: "photos", Name: "storage", OwnedScopes: []string{scopeRead, scopeWrite},
		Credentials: credentialsOf("uid-of-storage", false), Accepted: true,
	}
}

// version is what the API server says of all clients at a time.
type version struct {
	byID, byUID map[string]*authserver.Client
}

var firstVersion = makeFirstVersion()

func makeFirstVersion() *version {
	v := &version{map[string]*authserver.Client{}, map[string]*authserver.Client{}}
	for id, t := range templates {
		c := t.client
		v.byID[id], v.byUID[c.UID] = &c, &c
	}
	return v
}

// with returns the version with a client added or changed.
func (v *version) with(c authserver.Client) *version {
	next := v.without(c.ID)
	next.byID[c.ID], next.byUID[c.UID] = &c, &c
	return next
}

// without returns the version without a client.
func (v *version) without(id string) *version {
	next := &version{maps.Clone(v.byID), maps.Clone(v.byUID)}
	if c := next.byID[id]; c != nil {
		delete(next.byID, id)
		delete(next.byUID, c.UID)
	}
	return next
}

// registry is what a replica knows of the clients: a version that may be an old one.
type registry struct {
	s *simulation
	r *replica
}

func (g registry) view() *version { return g.s.versions[g.r.version] }

// ByID is of authserver.Clients.
func (g registry) ByID(id string) (*authserver.Client, bool) {
	g.s.pause("ByID")
	c, ok := g.view().byID[id]
	return g.s.plant.client(c), ok
}

// ByUID is of authserver.Clients.
func (g registry) ByUID(uid string) (*authserver.Client, bool) {
	g.s.pause("ByUID")
	c, ok := g.s.plant.byUID(g.view(), uid)
	return g.s.plant.client(c), ok
}

// ResourceServerByID is of authserver.Clients.
func (g registry) ResourceServerByID(id string) (*authserver.ResourceServer, bool) {
	g.s.pause("ResourceServerByID")
	return resources, id == photoStorage
}

// ResourceServerByIdentifier is of authserver.Clients.
func (registry) ResourceServerByIdentifier(string) (*authserver.ResourceServer, bool) {
	return nil, false
}

// ResourceServerOf is of authserver.Clients.
func (registry) ResourceServerOf(string) (*authserver.ResourceServer, bool) { return resources, true }

// Scope is of authserver.Clients.
func (registry) Scope(name string) (authserver.Scope, bool) {
	return authserver.Scope{Name: name, Description: name}, true
}

// PublicScopes is of authserver.Clients.
func (registry) PublicScopes() []string { return nil }
