// SPDX-License-Identifier: Apache-2.0

package transfer_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/store"
	"github.com/gatehouse-dev/gatehouse/authserver/store/transfer"
	"github.com/gatehouse-dev/gatehouse/internal/postgrestest"
)

// errEnough is why a test stops a copy.
var errEnough = errors.New("enough")

func TestEverythingArrives(t *testing.T) {
	for _, way := range ways() {
		t.Run(way.name, func(t *testing.T) {
			from, to := way.from(t), way.to(t)
			kept := fill(t, from, 40)
			if n := copyAll(t, from, to, 7); n != kept.rows() {
				t.Errorf("%d rows were copied, want %d", n, kept.rows())
			}
			kept.check(t, to)
			kept.check(t, from) // the source is as it was
		})
	}
}

func TestACopyThatIsStoppedGoesOn(t *testing.T) {
	for _, way := range ways() {
		t.Run(way.name, func(t *testing.T) {
			from, to := way.from(t), way.to(t)
			kept := fill(t, from, 40)
			stopAt(t, from, to, "copied grants", 30)
			if s, err := store.Open(t.Context(), to); err == nil {
				t.Errorf("N168: a server started on half a copy: %v", s.Close())
			} else if !strings.Contains(err.Error(), "migrate-store") {
				t.Errorf("N168: it was refused with %q", err)
			}
			var first string
			if _, err := run(t, from, to, 7, func(doing string, _, _ int) {
				if first == "" {
					first = doing
				}
			}); err != nil {
				t.Fatal(err)
			}
			if first != "going on with a copy that was stopped" {
				t.Errorf("it began with %q", first)
			}
			kept.check(t, to)
		})
	}
}

func TestASourceThatWasUsedMeanwhileIsCopiedAnew(t *testing.T) {
	for _, way := range ways() {
		t.Run(way.name, func(t *testing.T) {
			from, to := way.from(t), way.to(t)
			kept := fill(t, from, 40)
			stopAt(t, from, to, "copied grants", 60)
			kept.use(t, from)
			anew := false
			if _, err := run(t, from, to, 7, func(doing string, _, _ int) {
				anew = anew || strings.Contains(doing, "copied again")
			}); err != nil {
				t.Fatal(err)
			}
			if !anew {
				t.Error("it was not copied anew")
			}
			kept.check(t, to)
		})
	}
}

func TestN169ACopyThatIsNotTheSameIsNotUsed(t *testing.T) {
	for name, change := range map[string]string{
		"another value": `UPDATE grants SET generation = generation + 1`,
		"a row less":    `DELETE FROM consents`,
		"a row more":    `INSERT INTO absent_clients (client_uid, since) VALUES ('nobody knows it', 1) ON CONFLICT DO NOTHING`,
		"another key":   `UPDATE people SET subject = subject || 'x' WHERE subject = (SELECT min(subject) FROM people)`,
	} {
		t.Run(name, func(t *testing.T) {
			way := ways()[0]
			from, to := way.from(t), way.to(t)
			fill(t, from, 10)
			source, target := open(t, from, false), open(t, to, true)
			c := transfer.Copy{From: source, To: target, Batch: 7, Report: func(doing string, _, _ int) {
				if doing == "copied spent" { // the last table
					if _, err := target.SQL.ExecContext(t.Context(), change); err != nil {
						t.Fatal(err)
					}
				}
			}}
			if _, err := c.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "not the same") {
				t.Errorf("the error is %v", err)
			}
			end(t, source, target)
			if s, err := store.Open(t.Context(), to); err == nil {
				t.Errorf("a server started on it: %v", s.Close())
			}
		})
	}
}

func TestN170ATargetWithOtherDataIsRefused(t *testing.T) {
	for _, way := range ways() {
		t.Run(way.name, func(t *testing.T) {
			from, other, to := way.from(t), way.from(t), way.to(t)
			fill(t, from, 10)
			fill(t, other, 10)
			kept := fill(t, to, 10)
			if _, err := run(t, from, to, 7, silent); err == nil || !strings.Contains(err.Error(), "holds data already") {
				t.Errorf("the error is %v", err)
			}
			kept.check(t, to) // and a server starts on it as before

			empty := way.to(t)
			stopAt(t, other, empty, "copied people", 7)
			if _, err := run(t, from, empty, 7, silent); err == nil || !strings.Contains(err.Error(), "unfinished copy of") {
				t.Errorf("into half a copy of another store: %v", err)
			}
		})
	}
}

