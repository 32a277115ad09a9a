// SPDX-License-Identifier: Apache-2.0

package credential_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

const day = 24 * time.Hour

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// at returns a set key with an ID made of n, active from start+after on.
func at(t *testing.T, n byte, after time.Duration) credential.SetKey {
	t.Helper()
	return credential.SetKey{ID: fmt.Sprintf("%08x", n), NotBefore: start.Add(after), Key: key(t, n)}
}

func TestAKeySetComesBackFromItsData(t *testing.T) {
	set := credential.KeySet{Keys: []credential.SetKey{at(t, 1, -day), at(t, 2, 0), credential.NewSetKey(start.Add(day))}}
	got, err := credential.ParseKeySet(set.Data())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(set, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for name := range set.Data() {
		if strings.Trim(name, "-._0123456789abcdefghijklmnopqrstuvwxyzTZ") != "" || len(name) > 253 {
			t.Errorf("%q cannot be a key of a Secret", name)
		}
	}
}

func TestAKeySetOfAnotherFormIsRefused(t *testing.T) {
	ok := make([]byte, credential.KeySize)
	tooMany := map[string][]byte{}
	for i := range 33 {
		tooMany[fmt.Sprintf("%08x.20260301T120000Z", i)] = ok
	}
	for _, row := range []struct {
		name string
		data map[string][]byte
		want string
	}{
		{name: "nothing", want: "at least one"},
		{name: "too many", data: tooMany, want: "at most 32"},
		{name: "no time", data: map[string][]byte{"0000000a": ok}, want: "time"},
		{name: "short ID", data: map[string][]byte{"00000a.20260301T120000Z": ok}, want: "ID"},
		{name: "upper-case ID", data: map[string][]byte{"0000000A.20260301T120000Z": ok}, want: "ID"},
		{name: "ID of other letters", data: map[string][]byte{"0000000g.20260301T120000Z": ok}, want: "ID"},
		{name: "a day that is none", data: map[string][]byte{"0000000a.20260231T120000Z": ok}, want: "time"},
		{name: "more after the time", data: map[string][]byte{"0000000a.20260301T120000Z.x": ok}, want: "time"},
		{name: "short key", data: map[string][]byte{"0000000a.20260301T120000Z": ok[1:]}, want: "32 bytes"},
		{name: "foreign entry", data: map[string][]byte{"0000000a.20260301T120000Z": ok, "note": ok}, want: `"note"`},
		{name: "one ID twice", data: map[string][]byte{"0000000a.20260301T120000Z": ok, "0000000a.20260302T120000Z": ok}, want: "twice"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := credential.ParseKeySet(row.data)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want one with %q", err, row.want)
			}
		})
	}
}

func TestTheActiveKeyIsTheNewestWhoseTimeHasCome(t *testing.T) {
	set := credential.KeySet{Keys: []credential.SetKey{at(t, 1, 0), at(t, 2, 10*day)}}
	for _, row := range []struct {
		name string
		now  time.Duration
		want string
	}{
		{name: "a clock that is behind", now: -time.Second, want: "00000001"},
		{name: "first moment", now: 0, want: "00000001"},
		{name: "just before the second", now: 10*day - time.Second, want: "00000001"},
		{name: "first moment of the second", now: 10 * day, want: "00000002"},
		{name: "long after", now: 1000 * day, want: "00000002"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := set.Active(start.Add(row.now)).ID; got != row.want {
				t.Errorf("Active = %s, want %s", got, row.want)
			}
		})
	}
	if got := (credential.KeySet{}).Active(start); !got.Key.IsZero() || got.ID != "" {
		t.Error("an empty set has an active key")
	}
	if _, found := set.Find("00000004"); found {
		t.Error("Find found a key that is not there")
	}
}

