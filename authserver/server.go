// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"crypto/rand"
	"errors"
	"sync/atomic"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// Config is what a Server is made of. Clients, Directory, Entitlement, Store and Auditor are required.
type Config struct {
	Clients     Clients
	Directory   Directory
	Entitlement Entitlement
	Store       Store
	Auditor     Auditor

	// Issuer is the URL of this server, which assertions must be made for; empty: no assertion is accepted.
	Issuer string
	// KeySets reads the keys of clients from their addresses; nil: none is read.
	KeySets KeySets
	// TokenReviewer asks the cluster about tokens of ServiceAccounts; nil: none is accepted.
	TokenReviewer TokenReviewer
	// Clusters knows the keys of other clusters; nil: no token of theirs is accepted.
	Clusters Clusters
	// ClientsCurrent returns an error that wraps ErrUnavailable while what is known of the clients is
	// too old for a new authorization. What was authorized before goes on. nil: it never is.
	ClientsCurrent func() error
	// SessionLifetime is how long a login lasts. Default: 12 hours.
	SessionLifetime time.Duration
	// PasswordChangeEndsGrants is whether a person's grants end when their password was changed.
	// Their sessions do in any case.
	PasswordChangeEndsGrants bool
	// Upstreams are the sources of the directory whose people log in on another server; nil: there are none.
	Upstreams Upstreams
	// Passkeys checks what authenticators answer; nil: nobody has passkeys here.
	Passkeys Passkeys
	// SecondFactor is whether nobody gives anything to a client in a login without a second factor.
	SecondFactor bool
	// Now tells the time. Default: time.Now.
	Now func() time.Time
	// NewID makes an unguessable name of at least 128 random bits: of a session, a device, an interaction, a request
	// token. Beside the nonces of sealed values nothing else is random. Default: crypto/rand.Text.
	NewID func() string
}

// Server is the grant engine. Its methods may be called in parallel.
type Server struct {
	clients     Clients
	directory   Directory
	upstreams   Upstreams
	passkeys    Passkeys
	entitlement Entitlement
	store       Store
	auditor     Auditor

	issuer        string
	keySets       KeySets
	tokenReviewer TokenReviewer
	clusters      Clusters

	clientsCurrent           func() error
	sessionLifetime          time.Duration
	passwordChangeEndsGrants bool
	secondFactor             bool
	now                      func() time.Time
	newID                    func() string

	keys     atomic.Pointer[Keys]
	throttle *throttle
	turns    *turns
	uses     *uses

	logoutsDue chan struct{}

	// These are fields so that a test can count their calls.
	verifySecret func(key credential.Key, clientUID, credentialID, secret, verifier string) bool
	deriveSecret func(root credential.Key, clientUID, credentialID string) string
}

// New returns an engine that has no keys yet: until UseKeys was called each method
// that needs one returns an error that wraps ErrUnavailable.
func New(c Config) (*Server, error) {
	if c.Clients == nil || c.Directory == nil || c.Entitlement == nil || c.Store == nil || c.Auditor == nil {
		return nil, errors.New("authserver: Clients, Directory, Entitlement, Store and Auditor are required")
	}
	if c.SessionLifetime <= 0 {
		c.SessionLifetime = 12 * time.Hour
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.NewID == nil {
		c.NewID = rand.Text
	}
	return &Server{
		clients: expiring{c.Clients, c.Now}, directory: c.Directory, upstreams: c.Upstreams, passkeys: c.Passkeys, entitlement: c.Entitlement, store: c.Store, auditor: c.Auditor,
		issuer: c.Issuer, keySets: c.KeySets, tokenReviewer: c.TokenReviewer, clusters: c.Clusters, clientsCurrent: c.ClientsCurrent, sessionLifetime: c.SessionLifetime,
		passwordChangeEndsGrants: c.PasswordChangeEndsGrants, secondFactor: c.SecondFactor, now: c.Now, newID: c.NewID,
		throttle: newThrottle(), turns: newTurns(), uses: newUses(), logoutsDue: make(chan struct{}, 1), verifySecret: credential.VerifyWith, deriveSecret: credential.Derive,
	}, nil
}

// mayBegin returns why no new authorization may begin now.
func (s *Server) mayBegin() error {
	if s.clientsCurrent == nil {
		return nil
	}
	return wrap("begin a new authorization", s.clientsCurrent())
}

// UseKeys makes the engine use these keys from now on.
func (s *Server) UseKeys(k *Keys) { s.keys.Store(k) }

// Ready reports whether the engine has its keys.
func (s *Server) Ready() bool { return s.keys.Load() != nil }

// Client returns the client with the client ID, if there is one.
func (s *Server) Client(id string) (*Client, bool) { return s.clients.ByID(id) }

// PublicScopes returns the scopes that anybody may be told of (RFC 8414 §2: scopes_supported).
func (s *Server) PublicScopes() []string { return s.clients.PublicScopes() }