func TestN171AStoreThatAServerUsesIsNotCopied(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	s, err := store.Open(t.Context(), "sqlite:"+path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.OpenForTransfer(t.Context(), "sqlite:"+path, false); err == nil || !strings.Contains(err.Error(), "another server uses") {
		t.Errorf("the error is %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	source := open(t, "sqlite:"+path, false)
	if s, err := store.Open(t.Context(), "sqlite:"+path); err == nil {
		t.Errorf("a server started while its store is copied: %v", s.Close())
	}
	end(t, source)
	if _, err := store.OpenForTransfer(t.Context(), "sqlite:"+path+".absent", false); err == nil || !strings.Contains(err.Error(), "no file") {
		t.Errorf("a file that is not there: %v", err)
	}
}

// stopAt begins a copy and stops it when it has said what it does, for at least so many rows.
func stopAt(t *testing.T, from, to, doing string, rows int) {
	t.Helper()
	source, target := open(t, from, false), open(t, to, true)
	ctx, stop := context.WithCancelCause(t.Context())
	c := transfer.Copy{From: source, To: target, Batch: 7, Report: func(now string, done, _ int) {
		if now == doing && done >= rows {
			stop(errEnough)
		}
	}}
	if _, err := c.Run(ctx); err == nil {
		t.Fatal("it was not stopped")
	}
	end(t, source, target)
}

func silent(string, int, int) {}

// run copies and returns how many rows there were.
func run(t *testing.T, from, to string, batch int, report func(string, int, int)) (int, error) {
	t.Helper()
	source, target := open(t, from, false), open(t, to, true)
	defer end(t, source, target)
	return (&transfer.Copy{From: source, To: target, Batch: batch, Report: report}).Run(t.Context())
}

func copyAll(t *testing.T, from, to string, batch int) int {
	t.Helper()
	n, err := run(t, from, to, batch, silent)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func open(t *testing.T, location string, create bool) *transfer.Database {
	t.Helper()
	d, err := store.OpenForTransfer(t.Context(), location, create)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func end(t *testing.T, databases ...*transfer.Database) {
	t.Helper()
	for _, d := range databases {
		if err := d.Close(); err != nil {
			t.Fatalf("close %s: %v", d.Name, err)
		}
	}
}

var noon = time.Date(2030, 5, 4, 12, 0, 0, 0, time.UTC)

// contents are what was put into a store.
type contents struct {
	grants   map[authserver.GrantID]authserver.Grant
	people   []authserver.Person
	sessions []authserver.Session
	factors  []authserver.Factor
	consents []authserver.Consent
	spent    []authserver.Hash
	uses     []authserver.Use
	absent   string
}

func (k *contents) rows() int {
	return len(k.grants) + len(k.people) + len(k.sessions) + len(k.factors) + len(k.consents) + len(k.spent) + len(k.uses) + 1
}

// fill puts n people with all that they can have into a store, and clients that are gone.
func fill(t *testing.T, location string, n int) *contents {
	t.Helper()
	s := serve(t, location)
	k := &contents{grants: map[authserver.GrantID]authserver.Grant{}, absent: "gone"}
	for i := range n {
		k.fillOne(t, s, i)
	}
	check(t, s.NoteClients(t.Context(), nil, []string{k.absent}, noon))
	check(t, s.Close())
	return k
}

func (k *contents) fillOne(t *testing.T, s store.Store, i int) {
	t.Helper()
	ctx := t.Context()
	owner, client := fmt.Sprintf("owner-%d ü", i), fmt.Sprintf("client-%d", i%3)
	person := authserver.Person{Owner: authserver.Owner{Subject: owner, Source: "users", Name: "bob", DisplayName: "Bob 🙂", CredentialVersion: "1"}, ConfirmedAt: noon}
	if i%2 == 0 {
		person.Groups, person.ConfirmedUntil = []string{"family", "all of us"}, noon.Add(time.Hour)
	}
	session := authserver.Session{Hash: hash(i, 's'), Owner: owner, AuthenticatedAt: noon, ExpiresAt: noon.Add(time.Hour), CredentialVersion: "1", Methods: []string{"pwd", "otp", "mfa"}}
	if i%2 == 0 {
		session.First = hash(i, 'b')
	}
	check(t, s.CreateSession(ctx, session, authserver.Confirmation{Person: person}))
	k.people, k.sessions = append(k.people, person), append(k.sessions, session)
	factor := authserver.Factor{ID: hash(i, 'f'), Owner: owner, Kind: authserver.FactorTOTP, Name: "phone ü", Data: "{}", Counter: 1 << 33, CreatedAt: noon}
	if i%2 == 0 {
		factor.UsedAt = noon.Add(time.Second)
	}
	_, err := s.ChangeFactors(ctx, owner, nil, []authserver.Factor{factor})
	check(t, err)
	k.factors = append(k.factors, factor)
	use := authserver.Use{UID: client, CredentialID: owner, Since: noon, UsedAt: noon, Unchallenged: int64(i), UnchallengedAt: noon, IDTokenBytes: 3000, IDTokenAt: noon}
	check(t, s.NoteUses(ctx, []authserver.Use{use}))
	k.uses = append(k.uses, use)
	for j := range 3 {
		g := authserver.Grant{
			ClientUID: client, Owner: owner, Scopes: []string{"photos.read", "photos.write"}, Profile: authserver.ProfileOAuth2,
			ApprovedAt: noon.Add(time.Duration(j) * time.Millisecond), EndsAt: noon.Add(24 * time.Hour),
			Proof: authserver.Proof{Hash: hash(i*3+j, 'p'), Callback: "https://photoprint.example/?a=b", ExpiresAt: noon.Add(time.Minute)},
		}
		id := hash(i*3+j, 'g')
		copy(g.ID[:], id[:])
		consent := authserver.Consent{Owner: owner, ClientUID: client, Scopes: g.Scopes, GivenAt: noon}
		check(t, s.Approve(ctx, g, &consent))
		if j == 0 {
			k.consents = append(k.consents, consent)
		}
		if j > 0 {
			_, err := s.Redeem(ctx, g.Proof.Hash, noon)
			check(t, err)
		}
		if j > 1 {
			_, err := s.Revoke(ctx, g.ID, noon.Add(time.Second))
			check(t, err)
		}
		k.keep(t, s, g.ID)
	}
	check(t, s.Spend(ctx, hash(i, 'k'), noon, noon.Add(time.Hour)))
	k.spent = append(k.spent, hash(i, 'k'))
}

// keep remembers a grant as the store has it.
func (k *contents) keep(t *testing.T, s store.Store, id authserver.GrantID) {
	t.Helper()
	g, err := s.Grant(t.Context(), id)
	check(t, err)
	k.grants[id] = g
}

// use refreshes, revokes and removes, as a server does that runs once more.
func (k *contents) use(t *testing.T, location string) {
	t.Helper()
	s := serve(t, location)
	for _, id := range slices.Collect(maps.Keys(k.grants)) {
		if g := k.grants[id]; g.Generation == 1 && g.RevokedAt.IsZero() {
			_, _, err := s.Rotate(t.Context(), authserver.Rotation{GrantID: id, ClientUID: g.ClientUID, Profile: g.Profile, Generation: 1}, noon.Add(time.Minute))
			check(t, err)
			k.keep(t, s, id)
		}
	}
	check(t, s.DeleteSession(t.Context(), k.sessions[0].Owner, k.sessions[0].Hash))
	k.sessions = k.sessions[1:]
	check(t, s.Close())
}

// check checks that a store has it all.
func (k *contents) check(t *testing.T, location string) {
	t.Helper()
	s, ctx := serve(t, location), t.Context()
	for id, want := range k.grants {
		got, err := s.Grant(ctx, id)
		equal(t, want, got, err)
		got, err = s.GrantByProof(ctx, want.Proof.Hash)
		equal(t, want, got, err)
	}
	for _, want := range k.people {
		got, err := s.Person(ctx, want.Subject)
		equal(t, want, got, err)
	}
	for _, want := range k.sessions {
		got, _, err := s.Session(ctx, want.Hash)
		equal(t, want, got, err)
	}
	for _, want := range k.factors {
		got, err := s.Factors(ctx, want.Owner)
		equal(t, []authserver.Factor{want}, got, err)
	}
	got, err := s.Uses(ctx, "", "", "", len(k.uses)+1)
	slices.SortFunc(got, func(a, b authserver.Use) int { return cmp.Compare(a.Unchallenged, b.Unchallenged) })
	equal(t, k.uses, got, err)
	for _, want := range k.consents {
		got, err := s.Consent(ctx, want.Owner, want.ClientUID)
		equal(t, want, got, err)
	}
	for _, key := range k.spent {
		for now, want := range map[time.Time]bool{noon: true, noon.Add(time.Hour): false} {
			got, err := s.Spent(ctx, key, now)
			equal(t, want, got, err)
		}
	}
	check(t, s.Close())
}

func equal[T any](t *testing.T, want, got T, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%+v: %v", want, err)
	} else if diff := gocmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func serve(t *testing.T, location string) store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), location)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func hash(i int, kind byte) (h authserver.Hash) {
	h[0], h[1], h[2], h[31] = byte(i*37), byte(i), byte(i>>8), kind
	return h
}

// way is a direction of a copy. Each store is fresh and empty.
type way struct {
	name     string
	from, to func(t *testing.T) string
}

func ways() []way {
	file := func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "gatehouse.db") }
	database := func(t *testing.T) string { return postgrestest.DSN(t, postgrestest.WithoutFsync()) }
	return []way{{"SQLite to PostgreSQL", file, database}, {"PostgreSQL to SQLite", database, file}}
}
