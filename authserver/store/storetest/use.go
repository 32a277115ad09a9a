// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// use is one use of a credential of the client photoPrint at noon.
func use(edits ...func(*authserver.Use)) authserver.Use {
	u := authserver.Use{UID: photoPrint, CredentialID: "first", Since: noon, UsedAt: noon}
	for _, edit := range edits {
		edit(&u)
	}
	return u
}

func usedAt(at time.Time) func(*authserver.Use) {
	return func(u *authserver.Use) { u.Since, u.UsedAt = at, at }
}

func usedWith(uid, credentialID string) func(*authserver.Use) {
	return func(u *authserver.Use) { u.UID, u.CredentialID = uid, credentialID }
}

func idToken(bytes int64, at time.Time) func(*authserver.Use) {
	return func(u *authserver.Use) { u.IDTokenBytes, u.IDTokenAt = bytes, at }
}

func challenges(with, without int64, at time.Time) func(*authserver.Use) {
	return func(u *authserver.Use) {
		u.Challenged, u.Unchallenged = with, without
		if with > 0 {
			u.ChallengedAt = at
		}
		if without > 0 {
			u.UnchallengedAt = at
		}
	}
}

func noteUses(t *testing.T, s authserver.Store, uses ...authserver.Use) {
	t.Helper()
	succeed(t, "NoteUses", s.NoteUses(t.Context(), uses))
}

func usesOf(t *testing.T, s authserver.Store) []authserver.Use {
	t.Helper()
	got, err := s.Uses(t.Context(), "", "", "", 1000)
	succeed(t, "Uses", err)
	return got
}

var uses = []check{
	{"a use comes back as it was noted", func(t *testing.T, s authserver.Store) {
		want := use(challenges(3, 4, noon), idToken(3100, noon.Add(time.Hour)), func(u *authserver.Use) { u.UsedAt = noon.Add(2 * time.Hour) })
		noteUses(t, s, want)
		same(t, "uses", usesOf(t, s), []authserver.Use{want})
		noteUses(t, s)
		same(t, "uses", usesOf(t, s), []authserver.Use{want})
	}},
	{"uses are added up: the earliest since, the latest times, the sum of the counts", func(t *testing.T, s authserver.Store) {
		noteUses(t, s, use(usedAt(noon.Add(time.Hour)), challenges(2, 0, noon.Add(time.Hour))))
		noteUses(t, s, use(usedAt(noon), challenges(1, 5, noon)), use(usedWith(photoPrint, "second")))
		first := use(challenges(3, 5, noon))
		first.UsedAt, first.ChallengedAt = noon.Add(time.Hour), noon.Add(time.Hour)
		same(t, "uses", usesOf(t, s), []authserver.Use{first, use(usedWith(photoPrint, "second"))})
	}},
	{"the largest ID token stays, until one comes that is IDTokenMemory younger", func(t *testing.T, s authserver.Store) {
		week := noon.Add(authserver.IDTokenMemory)
		for _, step := range []struct {
			noted, want int64
			at, wantAt  time.Time
		}{
			{2000, 2000, noon.Add(-time.Hour), noon.Add(-time.Hour)},
			{4000, 4000, noon, noon},
			{1000, 4000, noon.Add(time.Hour), noon},
			{0, 4000, week.Add(time.Hour), noon},
			{1000, 4000, week.Add(-tick), noon},
			{1000, 1000, week, week},
			{900, 1000, week.Add(time.Hour), week},
			{1000, 1000, week.Add(time.Hour), week.Add(time.Hour)},
		} {
			u := use(idToken(step.noted, step.at))
			if step.noted == 0 {
				u.IDTokenAt = time.Time{}
			}
			noteUses(t, s, u)
			same(t, "uses", usesOf(t, s), []authserver.Use{use(idToken(step.want, step.wantAt))})
		}
	}},
	{"uses come page by page, by UID and credential ID", func(t *testing.T, s authserver.Store) {
		var all []authserver.Use
		for _, uid := range []string{"a", "b", "c"} {
			for _, id := range []string{"", "1", "2"} {
				all = append(all, use(usedWith(uid, id)))
			}
		}
		backwards := slices.Clone(all)
		slices.Reverse(backwards)
		noteUses(t, s, backwards...)
		var got []authserver.Use
		last := authserver.Use{}
		for range len(all) {
			page, err := s.Uses(t.Context(), "", last.UID, last.CredentialID, 2)
			succeed(t, "Uses", err)
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
			last = page[len(page)-1]
		}
		same(t, "uses", got, all)
	}},
	{"uses of one client come page by page, and no others", func(t *testing.T, s authserver.Store) {
		var all []authserver.Use
		for _, id := range []string{"", "1", "2", "3"} {
			all = append(all, use(usedWith("b", id)))
			noteUses(t, s, use(usedWith("a", id)), use(usedWith("b", id)), use(usedWith("bb", id)), use(usedWith("c", id)))
		}
		page := func(uid, afterUID, afterID string, limit int) []authserver.Use {
			t.Helper()
			page, err := s.Uses(t.Context(), uid, afterUID, afterID, limit)
			succeed(t, "Uses", err)
			return page
		}
		same(t, "all", page("b", "", "", 100), all)
		same(t, "the first page", page("b", "", "", 3), all[:3])
		same(t, "the last page", page("b", "b", "2", 3), all[3:])
		same(t, "after the end", len(page("b", "b", "3", 3)), 0)
		same(t, "after another client", len(page("b", "bb", "", 3)), 0)
		same(t, "nobody's", len(page("nobody's", "", "", 3)), 0)
	}},
	{"a credential that was not used for UseMemory goes when its client is used with another one", func(t *testing.T, s authserver.Store) {
		old, token, other := use(), use(usedWith(photoPrint, "")), use(usedWith(photoAlbum, "first"))
		noteUses(t, s, old, token, other)
		fresh := use(usedWith(photoPrint, "second"), usedAt(noon.Add(authserver.UseMemory-tick)))
		noteUses(t, s, fresh)
		same(t, "uses", len(usesOf(t, s)), 4)
		noteUses(t, s, use(usedWith(photoPrint, "second"), usedAt(noon.Add(authserver.UseMemory))))
		fresh.UsedAt = noon.Add(authserver.UseMemory)
		for _, want := range []authserver.Use{token, fresh, other} {
			if got := usesOf(t, s); !slices.Contains(got, want) || len(got) != 3 {
				t.Errorf("uses are %v, want 3 with %v", got, want)
			}
		}
	}},
	{"N97: uses of a client that nobody knows go after a while", func(t *testing.T, s authserver.Store) {
		stays := use(usedWith(photoAlbum, "first"))
		noteUses(t, s, use(), use(usedWith(photoPrint, "second")), stays)
		got, err := s.KeptClients(t.Context(), "", 10)
		succeed(t, "KeptClients", err)
		same(t, "kept clients", len(got), 2)
		note(t, s, noon, []string{photoAlbum}, []string{photoPrint})
		swept(t, s, noon.Add(authserver.GoneMemory-tick), 100, 0)
		swept(t, s, noon.Add(authserver.GoneMemory), 100, 3) // two uses and the note
		same(t, "uses", usesOf(t, s), []authserver.Use{stays})
	}},
	{"parallel notes are all counted", func(t *testing.T, s authserver.Store) {
		const parallel = 20
		for _, err := range together(repeat(parallel, func() error {
			return s.NoteUses(t.Context(), []authserver.Use{use(challenges(1, 2, noon)), use(usedWith(photoAlbum, "first"))})
		})...) {
			succeed(t, "NoteUses", err)
		}
		want := []authserver.Use{use(challenges(parallel, 2*parallel, noon)), use(usedWith(photoAlbum, "first"))}
		same(t, "uses", usesOf(t, s), want)
	}},
}

