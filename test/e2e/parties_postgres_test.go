// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"

	"github.com/gatehouse-dev/gatehouse/internal/credential"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// party is a relying party as programs in Go are: it keeps the keys of the issuer, and reads them anew for a kid that it does not know.
type party struct {
	verifier *oidc.IDTokenVerifier
	verified sync.Map // of each kid, that a token with it was good
	count    atomic.Int64
	failed   atomic.Pointer[string]
}

// logins is a client of the replicas with which Bob is logged in, and the ID tokens that it got.
type logins struct {
	t       *testing.T
	apps    []*app // of each replica
	refresh string
	turn    int

	mu     sync.Mutex
	tokens []string
}

// partyOf returns a relying party of the issuer behind the balancer. Each request of it goes to another replica.
func (r *replicas) partyOf(t *testing.T, clientID string) *party {
	t.Helper()
	issuer := "https://" + r.balancer.address()
	ctx := oidc.ClientContext(context.WithoutCancel(t.Context()), r.roaming(t).Client)
	return &party{verifier: oidc.NewVerifier(issuer, oidc.NewRemoteKeySet(ctx, issuer+"/oauth2/keys"), &oidc.Config{ClientID: clientID})}
}

// logInTo logs Bob in to a client, and returns it as it speaks to each of the replicas.
func (r *replicas) logInTo(t *testing.T, clientID string, running []*replica) *logins {
	t.Helper()
	l := &logins{t: t}
	for _, one := range running {
		a := r.app(t, one.main)
		a.ClientID, a.ClientSecret, a.RedirectURL, a.Endpoint.AuthStyle = clientID, "", "http://localhost:8000", oauth2.AuthStyleInParams
		a.Scopes = []string{"openid", "profile", "groups", "offline_access"}
		l.apps = append(l.apps, a)
	}
	address, verifier := l.apps[0].request()
	tokens, err := l.apps[0].redeem(t, r.roaming(t).authorize(address, r.w.Bob.Name, r.w.Bob.Password).Get("code"), verifier)
	if err != nil {
		t.Fatal(err)
	}
	l.keep(tokens)
	return l
}

func (l *logins) keep(tokens *oauth2.Token) string {
	l.t.Helper()
	idToken, _ := tokens.Extra("id_token").(string)
	if idToken == "" || tokens.RefreshToken == "" {
		l.t.Fatal("there is no ID token or no refresh token")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refresh, l.tokens = tokens.RefreshToken, append(l.tokens, idToken)
	return idToken
}

// next has the next replica make an ID token, and returns its kid.
func (l *logins) next() (idToken, kid string, err error) {
	l.t.Helper()
	l.turn++
	tokens, err := l.apps[l.turn%len(l.apps)].refresh(l.t, l.refresh)
	if err != nil {
		return "", "", err
	}
	idToken = l.keep(tokens)
	return idToken, kidOf(l.t, idToken), nil
}

// until has one replica after the other make ID tokens until each has made three with the kid in a row. It returns the last one.
func (l *logins) until(want string, refused func(error)) string {
	l.t.Helper()
	for inUse := 0; ; {
		idToken, kid, err := l.next()
		switch {
		case err != nil:
			refused(err)
		case kid != want:
			inUse = 0
		default:
			if inUse++; inUse == 3*len(l.apps) {
				return idToken
			}
		}
	}
}

// some returns the first ID token, one of the middle and the newest one.
func (l *logins) some() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return []string{l.tokens[0], l.tokens[len(l.tokens)/2], l.tokens[len(l.tokens)-1]}
}

func kidOf(t *testing.T, token string) string {
	t.Helper()
	var header struct{ Kid string }
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
	if err == nil {
		err = json.Unmarshal(text, &header)
	}
	if err != nil {
		t.Fatal(err)
	}
	return header.Kid
}

// run verifies the tokens again and again, until done.
func (p *party) run(t *testing.T, l *logins, done <-chan struct{}) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		for _, token := range l.some() {
			if _, err := p.verifier.Verify(t.Context(), token); err != nil {
				why := err.Error()
				p.failed.Store(&why)
				return
			}
			p.count.Add(1)
			p.verified.Store(kidOf(t, token), true)
		}
	}
}

// publishes reports whether each replica publishes a key with the kid.
func publishes(t *testing.T, running []*replica, client *http.Client, kid string) (everyone, anyone bool) {
	t.Helper()
	everyone = true
	for _, one := range running {
		res, err := client.Get("https://" + one.main + "/oauth2/keys")
		if err != nil {
			t.Fatal(err)
		}
		var set jose.JSONWebKeySet
		err = json.NewDecoder(res.Body).Decode(&set)
		_ = res.Body.Close()
		if err != nil || res.StatusCode == http.StatusOK && len(set.Keys) == 0 {
			t.Fatalf("a replica publishes no keys: %d %v", res.StatusCode, err)
		}
		found := len(set.Key(kid)) > 0
		everyone, anyone = everyone && found, anyone || found
	}
	return everyone, anyone
}

