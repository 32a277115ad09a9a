// SPDX-License-Identifier: Apache-2.0

package credential_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/internal/credential"
	"github.com/gatehouse-dev/gatehouse/internal/credential/credentialtest"
)

// noKey fails the test if a signing key is made.
func noKey(t *testing.T) func(credential.SigningAlgorithm) credential.SigningKey {
	return func(algorithm credential.SigningAlgorithm) credential.SigningKey {
		t.Errorf("a signing key of %s is made", algorithm)
		return credential.NewSigningKey(credential.ES256)
	}
}

// signed returns a set of n keys, a month apart, that each sign with ES256, and their kids.
func signed(t *testing.T, n int) (credential.KeySet, []string) {
	t.Helper()
	set, kids := credential.KeySet{Keys: monthly(t, n)}, []string(nil)
	for i := range set.Keys {
		k := credential.NewSigningKey(credential.ES256)
		set.Keys[i].Signing, kids = []credential.SigningKey{k}, append(kids, k.ID)
	}
	return set, kids
}

func kidsOf(keys []credential.SigningKey) (kids []string) {
	for _, k := range keys {
		kids = append(kids, k.ID)
	}
	return kids
}

func TestWhatIsPublishedAndSignedWith(t *testing.T) {
	one, kids1 := signed(t, 1)
	set, kids := signed(t, 4) // active from day 0, 30, 60, 90
	for _, row := range []struct {
		name      string
		set       credential.KeySet
		now       time.Duration
		signs     string
		published []string
	}{
		{name: "a first key", set: one, now: day, signs: kids1[0], published: kids1},
		{name: "a first key, a clock that is behind", set: one, now: -day, signs: kids1[0], published: kids1},
		{name: "the newest waits", set: set, now: 90*day - time.Second, signs: kids[2], published: []string{kids[2], kids[3]}},
		{name: "first moment of the newest", set: set, now: 90 * day, signs: kids[3], published: []string{kids[3], kids[2]}},
		{name: "25 hours later", set: set, now: 91*day + time.Hour, signs: kids[3], published: []string{kids[3], kids[2]}},
		{name: "just before 26 hours", set: set, now: 91*day + 2*time.Hour - time.Second, signs: kids[3], published: []string{kids[3], kids[2]}},
		{name: "26 hours later", set: set, now: 91*day + 2*time.Hour, signs: kids[3], published: []string{kids[3]}},
		{name: "long after", set: set, now: 1000 * day, signs: kids[3], published: []string{kids[3]}},
		{name: "a clock far behind", set: set, now: -1000 * day, signs: kids[2], published: []string{kids[2], kids[1], kids[3]}},
		{name: "an empty set"},
	} {
		t.Run(row.name, func(t *testing.T) {
			now := start.Add(row.now)
			got, there := row.set.SigningKey(credential.ES256, now)
			if got.ID != row.signs || there != (row.signs != "") {
				t.Errorf("signs with %q (%v), want %q", got.ID, there, row.signs)
			}
			if diff := cmp.Diff(row.published, kidsOf(row.set.Published(now))); diff != "" {
				t.Errorf("published (-want +got)\n%s", diff)
			}
			if _, there := row.set.SigningKey(credential.RS256, now); there {
				t.Error("signs with an algorithm that it has no key for")
			}
		})
	}
	set.Keys[3].Signing = nil
	if got, there := set.SigningKey(credential.ES256, start.Add(91*day)); there {
		t.Errorf("the active key has no signing key, and %q of another one signs", got.ID)
	}
	if got, there := set.FindSigning(kids[0]); !there || got.ID != kids[0] {
		t.Error("a signing key that is published no longer is not found")
	}
	if _, there := set.FindSigning("x"); there {
		t.Error("a signing key is found that is not there")
	}
}

func TestPublishedKeysAreACopy(t *testing.T) {
	set, kids := signed(t, 1)
	set.Published(start)[0] = credential.SigningKey{}
	if got := kidsOf(set.Published(start)); !slices.Equal(got, kids) {
		t.Errorf("published %v, want %v", got, kids)
	}
}

func TestACompletedSetHasWhatAnyReplicaMaySignWith(t *testing.T) {
	var pool credentialtest.SigningKeys
	whole := pool.Complete(credential.KeySet{Keys: monthly(t, 2)})
	for n := range 6 {
		t.Run(fmt.Sprintf("%d keys", n), func(t *testing.T) {
			set := credential.KeySet{Keys: monthly(t, n)}
			got, missing := set.Completed(func(credential.SigningAlgorithm) credential.SigningKey {
				return credential.NewSigningKey(credential.ES256) // quick: of which kind does not matter here
			})
			if missing != (n > 0) {
				t.Errorf("missing: %v", missing)
			}
			for i, k := range got.Keys {
				if i >= n-2 && len(k.Signing) != 3 || i < n-2 && len(k.Signing) != 0 {
					t.Errorf("key %d has %d signing keys", i+1, len(k.Signing))
				}
				if len(set.Keys[i].Signing) != 0 {
					t.Error("the set itself was changed")
				}
			}
		})
	}
	if got, missing := whole.Completed(noKey(t)); missing || !cmp.Equal(whole, got) {
		t.Error("a set that is complete was changed")
	}
	older := credential.KeySet{Keys: append([]credential.SetKey{at(t, 20, -90*day), at(t, 21, -60*day)}, whole.Keys...)}
	older.Keys[0].Signing = []credential.SigningKey{credential.NewSigningKey(credential.ES256)}
	older.Keys[1].Signing = []credential.SigningKey{credential.NewSigningKey(credential.ES256)}
	got, missing := older.Completed(noKey(t))
	if missing || len(got.Keys[0].Signing) != 0 || len(got.Keys[1].Signing) != 1 {
		t.Errorf("missing %v; the fourth newest has %d signing keys, the third newest %d", missing, len(got.Keys[0].Signing), len(got.Keys[1].Signing))
	}
}

