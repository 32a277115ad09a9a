// SPDX-License-Identifier: Apache-2.0

package authserver_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/authserver/store/sqlite"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// refresher is a client that refreshes a grant of Bob's.
type refresher struct {
	*fixture
	id      string
	request authserver.AuthorizeRequest
}

func newRefresher(t *testing.T, clientID string) *refresher {
	t.Helper()
	callback := map[string]string{
		authtest.PhotoPrint: authtest.PhotoPrintCallback, authtest.Desktop: authtest.DesktopCallback, authtest.BookShelf: authtest.BookShelfCallback,
	}[clientID]
	return &refresher{newFixture(t), clientID, request(clientID, callback)}
}

// withLimit is a Confidential client that may refresh a grant once.
const withLimit = "once"

// newRefresherOf returns a client of the kind.
func newRefresherOf(t *testing.T, kind string) *refresher {
	t.Helper()
	switch kind {
	case "Public":
		return newRefresher(t, authtest.Desktop)
	case withLimit:
		r := newRefresher(t, authtest.PhotoPrint)
		r.limit(1)
		return r
	default:
		return newRefresher(t, authtest.PhotoPrint)
	}
}

func (r *refresher) limit(n int) {
	r.Clients.Change(r.id, func(c *authserver.Client) { c.RefreshLimit = &n })
}

// first returns the tokens of a new grant.
func (r *refresher) first() *authserver.Tokens {
	r.t.Helper()
	tokens, err := r.Auth.Token(r.t.Context(), r.caller(r.id), redemption(r.allow(r.request, r.bob(), false), r.request.Callback))
	if err != nil {
		r.t.Fatalf("redeem: %v", err)
	}
	return tokens
}

// try refreshes with a token; without scopes it asks for all.
func (r *refresher) try(token string, scopes ...string) (*authserver.Tokens, error) {
	request := refreshing(token)
	request.Scopes = scopes
	return r.Auth.Token(r.t.Context(), r.caller(r.id), request)
}

func (r *refresher) mustRefresh(token string, scopes ...string) *authserver.Tokens {
	r.t.Helper()
	tokens, err := r.try(token, scopes...)
	if err != nil {
		r.t.Fatalf("refresh: %v", err)
	}
	return tokens
}

// isActive reports whether the client's own introspection calls a token active. A Public client may
// not introspect, so for it there is no answer.
func (r *refresher) isActive(token string) (active, asked bool) {
	r.t.Helper()
	caller := r.caller(r.id)
	if caller.CredentialID == "" {
		return false, false
	}
	info, err := r.Auth.Introspect(r.t.Context(), caller, token)
	if err != nil {
		r.t.Fatalf("introspect: %v", err)
	}
	return info.Active, true
}

func (r *refresher) events(name authserver.EventName) int { return len(r.Audit.Events(name)) }

// What became of a refresh.
const (
	moved    = "moved"    // a new generation
	repeated = "repeated" // the answer of before
	reused   = "reused"   // refused, and the grant is revoked
	usedUp   = "used up"  // refused, and the grant is as it was
	unknown  = "unknown"  // refused, and the grant is as it was
)

func outcome(before, after int, err error) string {
	switch {
	case err == nil && after == before:
		return moved
	case err == nil:
		return repeated
	case errors.Is(err, authserver.GrantUsedBefore):
		return reused
	case errors.Is(err, authserver.GrantExpired):
		return usedUp
	case errors.Is(err, authserver.GrantUnknown):
		return unknown
	default:
		return err.Error()
	}
}