func TestRotation(t *testing.T) {
	first, second := at(t, 1, 0), at(t, 2, 30*day)
	next := credential.SetKey{ID: "000000ff", Key: key(t, 0xff)}
	joined := func(after time.Duration) credential.SetKey {
		return credential.SetKey{ID: next.ID, NotBefore: start.Add(after), Key: next.Key}
	}
	for _, row := range []struct {
		name string
		have []credential.SetKey
		now  time.Duration
		want []credential.SetKey // nil: unchanged
	}{
		{name: "the first key is active at once", now: 0, want: []credential.SetKey{joined(0)}},
		{name: "nothing to do on the first day", have: []credential.SetKey{first}, now: day},
		{name: "nothing to do just before", have: []credential.SetKey{first}, now: 30*day - time.Hour - time.Second},
		{name: "published an hour before used", have: []credential.SetKey{first}, now: 30*day - time.Hour,
			want: []credential.SetKey{first, joined(30 * day)}},
		{name: "published an hour before used after a long pause too", have: []credential.SetKey{first}, now: 500 * day,
			want: []credential.SetKey{first, joined(500*day + time.Hour)}},
		{name: "not twice", have: []credential.SetKey{first, second}, now: 30*day - time.Second},
		{name: "six are kept however old", have: monthly(t, 5), now: 1000 * day,
			want: append(monthly(t, 5), joined(1000*day+time.Hour))},
		{name: "of seven the oldest is dropped when one joins", have: monthly(t, 6), now: 180*day - time.Hour,
			want: append(monthly(t, 6)[1:], joined(180*day))},
		{name: "not before its last token has ended", have: append([]credential.SetKey{at(t, 7, 0)}, at(t, 1, 100*day), at(t, 2, 101*day),
			at(t, 3, 102*day), at(t, 4, 103*day), at(t, 5, 104*day)), now: 134*day - time.Hour,
			want: append([]credential.SetKey{at(t, 7, 0)}, at(t, 1, 100*day), at(t, 2, 101*day),
				at(t, 3, 102*day), at(t, 4, 103*day), at(t, 5, 104*day), joined(134*day))},
		{name: "a key made by a clock that was ahead takes the place of the next one", have: []credential.SetKey{first, at(t, 9, 395*day)},
			now: 30*day - time.Hour, want: []credential.SetKey{first, at(t, 9, 30*day)}},
		{name: "such a key changes nothing before", have: []credential.SetKey{first, at(t, 9, 395*day)}, now: 30*day - time.Hour - time.Second},
		{name: "a first key made by a clock that was ahead", have: []credential.SetKey{at(t, 9, 365*day)}, now: 0,
			want: []credential.SetKey{at(t, 9, time.Hour)}},
		{name: "a set that is full", have: many(t, 32), now: 1000 * day},
		{name: "an ID that is taken waits", have: []credential.SetKey{{ID: next.ID, NotBefore: start, Key: first.Key}}, now: 60 * day},
	} {
		t.Run(row.name, func(t *testing.T) {
			have := credential.KeySet{Keys: row.have}
			got, changed := have.Rotated(start.Add(row.now), next)
			want := credential.KeySet{Keys: row.want}
			if row.want == nil {
				want = have
			}
			if changed != (row.want != nil) {
				t.Errorf("changed = %v", changed)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// monthly returns n keys, each 30 days after the one before.
func monthly(t *testing.T, n int) []credential.SetKey {
	t.Helper()
	var keys []credential.SetKey
	for i := range n {
		keys = append(keys, at(t, byte(i+1), time.Duration(30*i)*day))
	}
	return keys
}

// many returns n keys of one day, as somebody could have made them by hand.
func many(t *testing.T, n int) []credential.SetKey {
	t.Helper()
	var keys []credential.SetKey
	for i := range n {
		keys = append(keys, at(t, byte(i+1), time.Duration(i)*time.Hour))
	}
	return keys
}

// N103: whatever the clock of the one who rotates shows for a while, no key is lost that a token
// could need, and when the clock is right again rotation goes on within its period.
func TestN103AWrongClockLosesNoKeyAndStopsNoRotation(t *testing.T) {
	for name, wrong := range map[string]time.Duration{
		"a year ahead": 365 * day, "a year behind": -365 * day, "ten years ahead": 3650 * day, "in 1970": -56 * 365 * day,
		"a day ahead": day, "two months behind": -60 * day, "four months ahead": 120 * day,
	} {
		for _, after := range []int{0, 1, 10, 29, 30, 45, 200} { // days of the set when the clock goes wrong
			for _, lasts := range []int{0, 1, 31, 100} { // days
				t.Run(fmt.Sprintf("%s after %d for %d days", name, after, lasts), func(t *testing.T) {
					var set credential.KeySet
					made := map[string]time.Time{} // by key, when it was last the active one of a right clock
					live := func(real time.Time) {
						for id, at := range made {
							if _, found := set.Find(id); !found && !real.After(at.Add(credential.LongestToken)) {
								t.Fatalf("key %s was active at %s and is gone at %s", id, at, real)
							}
						}
					}
					rotate := func(real time.Time, skew time.Duration) {
						for range 5 { // several calls at a time: none goes further than the first
							set, _ = set.Rotated(real.Add(skew), credential.NewSetKey(real))
						}
						made[set.Active(real).ID] = real
						made[set.Active(real.Add(skew)).ID] = real // a server with the same clock
						live(real)
					}
					real := start
					for range after + 1 {
						rotate(real, 0)
						real = real.Add(day)
					}
					for range lasts + 1 {
						rotate(real, wrong)
						real = real.Add(day)
					}
					for n := range 200 {
						rotate(real, 0)
						real = real.Add(day)
						if age := real.Sub(set.Active(real).NotBefore); n > 0 && age > credential.RotationPeriod+day {
							t.Fatalf("%d days after the clock was right again the active key is %s old", n, age)
						}
					}
					if len(set.Keys) > 9 {
						t.Errorf("%d keys are kept", len(set.Keys))
					}
				})
			}
		}
	}
}

// Whatever the schedule of the rotations, what a key made while it was the active
// one can be opened for 90 days more.
func FuzzAnActiveKeyIsFindableFor90Days(f *testing.F) {
	f.Add([]byte{1, 1, 1, 30, 30, 90, 255})
	f.Add([]byte{0, 0, 255, 255, 255, 0, 1, 2, 3})
	f.Add([]byte{29, 1, 29, 1, 29, 1, 29, 1, 29, 1, 29, 1, 29, 1})
	f.Fuzz(func(t *testing.T, gaps []byte) {
		gaps = gaps[:min(len(gaps), 200)]
		type use struct {
			id string
			at time.Time
		}
		var (
			set  credential.KeySet
			uses []use
			now  = start
		)
		for n, gap := range gaps {
			set, _ = set.Rotated(now, credential.SetKey{ID: fmt.Sprintf("%08x", n), Key: key(t, byte(n))})
			if len(set.Keys) > 8 {
				t.Fatalf("%d keys are kept", len(set.Keys))
			}
			for _, u := range uses {
				if _, found := set.Find(u.id); !found && !now.After(u.at.Add(credential.LongestToken)) {
					t.Fatalf("key %s was active at %s and is gone at %s", u.id, u.at, now)
				}
			}
			// Seen by a reader until the next rotation, at the far end of the gap too.
			next := now.Add(time.Duration(gap) * 11 * time.Hour)
			for _, at := range []time.Time{now, now.Add(next.Sub(now) / 2), next} {
				uses = append(uses, use{id: set.Active(at).ID, at: at})
			}
			now = next
		}
	})
}

func TestTheSetSaysWhenItWillChange(t *testing.T) {
	for _, row := range []struct {
		name string
		have []credential.SetKey
		want time.Time
	}{
		{name: "empty", want: start},
		{name: "one key", have: []credential.SetKey{at(t, 1, 0)}, want: start.Add(30*day - time.Hour)},
		{name: "the newest counts", have: []credential.SetKey{at(t, 1, 0), at(t, 2, 30*day)}, want: start.Add(60*day - time.Hour)},
		{name: "a key made by a clock that was ahead does not", have: []credential.SetKey{at(t, 1, 0), at(t, 2, 400*day)}, want: start.Add(30*day - time.Hour)},
		{name: "long due", have: []credential.SetKey{at(t, 1, -400*day)}, want: start},
		{name: "a clock that is behind", have: []credential.SetKey{at(t, 1, 400*day)}, want: start},
	} {
		t.Run(row.name, func(t *testing.T) {
			set := credential.KeySet{Keys: row.have}
			if got := set.NextChange(start); !got.Equal(row.want) {
				t.Errorf("NextChange = %s, want %s", got, row.want)
			}
			next := credential.SetKey{ID: "000000ff", Key: key(t, 0xff)}
			if _, changed := set.Rotated(row.want.Add(-time.Second), next); changed && row.want.After(start) {
				t.Error("it changes before")
			}
			if _, changed := set.Rotated(row.want, next); !changed {
				t.Error("it does not change then")
			}
		})
	}
}

func FuzzParseKeySet(f *testing.F) {
	f.Add("0000000a.20260301T120000Z", make([]byte, credential.KeySize), "0000000b.20260302T120000Z")
	f.Add("", []byte(nil), ".")
	f.Fuzz(func(t *testing.T, name string, value []byte, other string) {
		data := map[string][]byte{name: value, other: make([]byte, credential.KeySize)}
		set, err := credential.ParseKeySet(data)
		if err != nil {
			return
		}
		if diff := cmp.Diff(data, set.Data()); diff != "" {
			t.Errorf("what was read does not print back (-read +printed)\n%s", diff)
		}
	})
}

func TestTheKeyThatWasActiveAtATimeStaysThatKey(t *testing.T) {
	set, was := credential.KeySet{}, map[time.Time]string{}
	for n := range 6 {
		begin := start.AddDate(0, 0, 30*n)
		set.Keys = append(set.Keys, credential.NewSetKey(begin))
		for _, at := range []time.Time{begin, begin.AddDate(0, 0, 29)} {
			was[at] = set.Active(at).ID
		}
		for at, id := range was {
			if got := set.ActiveAt(at).ID; got != id {
				t.Errorf("with %d keys, the key of %s is %s, was %s", n+1, at.Format(time.DateOnly), got, id)
			}
		}
	}
	before := start.AddDate(-1, 0, 0)
	if set.ActiveAt(before).ID != set.Active(before).ID {
		t.Error("for a time before the first key it is not the key that is used for a clock that is behind")
	}
}