func TestASigningKeyThatIsThrownOutIsReplacedAloneAndByAnother(t *testing.T) {
	var pool credentialtest.SigningKeys
	set := pool.Complete(credential.KeySet{Keys: monthly(t, 2)})
	now := start.Add(31 * day)
	before, _ := set.SigningKey(credential.PS256, now)
	data := set.Data()
	delete(data, set.SigningEntries()[before.ID])
	thrown, err := credential.ParseKeySet(data)
	if err != nil {
		t.Fatal(err)
	}
	if _, there := thrown.SigningKey(credential.PS256, now); there || slices.Contains(kidsOf(thrown.Published(now)), before.ID) {
		t.Error("the key is still in use")
	}
	after, missing := thrown.Completed(pool.New)
	made, there := after.SigningKey(credential.PS256, now)
	if !missing || !there || made.ID == before.ID {
		t.Errorf("signs with %q, was %q", made.ID, before.ID)
	}
	delete(data, set.Keys[1].Entry()+".PS256")
	for entry, value := range data {
		if string(after.Data()[entry]) != string(value) {
			t.Errorf("the entry %s was changed", entry)
		}
	}
}

// A year of rotations, hour by hour: whatever a replica signs, any other can verify until it ends, and no
// key signs that was not published an hour before. Their clocks differ by up to five minutes. One
// that sees the operator's write late goes by the set before.
func TestEveryJWTIsVerifiableForItsLifeOnEveryReplica(t *testing.T) {
	type jwt struct {
		kid string
		at  time.Time
	}
	var set credential.KeySet
	var alive []jwt
	known := map[string]time.Time{} // when each kid was published first
	quick := func(credential.SigningAlgorithm) credential.SigningKey {
		return credential.NewSigningKey(credential.ES256)
	}
	skews := []time.Duration{-5 * time.Minute, 0, 5 * time.Minute}
	for now := start; now.Before(start.Add(365 * day)); now = now.Add(time.Hour) {
		before := set
		var changed bool
		if set, changed = set.Rotated(now, credential.NewSetKey(now)); changed {
			set, _ = set.Completed(quick)
		}
		if len(before.Keys) == 0 {
			before = set
		}
		alive = slices.DeleteFunc(alive, func(j jwt) bool { return now.Sub(j.at) > credential.LongestJWT })
		for _, replica := range []credential.KeySet{before, set} {
			for _, skew := range skews {
				published := kidsOf(replica.Published(now.Add(skew)))
				for _, kid := range published {
					if _, there := known[kid]; !there {
						known[kid] = now
					}
				}
				for _, j := range alive {
					if !slices.Contains(published, j.kid) {
						t.Fatalf("what %s signed at %s is not verifiable at %s with a clock that is %s ahead", j.kid, j.at, now, skew)
					}
				}
				signs, there := replica.SigningKey(credential.ES256, now.Add(skew))
				if !there || !slices.Contains(published, signs.ID) || replica.Published(now.Add(skew))[0].Algorithm != signs.Algorithm {
					t.Fatalf("at %s nothing signs, or what signs is not published", now)
				}
				if now.Sub(known[signs.ID]) < credential.PublishBefore-5*time.Minute && known[signs.ID] != start {
					t.Fatalf("at %s a key signs that was published first at %s", now, known[signs.ID])
				}
				alive = append(alive, jwt{signs.ID, now})
			}
		}
		private := 0
		for _, k := range set.Keys {
			private += len(k.Signing)
		}
		if private > 9 || len(set.Published(now)) > 9 {
			t.Fatalf("%d private signing keys, %d published", private, len(set.Published(now)))
		}
	}
	if len(known) < 30 {
		t.Errorf("%d signing keys in a year", len(known))
	}
}

func TestAFullSetCanBeReadAndFitsIntoASecret(t *testing.T) {
	var pool credentialtest.SigningKeys
	set := pool.Complete(credential.KeySet{Keys: many(t, 32)})
	size := 0
	for name, value := range set.Data() {
		size += len(name) + len(value)
	}
	if got, err := credential.ParseKeySet(set.Data()); err != nil || !cmp.Equal(set, got) || size > 100_000 {
		t.Errorf("%v; %d bytes", err, size)
	}
	data := set.Data()
	for n := range 100 {
		data[fmt.Sprint(n)] = nil
	}
	if _, err := credential.ParseKeySet(data); err == nil {
		t.Error("a set without bound is read")
	}
}