func TestN27ATokenGetsItsSuccessorUntilThatWasUsed(t *testing.T) {
	const day = 24 * time.Hour
	for _, row := range []struct {
		kind string
		// distance is how many generations the token is older than the newest: from 2 on its successor was used.
		distance int
		age      time.Duration // since the token was replaced
		want     string
	}{
		{"Confidential", 0, 89 * day, moved},
		{"Confidential", 1, 0, repeated},
		{"Confidential", 1, 33 * time.Second, repeated},
		{"Confidential", 1, time.Hour, repeated},
		{"Confidential", 1, 90*day - time.Millisecond, repeated},
		{"Confidential", 1, 90 * day, unknown}, // the grant has ended
		{"Confidential", 1, -time.Hour, repeated},
		{"Confidential", 2, 0, repeated},
		{"Confidential", 2, 30 * time.Second, repeated},
		{"Confidential", 2, 30*time.Second + time.Millisecond, reused},
		{"Confidential", 2, 30 * day, reused},
		{"Confidential", 2, -time.Hour, repeated},
		{"Confidential", 3, 0, reused},
		{"Confidential", 3, -time.Hour, reused},
		{"Confidential", 9, 0, reused},
		{"Public", 0, 89 * day, moved},
		{"Public", 1, 0, repeated},
		{"Public", 1, 5 * time.Minute, repeated},
		{"Public", 1, 5*time.Minute + time.Millisecond, reused},
		{"Public", 1, 89 * day, reused},
		{"Public", 1, -time.Hour, repeated},
		{"Public", 2, 30 * time.Second, repeated},
		{"Public", 2, 30*time.Second + time.Millisecond, reused},
		{"Public", 2, -time.Hour, repeated},
		{"Public", 3, 0, reused},
		{withLimit, 1, 0, repeated},
		{withLimit, 1, 5 * time.Minute, repeated},
		{withLimit, 1, 5*time.Minute + time.Millisecond, usedUp},
	} {
		t.Run(fmt.Sprintf("%s, %d behind, after %s", row.kind, row.distance, row.age), func(t *testing.T) {
			r := newRefresherOf(t, row.kind)
			chain := []*authserver.Tokens{r.first()}
			for range row.distance {
				chain = append(chain, r.mustRefresh(chain[len(chain)-1].RefreshToken))
			}
			r.Clock.Advance(row.age)
			r.present(chain, row.want)
		})
	}
}

// present sends the oldest token of the chain and checks everything that follows from it.
func (r *refresher) present(chain []*authserver.Tokens, want string) {
	t, oldest, newest := r.t, chain[0], chain[len(chain)-1]
	t.Helper()
	active, asked := r.isActive(oldest.RefreshToken)
	before := r.events(authserver.EventRefreshRepeated)
	got, err := r.try(oldest.RefreshToken)
	if is := outcome(before, r.events(authserver.EventRefreshRepeated), err); is != want {
		t.Fatalf("the token is %s (%v), want %s", is, err, want)
	}
	if answered := err == nil; asked && active != answered {
		t.Errorf("introspection says active=%t, the refresh was answered: %t", active, answered)
	}
	if want == repeated && (got.RefreshToken != chain[1].RefreshToken || got.AccessToken == chain[1].AccessToken) {
		t.Errorf("the answer has not the same refresh token and a new access token: %+v, before %+v", got, chain[1])
	}
	wantRevoked := 0
	if want == reused {
		wantRevoked = 1
	}
	if n := r.events(authserver.EventRefreshReused); n != wantRevoked {
		t.Errorf("%d uses of an old token are audited", n)
	}
	if n := r.events(authserver.EventGrantRevoked); n != wantRevoked {
		t.Errorf("%d revocations are audited", n)
	}
	if want == moved || newest.RefreshToken == "" || want == unknown {
		return
	}
	if _, err := r.try(newest.RefreshToken); (err == nil) != (want != reused) {
		t.Errorf("the newest token afterwards: %v", err)
	}
}