var pages = []check{
	{"live grants of a client, of an owner or of both come page by page", func(t *testing.T, s authserver.Store) {
		var mine, both, hers []authserver.GrantID
		for n := range 5 {
			g := approveAndRedeem(t, s, approvedAt(noon.Add(time.Duration(n)*tick)))
			mine, both = append(mine, g.ID), append(both, g.ID)
		}
		mine = append(mine, approveAndRedeem(t, s, to(photoAlbum)).ID)
		hers = append(hers, approveAndRedeem(t, s, by(alice)).ID)
		unredeemed := approve(t, s)
		mine, both = append(mine, unredeemed.ID), append(both, unredeemed.ID)
		revoked := approveAndRedeem(t, s)
		_, err := s.Revoke(t.Context(), revoked.ID, noon)
		succeed(t, "Revoke", err)
		approveAndRedeem(t, s, endsAt(noon.Add(tick)))

		for name, row := range map[string]struct {
			f    authserver.GrantFilter
			want []authserver.GrantID
		}{
			"client": {authserver.GrantFilter{ClientUID: photoPrint}, slices.Concat(both, hers)},
			"owner":  {authserver.GrantFilter{Owner: bob}, mine},
			"both":   {authserver.GrantFilter{ClientUID: photoPrint, Owner: bob}, both},
			"nobody": {authserver.GrantFilter{ClientUID: "nobody's"}, nil},
		} {
			slices.SortFunc(row.want, func(a, b authserver.GrantID) int { return slices.Compare(a[:], b[:]) })
			var got []authserver.GrantID
			var after authserver.GrantID
			for range 10 {
				page, err := s.GrantsPage(t.Context(), row.f, noon.Add(tick), after, 2)
				succeed(t, "GrantsPage", err)
				for _, g := range page {
					same(t, name, g, kept(t, s, g.ID))
					got, after = append(got, g.ID), g.ID
				}
				if len(page) < 2 {
					break
				}
			}
			same(t, name, got, row.want)
		}
	}},
}
