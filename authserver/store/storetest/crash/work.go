// SPDX-License-Identifier: Apache-2.0

package crash

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

var noon = time.Date(2030, 5, 4, 12, 0, 0, 0, time.UTC)

// Worker is what a child does.
type Worker struct {
	Store authserver.Store
	// Outages: the store may be unavailable for a while. What was asked of it then may have happened or not, so
	// nothing is said of it.
	Outages bool
}

// Work tries the proofs that it reads from proofs, then works in parallel, and says on standard output each thing it has done
// once that was answered. It returns only when something is wrong.
func (w Worker) Work(ctx context.Context, proofs io.Reader) error {
	if err := w.tryProofs(ctx, proofs); err != nil {
		return err
	}
	failed := make(chan error)
	for range 16 {
		go func() {
			for {
				if err := w.bear(ctx, w.liveOnce(ctx)); err != nil {
					failed <- err
				}
			}
		}()
	}
	return <-failed
}

// bear waits until the store answers again where err says that it is unavailable and may be. Any other error it returns.
func (w Worker) bear(ctx context.Context, err error) error {
	if !w.Outages || !errors.Is(err, authserver.ErrUnavailable) {
		return err
	}
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for w.Store.Ping(ctx) != nil {
		select {
		case <-again.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// say prints one line in one write, so that no kill can cut it.
func say(words ...any) {
	fmt.Fprintln(os.Stdout, words...)
}

// tryProofs redeems each proof from four goroutines at once.
func (w Worker) tryProofs(ctx context.Context, proofs io.Reader) error {
	var all sync.WaitGroup
	var mu sync.Mutex
	var failures error
	for lines := bufio.NewScanner(proofs); lines.Scan(); {
		proof, err := hex.DecodeString(lines.Text())
		if err != nil {
			return err
		}
		for range 4 {
			all.Go(func() {
				g, err := w.Store.Redeem(ctx, authserver.Hash(proof), noon)
				if err == nil {
					say("redeemed", g.ID)
				} else if !errors.Is(err, authserver.ErrNotFound) {
					err = w.bear(ctx, err)
					mu.Lock()
					failures = errors.Join(failures, err)
					mu.Unlock()
				}
			})
		}
	}
	all.Wait()
	return failures
}

// step is one thing that a server asks of the store, and what is said once it is answered.
type step struct {
	call func() error
	said []any
}

// liveOnce walks a new grant through its life, and keeps a session and a key.
func (w Worker) liveOnce(ctx context.Context) error {
	s, g := w.Store, newGrant()
	key := g.Proof.Hash
	for _, step := range []step{
		{func() error {
			return s.CreateSession(ctx, authserver.Session{Hash: key, Owner: g.Owner, ExpiresAt: noon}, confirmed(g.Owner))
		}, []any{"session", hex.EncodeToString(key[:])}},
		{func() error { return s.Approve(ctx, g, nil) }, []any{"approved", g.ID, hex.EncodeToString(key[:])}},
		{func() error { return s.Spend(ctx, key, noon, noon.Add(time.Hour)) }, []any{"spent", hex.EncodeToString(key[:])}},
		{func() error { _, err := s.Redeem(ctx, key, noon); return err }, []any{"redeemed", g.ID}},
		{func() error { _, _, err := s.Rotate(ctx, rotation(g, 1), noon); return err }, []any{"rotated", g.ID, 2}},
		{func() error { _, _, err := s.Rotate(ctx, rotation(g, 2), noon); return err }, []any{"rotated", g.ID, 3}},
		{func() error { return inGeneration(ctx, s, g.ID, 3) }, nil},
		{func() error { _, err := s.Revoke(ctx, g.ID, noon); return err }, []any{"revoked", g.ID}},
		{func() error { return isRevoked(ctx, s, g.ID) }, nil},
	} {
		if err := step.call(); err != nil {
			return err
		}
		if step.said != nil {
			say(step.said...)
		}
	}
	return nil
}

// inGeneration checks what an introspection sees of a grant that was refreshed.
func inGeneration(ctx context.Context, s authserver.Store, id authserver.GrantID, generation uint32) error {
	g, p, err := s.OwnedGrant(ctx, id)
	if err == nil && (g.Generation != generation || !g.RevokedAt.IsZero() || p.Subject != g.Owner) {
		return fmt.Errorf("after a refresh to generation %d: %+v of %+v", generation, g, p)
	}
	return err
}

// isRevoked checks the same of one that was revoked.
func isRevoked(ctx context.Context, s authserver.Store, id authserver.GrantID) error {
	g, _, err := s.OwnedGrant(ctx, id)
	if err == nil && g.RevokedAt.IsZero() {
		return fmt.Errorf("after a revocation: %+v", g)
	}
	return err
}

// newGrant returns a grant of an owner of its own.
func newGrant() authserver.Grant {
	var random [48]byte
	_, _ = rand.Read(random[:]) // never fails: it ends the program instead
	return authserver.Grant{
		ID: authserver.GrantID(random[:16]), ClientUID: "2c1d6a3e-6f0e-4b0f-9d59-6f2d1f7a1c11", Owner: rand.Text(),
		Scopes: []string{"photos.read", "photos.write"}, Profile: authserver.ProfileOAuth2, ApprovedAt: noon, EndsAt: noon.Add(90 * 24 * time.Hour),
		Proof: authserver.Proof{
			Hash: authserver.Hash(random[16:]), Callback: "https://photoprint.example/callback",
			CodeChallenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", ExpiresAt: noon.Add(time.Minute),
		},
	}
}

// confirmed is what a directory that sees each change said of a person at noon.
func confirmed(subject string) authserver.Confirmation {
	return authserver.Confirmation{Person: authserver.Person{ConfirmedAt: noon, Owner: authserver.Owner{
		Subject: subject, Source: "users", Name: "bob", DisplayName: "Bob", Email: "bob@photos.example",
		Groups: []string{"family", "photo club"}, CredentialVersion: "first",
	}}}
}

// rotation is a refresh of the grant by its own client, with a token of the generation.
func rotation(g authserver.Grant, generation uint32) authserver.Rotation {
	return authserver.Rotation{GrantID: g.ID, ClientUID: g.ClientUID, Profile: g.Profile, Generation: generation}
}