// A token that two parties have ends the grant, also while its owner may not use the client.
func TestN27AReusedTokenEndsTheGrantOfWhoIsNotEntitledToo(t *testing.T) {
	for _, kind := range []string{"Confidential", "Public"} {
		r := newRefresherOf(t, kind)
		first := r.first()
		second := r.mustRefresh(first.RefreshToken)
		r.mustRefresh(second.RefreshToken)
		r.Clock.Advance(time.Hour)
		r.Entitlement.Withdraw(authtest.Bob, r.id)
		if _, err := r.try(first.RefreshToken); !errors.Is(err, authserver.GrantUsedBefore) {
			t.Errorf("%s: %v", kind, err)
		}
		if n := r.events(authserver.EventGrantRevoked); n != 1 {
			t.Errorf("%s: %d revocations are audited", kind, n)
		}
	}
}

func TestN27ParallelRefreshesGetTheSameSuccessor(t *testing.T) {
	for _, kind := range []string{"Confidential", "Public", withLimit} {
		for _, n := range []int{16, 50} {
			r := newRefresherOf(t, kind)
			first := r.first()
			caller, replicas := r.caller(r.id), []*authserver.Server{r.Auth, r.Replica(t)}
			got := make([]*authserver.Tokens, n)
			errs := inParallel(n, func(i int) (err error) {
				got[i], err = replicas[i%2].Token(t.Context(), caller, refreshing(first.RefreshToken))
				return err
			})
			if err := errors.Join(errs...); err != nil {
				t.Fatalf("%s, %d: %v", kind, n, err)
			}
			access := map[string]bool{}
			for _, tokens := range got {
				if tokens.RefreshToken != got[0].RefreshToken || tokens.RefreshToken == first.RefreshToken {
					t.Fatalf("%s, %d: parallel refreshes got different successors", kind, n)
				}
				access[tokens.AccessToken] = true
			}
			if len(access) != n {
				t.Errorf("%s, %d: %d access tokens", kind, n, len(access))
			}
			if is := [2]int{r.events(authserver.EventTokenRefreshed), r.events(authserver.EventRefreshRepeated)}; is != [2]int{1, n - 1} {
				t.Errorf("%s, %d: %d refreshes and %d repeats are audited", kind, n, is[0], is[1])
			}
		}
	}
}

// Two workers of an application refresh with one token. The one that was answered goes on before the
// request of the other arrives.
func TestN27RetriesThatOvertakeEachOtherEndNothing(t *testing.T) {
	for _, kind := range []string{"Confidential", "Public"} {
		for _, n := range []int{16, 50} {
			r := newRefresherOf(t, kind)
			first := r.first()
			second := r.mustRefresh(first.RefreshToken)
			caller, sent := r.caller(r.id), []string{first.RefreshToken, second.RefreshToken}
			got := make([]*authserver.Tokens, n)
			errs := inParallel(n, func(i int) (err error) {
				got[i], err = r.Auth.Token(t.Context(), caller, refreshing(sent[i%2]))
				return err
			})
			if err := errors.Join(errs...); err != nil {
				t.Fatalf("%s, %d: %v", kind, n, err)
			}
			third := got[1].RefreshToken
			for i, tokens := range got {
				if want := []string{second.RefreshToken, third}[i%2]; tokens.RefreshToken != want {
					t.Fatalf("%s, %d: request %d got another successor", kind, n, i)
				}
			}
			if late := r.mustRefresh(first.RefreshToken); r.mustRefresh(late.RefreshToken).RefreshToken != third {
				t.Errorf("%s, %d: who was overtaken does not come to the newest token", kind, n)
			}
			r.mustRefresh(third)
		}
	}
}

