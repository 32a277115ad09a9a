// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/internal/assertion"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

var moment = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func newTestKeys(t testing.TB, set credential.KeySet) *Keys {
	t.Helper()
	keys, err := NewKeys(credential.NewKey(), set)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func oneKey() credential.KeySet {
	set, _ := credential.KeySet{}.Rotated(moment.Add(-time.Hour), credential.NewSetKey(moment))
	return set
}

// twentyScopes is as much as an OAuthClient may have, each as long as it may be.
func twentyScopes() []string {
	scopes := make([]string, 20)
	for n := range scopes {
		scopes[n] = fmt.Sprintf("%s%02d", strings.Repeat("s", 62), n)
	}
	return scopes
}

func TestAnAccessTokenSaysWhatWasPutIntoIt(t *testing.T) {
	keys := newTestKeys(t, oneKey())
	times := accessToken{IssuedAt: moment.Local(), ExpiresAt: moment.Add(time.Hour).Local(), Scopes: tagsOf(twentyScopes())}
	ofGrant, ofCredential := times, times
	ofGrant.GrantID = GrantID{1, 2, 3}
	ofCredential.ClientUID, ofCredential.CredentialID = "11111111-0000-4000-8000-000000000001", assertion.ServiceAccountID("any")
	for name, want := range map[string]accessToken{"grant": ofGrant, "credential": ofCredential} {
		t.Run(name, func(t *testing.T) {
			token := keys.sealAccess(want)
			got, err := keys.openAccess(token)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if len(token) > MaxToken {
				t.Errorf("the token has %d characters, at most %d are promised", len(token), MaxToken)
			}
		})
	}
}

func TestOneChangedCharacterMakesATokenWorthless(t *testing.T) {
	keys := newTestKeys(t, oneKey())
	g := Grant{ID: GrantID{9}, Generation: 3, RotatedAt: moment}
	refresh, err := keys.signRefresh(g)
	if err != nil {
		t.Fatal(err)
	}
	access := keys.sealAccess(accessToken{GrantID: g.ID, IssuedAt: moment, ExpiresAt: moment})
	for n := range access {
		if _, err := keys.openAccess(flip(access, n)); !errors.Is(err, errSeal) {
			t.Fatalf("an access token with character %d changed is accepted", n)
		}
	}
	for n := range refresh {
		if _, err := keys.openRefresh(flip(refresh, n)); !errors.Is(err, errSeal) {
			t.Fatalf("a refresh token with character %d changed is accepted", n)
		}
	}
}

// flip returns another character of the base64url alphabet at n.
func flip(s string, n int) string {
	b := []byte(s)
	if b[n]++; b[n] == 'z'+1 || b[n] == 'Z'+1 || b[n] == '9'+1 {
		b[n] -= 2
	}
	return string(b)
}

func TestTheRefreshTokenOfAGenerationIsAlwaysTheSame(t *testing.T) {
	set := oneKey()
	next, _ := set.Rotated(moment.Add(30*24*time.Hour), credential.NewSetKey(moment))
	later, err := NewKeys(credential.NewKey(), next)
	if err != nil {
		t.Fatal(err)
	}
	g := Grant{ID: GrantID{9}, Generation: 3, RotatedAt: moment}
	a, err := newTestKeys(t, set).signRefresh(g)
	if err != nil {
		t.Fatal(err)
	}
	b, err := later.signRefresh(g)
	if err != nil {
		t.Fatal(err)
	}
	if a != b {
		t.Error("a new key in the set changed the refresh token of a generation that began before")
	}
}

func TestTokensOfARetiredKeyStayValidAndOfAnUnknownOneNot(t *testing.T) {
	old := newTestKeys(t, oneKey())
	rotated, _ := old.set.Rotated(moment.Add(30*24*time.Hour), credential.NewSetKey(moment))
	token := old.sealAccess(accessToken{GrantID: GrantID{7}, IssuedAt: moment, ExpiresAt: moment})
	if _, err := newTestKeys(t, rotated).openAccess(token); err != nil {
		t.Errorf("after a rotation: %v", err)
	}
	if _, err := newTestKeys(t, oneKey()).openAccess(token); !errors.Is(err, errSeal) {
		t.Errorf("under other keys: %v", err)
	}
}

func TestN30ASealForOnePurposeIsWorthNothingForAnother(t *testing.T) {
	keys := newTestKeys(t, oneKey())
	purposes := []purpose{forAccess, forInteraction, forState, forDevice}
	for _, made := range purposes {
		sealed := keys.seal(made, moment, []byte("what is sealed"))
		for _, used := range purposes {
			_, err := keys.open(used, sealed)
			if (err == nil) != (made == used) {
				t.Errorf("sealed for %s, opened for %s: %v", made, used, err)
			}
		}
	}
}

func TestAScopeTagSelectsOnlyAmongWhatWasGiven(t *testing.T) {
	got := tagged([]string{"photos.read", "photos.write"}, tagsOf([]string{"photos.write", "admin"}))
	if !slices.Equal(got, []string{"photos.write"}) {
		t.Errorf("got %v", got)
	}
}

func FuzzTokens(f *testing.F) {
	keys := newTestKeys(f, oneKey())
	refresh, err := keys.signRefresh(Grant{ID: GrantID{9}, Generation: 3, RotatedAt: moment})
	if err != nil {
		f.Fatal(err)
	}
	access := keys.sealAccess(accessToken{GrantID: GrantID{9}, IssuedAt: moment, ExpiresAt: moment})
	known := []string{refresh, access}
	for _, seed := range append(known, "", "gha_", "ghr_AAAA", "gha_"+refresh[4:]) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		_, asAccess := keys.openAccess(token)
		_, asRefresh := keys.openRefresh(token)
		if (asAccess == nil || asRefresh == nil) && !slices.Contains(known, token) {
			t.Fatalf("%q is accepted", token)
		}
	})
}

func FuzzSealedInteraction(f *testing.F) {
	s := &Server{now: func() time.Time { return moment }}
	keys := newTestKeys(f, oneKey())
	s.UseKeys(keys)
	sealed, err := s.SealInteraction(Interaction{ID: "one", Callback: "https://app.example/cb", StartedAt: moment, key: keys.activeID(moment)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("one", sealed)
	f.Add("two", sealed)
	f.Add("one", base64.RawURLEncoding.EncodeToString([]byte("{}")))
	f.Add("", "")
	f.Fuzz(func(t *testing.T, id, value string) {
		i, err := s.OpenInteraction(id, value)
		if err == nil && (id != "one" || value != sealed) {
			t.Fatalf("%q is accepted as %q: %+v", value, id, i)
		}
	})
}