// throwOut removes the entry of a signing key by the command that docs/operations.md has for it.
func (w *environment) throwOut(t *testing.T, entry string) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	command := regexp.MustCompile(`(?m)^\$ kubectl (-n gatehouse-system patch secret gatehouse-authserver-keys --type=json -p) '(\[.*/data/)([0-9a-f]{8}\.[0-9TZ]+\.[A-Z0-9]+)("\}\])'$`).
		FindSubmatch(page)
	if command == nil {
		t.Fatal("docs/operations.md has no command that throws out a signing key")
	}
	arguments := append(strings.Fields(string(command[1])), string(command[2])+entry+string(command[4]))
	if _, err := w.Kubectl(t.Context(), arguments...); err != nil {
		t.Fatal(err)
	}
}

// N294: eight relying parties that keep the keys take every ID token of three replicas while the signing keys rotate by schedule. A key that is
// thrown out by the documented command signs nothing more, and no relying party takes it once it has read the keys anew.
func TestN294RelyingPartiesVerifyWhileSigningKeysRotate(t *testing.T) {
	w := start(t)
	clientID := w.clusterClient(t, "parties", "RS256")
	r, running := w.shareDatabase(t)
	l := r.logInTo(t, clientID, running)
	parties, done := make([]*party, 8), make(chan struct{})
	var all sync.WaitGroup
	for n := range parties {
		parties[n] = r.partyOf(t, clientID)
		all.Go(func() { parties[n].run(t, l, done) })
	}
	ended := sync.OnceFunc(func() { close(done); all.Wait() })
	t.Cleanup(ended)
	refused := func(err error) { t.Fatalf("N294: a refresh was refused: %v", err) }

	published := w.publishKey(t, func() {
		if _, _, err := l.next(); err != nil {
			refused(err)
		}
	})
	scheduled := rs256(t, published.Keys[len(published.Keys)-1])
	direct := r.roaming(t).Client
	testenv.Eventually(t, time.Minute, "each replica publishes the key that waits", func() bool {
		every, _ := publishes(t, running, direct, scheduled.ID)
		return every
	})
	w.useNewest(t, published)
	old := l.until(scheduled.ID, refused)
	for n, p := range parties {
		testenv.Eventually(t, time.Minute, fmt.Sprintf("relying party %d verifies with the new key", n), func() bool {
			_, there := p.verified.Load(scheduled.ID)
			return there || p.failed.Load() != nil
		})
	}
	ended()
	var count int64
	for n, p := range parties {
		count += p.count.Load()
		if why := p.failed.Load(); why != nil {
			t.Errorf("N294: relying party %d refused an ID token while the keys rotated: %s", n, *why)
		}
	}
	t.Logf("%d verifications through a rotation", count)
	w.replaceLeaked(t, r, running, l, parties, scheduled.ID, old)
}

// replaceLeaked throws the signing key out.
func (w *environment) replaceLeaked(t *testing.T, r *replicas, running []*replica, l *logins, parties []*party, leaked, old string) {
	t.Helper()
	w.throwOut(t, w.keySet(t).SigningEntries()[leaked])
	var made credential.SigningKey
	testenv.Eventually(t, time.Minute, "the operator makes another key, and each replica publishes it and the old one no more", func() bool {
		found := false
		if made, found = w.keySet(t).SigningKey(credential.RS256, time.Now()); !found {
			return false
		}
		every, _ := publishes(t, running, r.roaming(t).Client, made.ID)
		_, leftover := publishes(t, running, r.roaming(t).Client, leaked)
		return every && !leftover
	})
	idToken := l.until(made.ID, func(err error) { t.Fatalf("N294: a refresh was refused with another key at hand: %v", err) })
	for n, p := range parties {
		if _, err := p.verifier.Verify(t.Context(), idToken); err != nil {
			t.Errorf("N294: relying party %d refuses the other key: %v", n, err)
		}
		// The library answers with the keys that it read before it keeps them, and uses those of before until then.
		testenv.Eventually(t, time.Minute, fmt.Sprintf("N294: relying party %d takes the key that was thrown out no more", n), func() bool {
			_, err := p.verifier.Verify(t.Context(), old)
			return err != nil
		})
	}
}

// rs256 returns the signing key of the algorithm.
func rs256(t *testing.T, k credential.SetKey) credential.SigningKey {
	t.Helper()
	for _, s := range k.Signing {
		if s.Algorithm == credential.RS256 {
			return s
		}
	}
	t.Fatal("the new key signs nothing with RS256")
	return credential.SigningKey{}
}