// The key that a token was signed with stays its key, however long ago that was.
func TestN27ARepeatedTokenIsTheSameAfterTheKeysWereRotated(t *testing.T) {
	r := newRefresherOf(t, "Confidential")
	caller, proof := r.caller(r.id), r.allow(r.request, r.bob(), false)
	set, shared := credential.KeySet{}, credential.NewKey()
	rotate := func(wait time.Duration) { // to a key that is used from now on
		t.Helper()
		r.Clock.Advance(wait)
		set.Keys = append(set.Keys, credential.NewSetKey(r.Clock.Now()))
		keys, err := authserver.NewKeys(shared, set)
		if err != nil {
			t.Fatal(err)
		}
		r.Auth.UseKeys(keys)
	}
	ask := func(request authserver.TokenRequest) string {
		t.Helper()
		tokens, err := r.Auth.Token(t.Context(), caller, request)
		if err != nil {
			t.Fatal(err)
		}
		return tokens.RefreshToken
	}
	rotate(0)
	first := ask(redemption(proof, r.request.Callback))
	second := ask(refreshing(first))
	rotate(10 * time.Second)
	third := ask(refreshing(second))
	if again := ask(refreshing(first)); again != second {
		t.Errorf("the answer to a request that was overtaken is %s, was %s", again, second)
	}
	for n := range 3 {
		rotate(20 * 24 * time.Hour)
		if again := ask(refreshing(second)); again != third {
			t.Errorf("%d keys later the answer is %s, was %s", n+1, again, third)
		}
	}
}

func TestN28ARotatedRefreshTokenAfterARestart(t *testing.T) {
	r := newRefresherOf(t, "Confidential")
	first := r.first()
	second := r.mustRefresh(first.RefreshToken)
	restart := func() { r.Auth = r.Replica(t) }
	restart()
	r.Clock.Advance(time.Hour)
	if r.mustRefresh(first.RefreshToken).RefreshToken != second.RefreshToken {
		t.Error("a restart changes the successor")
	}
	r.mustRefresh(second.RefreshToken)
	restart()
	if _, err := r.try(first.RefreshToken); !errors.Is(err, authserver.GrantUsedBefore) { // replaced an hour ago
		t.Errorf("a token whose successor was used: %v", err)
	}
}

// N147: what is refused now may be allowed later. Neither a refusal nor an API server that does not answer costs
// the client its grant, however long it lasts.
func TestN147ARefusedRefreshCostsNoGrant(t *testing.T) {
	for _, kind := range []string{"Confidential", "Public"} {
		for cause, row := range map[string]struct {
			begin, end func(r *refresher)
			scopes     []string
			want       error
		}{
			"the owner is not entitled": {
				begin: func(r *refresher) { r.Entitlement.Withdraw(authtest.Bob, r.id) },
				end:   func(r *refresher) { r.Entitlement.Allow(authtest.Bob, r.id) },
				want:  authserver.GrantNotEntitled,
			},
			"the API server does not answer": {
				begin: func(r *refresher) { r.Entitlement.Down(time.Hour) },
				end:   func(r *refresher) { r.Entitlement.Up() },
				want:  authserver.ErrUnavailable,
			},
			"the scope is too wide": {
				begin: func(*refresher) {}, end: func(*refresher) {}, scopes: []string{"photos.delete"},
				want: authserver.InvalidScope,
			},
			"the owner has left the directory": {
				begin: func(r *refresher) { r.confirm(false) }, end: func(r *refresher) { r.confirm(true) },
				want: authserver.GrantNotEntitled,
			},
		} {
			t.Run(kind+", "+cause, func(t *testing.T) {
				r := newRefresherOf(t, kind)
				token := r.first().RefreshToken
				row.begin(r)
				for range 3 {
					if _, err := r.try(token, row.scopes...); !errors.Is(err, row.want) {
						t.Fatalf("got %v, want %v", err, row.want)
					}
					r.Clock.Advance(time.Hour)
				}
				row.end(r)
				next := r.mustRefresh(token)
				if r.mustRefresh(token).RefreshToken != next.RefreshToken {
					t.Error("the answer is not repeated")
				}
				r.mustRefresh(next.RefreshToken)
				if n := r.events(authserver.EventGrantRevoked); n != 0 {
					t.Errorf("%d grants were revoked", n)
				}
			})
		}
	}
}

