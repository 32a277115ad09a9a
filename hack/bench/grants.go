// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/identity"
	"github.com/gatehouse-dev/gatehouse/authserver/registry"
	"github.com/gatehouse-dev/gatehouse/authserver/store"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
	"github.com/gatehouse-dev/gatehouse/internal/installation"
)

const codeVerifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

// grant is what one person allowed: the tokens of a client, and those of PhotoBook, which signs.
type grant struct {
	by             string // the client that tokens are of
	tokens, signed *authserver.Tokens
	// login is what the person allowed PhotoLogin.
	login *grant

	request []byte // that refreshes
	length  int    // of the token in it
}

// allow opens a store and has each person allow both clients so many times, before a server has the store. The
// flow is the server's own, with the real clients and keys; only passwords are not hashed and the API server is
// not asked who may use a client. The grants come person by person.
func (b *bench) allow(ctx context.Context, name string, times int) (_ [][]grant, err error) {
	say("%d people allow both clients, %d times each", len(b.people), times)
	opened, err := store.Open(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the watches
	w, err := b.newWalk(ctx, opened)
	if err != nil {
		return nil, err
	}
	grants, errs := make([][]grant, len(b.people)), make([]error, len(b.people))
	var all sync.WaitGroup
	for n, person := range b.people {
		all.Go(func() {
			for range times {
				var g grant
				if g, errs[n] = w.allow(ctx, person); errs[n] != nil {
					return
				}
				grants[n] = append(grants[n], g)
			}
		})
	}
	all.Wait()
	return grants, errors.Join(errs...)
}

// walk walks people through the engine.
type walk struct {
	auth                *authserver.Server
	login               sync.Mutex // the engine bounds how many log in at once
	print, book, people authserver.Caller
}

// newWalk makes an engine on the store with the clients and keys of the cluster.
func (b *bench) newWalk(ctx context.Context, opened store.Store) (*walk, error) {
	log := slog.New(slog.DiscardHandler)
	clients, err := registry.New(b.Config(), "", registry.View{}, log)
	if err != nil {
		return nil, err
	}
	users, err := identity.OpenUsersFile(identity.Config{Path: b.UsersFile(), SourceKey: "users", Log: log})
	if err != nil {
		return nil, err
	}
	auth, err := authserver.New(authserver.Config{
		Clients: clients, Directory: trusting{users}, Entitlement: everybody{}, Store: opened, Auditor: silent{}, Now: opened.Now,
	})
	if err != nil {
		return nil, err
	}
	keys, err := registry.NewKeys(b.Config(), installation.System, log, func(shared credential.Key, set credential.KeySet) {
		if keys, err := authserver.NewKeys(shared, set); err == nil {
			auth.UseKeys(keys)
		}
	})
	if err != nil {
		return nil, err
	}
	go clients.Run(ctx)
	go keys.Run(ctx)
	if err := errors.Join(clients.WaitForSync(ctx), keys.WaitForSync(ctx)); err != nil {
		return nil, err
	}
	w := &walk{auth: auth}
	for name, caller := range map[string]*authserver.Caller{photoPrint: &w.print, photoBook: &w.book, photoLogin: &w.people} {
		client, found := clients.ByID(b.secrets[name].id)
		if !found {
			return nil, fmt.Errorf("the registry does not know %s", name)
		}
		*caller = authserver.Caller{Client: client, CredentialID: client.Credentials[0].ID}
	}
	return w, nil
}

// allow has a person log in and allow all clients.
func (w *walk) allow(ctx context.Context, person string) (g grant, err error) {
	visitor, err := w.visit(ctx, person)
	if err != nil {
		return g, fmt.Errorf("log in: %w", err)
	}
	g.by, g.login = photoPrint, &grant{by: photoLogin}
	if g.tokens, err = w.allowBearer(ctx, visitor, w.print); err != nil {
		return g, err
	}
	if g.login.tokens, err = w.allowBearer(ctx, visitor, w.people); err != nil {
		return g, err
	}
	g.signed, err = w.allowSigned(ctx, visitor)
	return g, err
}

// allowBearer has a person allow a client all that it may ask for.
func (w *walk) allowBearer(ctx context.Context, visitor *authserver.Visitor, by authserver.Caller) (*authserver.Tokens, error) {
	sum, to := sha256.Sum256([]byte(codeVerifier)), by.Client.CallbackURLs[0]
	i, err := w.auth.Authorize(ctx, authserver.AuthorizeRequest{
		Profile: authserver.ProfileOAuth2, ClientID: by.Client.ID, Callback: to, CodeChallenge: base64.RawURLEncoding.EncodeToString(sum[:]),
	})
	if err != nil {
		return nil, fmt.Errorf("authorize: %w", err)
	}
	proof, err := w.decide(ctx, i, visitor)
	if err != nil {
		return nil, err
	}
	tokens, err := w.auth.Token(ctx, by, authserver.TokenRequest{
		GrantType: authserver.GrantAuthorizationCode, Proof: proof, Callback: to, CodeVerifier: codeVerifier,
	})
	if err != nil {
		return nil, fmt.Errorf("redeem: %w", err)
	}
	return tokens, nil
}

func (w *walk) visit(ctx context.Context, person string) (*authserver.Visitor, error) {
	w.login.Lock()
	defer w.login.Unlock()
	login, err := w.auth.Login(ctx, authserver.Credentials{Username: person, Password: installation.Password})
	if err != nil {
		return nil, err
	}
	return w.auth.Visitor(ctx, login.Session)
}

func (w *walk) allowSigned(ctx context.Context, visitor *authserver.Visitor) (*authserver.Tokens, error) {
	asking, err := w.auth.RequestToken(ctx, w.book, callback+photoBook)
	if err != nil {
		return nil, fmt.Errorf("request token: %w", err)
	}
	i, err := w.auth.BeginSigned(authserver.ProfileOAuth1, asking.Token)
	if err != nil {
		return nil, fmt.Errorf("authorize: %w", err)
	}
	proof, err := w.decide(ctx, i, visitor)
	if err != nil {
		return nil, err
	}
	tokens, err := w.auth.Exchange(ctx, w.book, asking.Token, proof)
	if err != nil {
		return nil, fmt.Errorf("access token: %w", err)
	}
	return tokens, nil
}

func (w *walk) decide(ctx context.Context, i authserver.Interaction, visitor *authserver.Visitor) (proof string, err error) {
	p, err := w.auth.Next(ctx, i, visitor)
	if err != nil {
		return "", fmt.Errorf("authorize: %w", err)
	}
	a, err := w.auth.Decide(ctx, p, authserver.Decision{Allow: true, Ticket: p.Ticket})
	if err != nil {
		return "", fmt.Errorf("consent: %w", err)
	}
	return a.Proof, nil
}

// trusting is the users file, but every password is right.
type trusting struct{ *identity.UsersFile }

// Authenticate is of authserver.Directory.
func (t trusting) Authenticate(ctx context.Context, name, _ string, _ authserver.Lane) (authserver.Owner, error) {
	return t.Lookup(ctx, name)
}

// everybody is entitled.
type everybody struct{}

// Entitled is of authserver.Entitlement.
func (everybody) Entitled(context.Context, authserver.Owner, *authserver.Client, time.Duration) (bool, error) {
	return true, nil
}

// silent writes no audit log.
type silent struct{}

// Record is of authserver.Auditor.
func (silent) Record(context.Context, authserver.Event) {}