// confirm lets the directory say whether it knows Bob.
func (r *refresher) confirm(known bool) {
	r.t.Helper()
	if known {
		r.Directory.Put(authserver.Owner{Name: authtest.Bob, DisplayName: "Bob", Email: "bob@photos.example", Groups: []string{"family"}}, authtest.BobPassword)
	} else {
		r.Directory.Remove(authtest.Bob)
	}
	if err := r.Auth.ConfirmPeople(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// N148: repeats do not get around the limit of refreshes.
func TestN148TheLimitOfRefreshesHoldsForRepeats(t *testing.T) {
	t.Run("the last answer", func(t *testing.T) {
		r := newRefresherOf(t, withLimit)
		first := r.first()
		last := r.mustRefresh(first.RefreshToken)
		for range 3 {
			if again := r.mustRefresh(first.RefreshToken); last.RefreshToken != "" || again.RefreshToken != "" {
				t.Fatal("after the last refresh there is a refresh token")
			}
			r.Clock.Advance(100 * time.Second)
		}
		r.Clock.Advance(time.Minute)
		for range 2 {
			_, err := r.try(first.RefreshToken)
			if !errors.Is(err, authserver.GrantExpired) {
				t.Fatalf("a repeat beyond the limit: %v", err)
			}
		}
		if !r.active(last.AccessToken) || r.events(authserver.EventRefreshReused) != 0 {
			t.Error("a client that was given no newer token is taken for a thief")
		}
	})
	t.Run("a limit of several", func(t *testing.T) {
		r := newRefresherOf(t, "Confidential")
		r.limit(9)
		first := r.first()
		second := r.mustRefresh(first.RefreshToken)
		r.mustRefresh(first.RefreshToken)
		r.Clock.Advance(time.Hour)
		for range 2 {
			if _, err := r.try(first.RefreshToken); !errors.Is(err, authserver.GrantExpired) {
				t.Fatalf("a repeat without end: %v", err)
			}
		}
		r.mustRefresh(second.RefreshToken)
		if r.events(authserver.EventRefreshReused) != 0 {
			t.Error("a repeat that came too late is taken for a thief")
		}
	})
	t.Run("a limit that was lowered", func(t *testing.T) {
		r := newRefresherOf(t, "Confidential")
		first := r.first()
		second := r.mustRefresh(first.RefreshToken)
		third := r.mustRefresh(second.RefreshToken)
		r.limit(1)
		if again := r.mustRefresh(second.RefreshToken); again.RefreshToken != "" {
			t.Error("the answer has a refresh token that is refused")
		}
		r.Clock.Advance(time.Hour)
		for _, token := range []string{second.RefreshToken, third.RefreshToken} {
			if _, err := r.try(token); !errors.Is(err, authserver.GrantExpired) {
				t.Errorf("beyond the limit: %v", err)
			}
		}
		r.limit(9)
		r.mustRefresh(third.RefreshToken)
	})
}

// N29, N149: a refresh token in another client's hands moves, repeats and revokes nothing, whatever its age.
func TestN149ARefreshTokenOfAnotherClientOrProfileChangesNothing(t *testing.T) {
	for distance := range 4 {
		r := newRefresherOf(t, "Confidential")
		chain := []string{r.first().RefreshToken}
		for range distance {
			chain = append(chain, r.mustRefresh(chain[len(chain)-1]).RefreshToken)
		}
		newest := chain[distance]
		r.refused(authtest.BookShelf, refreshing(chain[0]), authserver.InvalidGrant)
		caller := r.caller(r.id)
		other := *caller.Client
		other.Profile = authserver.ProfileIntegrationCloud
		caller.Client = &other
		_, err := r.Auth.Token(t.Context(), caller, refreshing(chain[0]))
		wantCode(t, err, authserver.InvalidGrant)
		if n := r.events(authserver.EventGrantRevoked) + r.events(authserver.EventRefreshReused) + r.events(authserver.EventRefreshRepeated); n != 0 {
			t.Errorf("%d behind: %d events", distance, n)
		}
		if distance > 0 && r.mustRefresh(chain[distance-1]).RefreshToken != newest {
			t.Errorf("%d behind: the grant has moved", distance)
		}
		r.mustRefresh(newest)
	}
}

func TestN27ARepeatIsForTheScopesOfItsOwnRequest(t *testing.T) {
	r := newRefresher(t, authtest.BookShelf)
	first := r.first()
	partial := r.mustRefresh(first.RefreshToken, "photos.read")
	for _, asked := range [][]string{{"photos.write"}, {"photos.read"}, {"photos.read", "photos.write"}} {
		again := r.mustRefresh(first.RefreshToken, asked...)
		if again.RefreshToken != partial.RefreshToken || !slices.Equal(again.Scopes, asked) {
			t.Errorf("asked for %v, got %v", asked, again.Scopes)
		}
	}
	if whole := r.mustRefresh(first.RefreshToken); len(whole.Scopes) != 2 {
		t.Errorf("asked for everything, got %v", whole.Scopes)
	}
	_, err := r.try(first.RefreshToken, "photos.delete")
	wantCode(t, err, authserver.InvalidScope)
	r.Clients.Change(r.id, func(c *authserver.Client) { c.Scopes = []string{"photos.write"} })
	if got := strings.Join(r.mustRefresh(first.RefreshToken).Scopes, " "); got != "photos.write" {
		t.Errorf("after the client lost a scope, a repeat gives %s", got)
	}
	r.mustRefresh(partial.RefreshToken)
}

func TestN27ARepeatAfterTheGrantEndedIsRefused(t *testing.T) {
	for name, end := range map[string]func(r *refresher, token string){
		"revoked by the client": func(r *refresher, token string) {
			if err := r.Auth.Revoke(r.t.Context(), r.caller(r.id), token); err != nil {
				r.t.Fatal(err)
			}
		},
		"over":                 func(r *refresher, _ string) { r.Clock.Advance(90 * 24 * time.Hour) },
		"before the NotBefore": func(r *refresher, _ string) { r.notBefore(r.Clock.Now().Add(time.Second)) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRefresherOf(t, "Confidential")
			first := r.first()
			second := r.mustRefresh(first.RefreshToken)
			end(r, second.RefreshToken)
			for _, token := range []string{first.RefreshToken, second.RefreshToken} {
				if _, err := r.try(token); !errors.Is(err, authserver.GrantUnknown) {
					t.Errorf("got %v", err)
				}
				if active, _ := r.isActive(token); active {
					t.Error("introspection calls the token active")
				}
			}
		})
	}
}

func (r *refresher) notBefore(at time.Time) {
	r.Clients.Change(r.id, func(c *authserver.Client) { c.NotBefore = at })
}

// A store that was set back does not know the newest generation. Nobody can say who has what.
func TestAGenerationThatWasNeverReachedIsRefusedAndHarmless(t *testing.T) {
	r := newRefresherOf(t, "Confidential")
	first := r.first()
	grants, err := r.Store.GrantsOf(t.Context(), r.bob().Owner.Subject, r.Clock.Now())
	if err != nil || len(grants) != 1 {
		t.Fatalf("%d grants, %v", len(grants), err)
	}
	second := r.mustRefresh(first.RefreshToken)
	restored, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "restored.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = restored.Close() })
	if err := restored.Approve(t.Context(), grants[0], nil); err != nil {
		t.Fatal(err)
	}
	r.Store.Store = restored
	if _, err := r.try(second.RefreshToken); !errors.Is(err, authserver.GrantUnknown) {
		t.Errorf("got %v", err)
	}
	if n := r.events(authserver.EventGrantRevoked); n != 0 {
		t.Error("the grant was revoked")
	}
}
