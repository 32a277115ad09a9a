// SPDX-License-Identifier: Apache-2.0

package backchannel

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/internal/assertion"
)

// address is where a client keeps its keys.
type address struct {
	*httptest.Server
	asked atomic.Int32
	serve atomic.Value // of http.HandlerFunc
}

func newAddress(t *testing.T) *address {
	t.Helper()
	a := &address{}
	a.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.asked.Add(1)
		a.serve.Load().(http.HandlerFunc)(w, r)
	}))
	t.Cleanup(a.Close)
	return a
}

func (a *address) says(text string) {
	a.serve.Store(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }))
}

// endless answers with more bytes than all buffers on the way hold, and notes whether somebody took them all.
func endless(readOn *atomic.Bool) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		blanks := bytes.Repeat([]byte(" "), 1<<16)
		for range 1 << 10 {
			if _, err := w.Write(blanks); err != nil {
				return
			}
		}
		readOn.Store(true)
	}
}

// newKeySets may go to the networks. It shares the authorities of a house, and its clock.
func newKeySets(t *testing.T, allowed ...string) (*KeySets, *house) {
	t.Helper()
	h := newHouse(t, allowed...)
	sets := NewKeySets(KeySetsConfig{
		AllowedNetworks: h.sender.AllowedNetworks, CAFile: h.sender.CAFile, Log: h.sender.Log, Now: h.Clock.Now,
	})
	sets.timeout = patience
	return sets, h
}

func named(kid string) func(assertion.Key) bool {
	return func(k assertion.Key) bool { return k.KeyID == kid }
}

func TestKeysAreReadFromTheirAddressAndAgainForOneThatIsNotKnown(t *testing.T) {
	sets, h := newKeySets(t, loopback)
	a, one, two := newAddress(t), authtest.NewClientKey(t, "one"), authtest.NewClientKey(t, "two")
	a.says(authtest.JWKS(t, one))
	wants := func(name, kid string, asked int32, known bool) {
		t.Helper()
		keys, err := sets.Keys(t.Context(), "photos", a.URL+"/keys", named(kid))
		found := false
		for _, k := range keys {
			found = found || k.KeyID == kid
		}
		if err != nil || found != known || a.asked.Load() != asked {
			t.Errorf("%s: %t after %d questions, %v; want %t after %d", name, found, a.asked.Load(), err, known, asked)
		}
	}
	wants("first", "one", 1, true)
	wants("again", "one", 1, true)
	wants("a key that is not there, just asked", "two", 1, false)
	a.says(authtest.JWKS(t, one, two))
	h.Clock.Advance(time.Minute)
	wants("known", "one", 1, true)
	wants("a new key", "two", 2, true)
	wants("N363: any number of keys that are nowhere", "three", 2, false)
	h.Clock.Advance(time.Minute)
	wants("a key that is nowhere, a minute later", "three", 3, false)
	a.says(authtest.JWKS(t, two))
	h.Clock.Advance(keysAheadAfter - time.Second)
	wants("a key that was taken out", "one", 3, true)
	h.Clock.Advance(keysFreshFor - keysAheadAfter + time.Second)
	wants("ten minutes after it was read", "one", 4, false)

	a.serve.Store(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }))
	h.Clock.Advance(10 * time.Minute)
	wants("the address is away", "two", 5, true)
	wants("and not asked for each assertion", "two", 5, true)
	h.Clock.Advance(50*time.Minute - time.Second)
	wants("one that is known, nearly an hour later", "two", 6, true)
	h.Clock.Advance(time.Second)
	for range 2 {
		if _, err := sets.Keys(t.Context(), "photos", a.URL+"/keys", named("two")); !errors.Is(err, authserver.ErrUnavailable) || a.asked.Load() != 6 {
			t.Errorf("an hour later: %v after %d questions", err, a.asked.Load())
		}
	}
	a.says(authtest.JWKS(t, two))
	h.Clock.Advance(time.Minute)
	wants("it is back", "two", 7, true)
}

// Who has keys in hand does not wait for the address to give newer ones, be it slow or away.
func TestN363WhoseKeyIsKnownWaitsForNoAddress(t *testing.T) {
	sets, h := newKeySets(t, loopback)
	a, one, two := newAddress(t), authtest.NewClientKey(t, "one"), authtest.NewClientKey(t, "two")
	uri := a.URL + "/keys"
	began := h.Clock.Now()
	arrived, says := make(chan struct{}, 1), make(chan http.HandlerFunc)
	hold := func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		(<-says)(w, r)
	}
	wants := func(name, kid string, at time.Duration) {
		t.Helper()
		h.Clock.Advance(began.Add(at).Sub(h.Clock.Now()))
		before := sets.known(uri).asked
		keys, err := sets.Keys(t.Context(), "photos", uri, named(kid))
		waited := !before.IsZero() && !sets.known(uri).asked.Equal(before) // a question that is held has not ended
		if err != nil || !slices.ContainsFunc(keys, named(kid)) || waited {
			t.Errorf("%s: %d keys, %v; it waited: %t", name, len(keys), err, waited)
		}
	}
	answers := func(answer http.HandlerFunc, asked int32) {
		t.Helper()
		select {
		case <-arrived:
		case <-time.After(patience):
			t.Fatal("the address is not asked")
		}
		under := sets.begin(t.Context(), "photos", uri)
		says <- answer
		if <-under; a.asked.Load() != asked {
			t.Errorf("%d questions; want %d", a.asked.Load(), asked)
		}
	}
	a.says(authtest.JWKS(t, one))
	wants("first", "one", 0)
	a.serve.Store(http.HandlerFunc(hold))
	wants("five minutes later", "one", keysAheadAfter)
	wants("while that question is under way", "one", keysAheadAfter+time.Second)
	answers(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(authtest.JWKS(t, two))) }, 2)
	wants("what it answered", "two", keysAheadAfter+time.Second)

	wants("the address is away", "two", 2*keysAheadAfter+time.Second)
	answers(http.NotFound, 3)
	wants("which is known", "two", 2*keysAheadAfter+time.Minute)
	a.serve.Store(http.HandlerFunc(http.NotFound))
	old := keysAheadAfter + time.Second + keysFreshFor
	h.Clock.Advance(began.Add(old).Sub(h.Clock.Now()))
	if keys, err := sets.Keys(t.Context(), "photos", uri, named("two")); err != nil || !slices.ContainsFunc(keys, named("two")) || a.asked.Load() != 4 {
		t.Errorf("keys that are not fresh any more: %d after %d questions, %v", len(keys), a.asked.Load(), err)
	}
	a.serve.Store(http.HandlerFunc(hold))
	last := old + silentFor - time.Second
	for n := range int32(3) {
		wants("the address is away, and is asked again", "two", last)
		wants("while that question is under way", "two", last)
		answers(http.NotFound, 5+n)
		last += silentFor - time.Second
	}
	h.Clock.Advance(began.Add(keysAheadAfter + time.Second + keysKeptFor).Sub(h.Clock.Now()))
	a.serve.Store(http.HandlerFunc(http.NotFound))
	if _, err := sets.Keys(t.Context(), "photos", uri, named("two")); !errors.Is(err, authserver.ErrUnavailable) {
		t.Errorf("after an hour: %v", err)
	}
}

// A question that failed does not make keys live longer, unless the address still gives no answer.
func TestN364AKeyThatWasTakenOutWorksForTenMinutesAlsoAfterAFailure(t *testing.T) {
	for name, row := range map[string]struct {
		failed []time.Duration // when the address gave no answer
		comes  time.Duration   // who has the key that was taken out
		known  bool
	}{
		"no failure":                           {nil, keysFreshFor, false},
		"before the ten minutes are over":      {[]time.Duration{6 * time.Minute}, keysFreshFor - time.Second, true},
		"one failure":                          {[]time.Duration{6 * time.Minute}, keysFreshFor, false},
		"one failure, nearly an hour ago":      {[]time.Duration{6 * time.Minute}, 55 * time.Minute, false},
		"a failure a moment before":            {[]time.Duration{keysFreshFor - time.Second}, keysFreshFor, false},
		"a failure when the ten minutes ended": {[]time.Duration{keysFreshFor}, keysFreshFor + silentFor, false},
		"away, as a moment ago":                {[]time.Duration{keysFreshFor}, keysFreshFor + silentFor - time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			sets, h := newKeySets(t, loopback)
			a, one, two := newAddress(t), authtest.NewClientKey(t, "one"), authtest.NewClientKey(t, "two")
			uri, began := a.URL+"/keys", h.Clock.Now()
			at := func(d time.Duration) { h.Clock.Advance(began.Add(d).Sub(h.Clock.Now())) }
			a.says(authtest.JWKS(t, one))
			if _, err := sets.Keys(t.Context(), "photos", uri, named("one")); err != nil {
				t.Fatal(err)
			}
			a.serve.Store(http.HandlerFunc(http.NotFound))
			for _, failed := range row.failed {
				at(failed)
				if <-sets.begin(t.Context(), "photos", uri); !sets.known(uri).silent() {
					t.Fatalf("the address gave an answer after %s", failed)
				}
			}
			a.says(authtest.JWKS(t, two))
			at(row.comes)
			keys, err := sets.Keys(t.Context(), "photos", uri, named("one"))
			if known := slices.ContainsFunc(keys, named("one")); err != nil || known != row.known {
				t.Errorf("%t, %v; want %t", known, err, row.known)
			}
		})
	}
}

// While the address gives no answer nobody knows whether a new key stands there.
func TestN363AKeyThatIsNotKnownWhileTheAddressIsAwayIsNotRefused(t *testing.T) {
	sets, h := newKeySets(t, loopback)
	a, one, two := newAddress(t), authtest.NewClientKey(t, "one"), authtest.NewClientKey(t, "two")
	uri := a.URL + "/keys"
	a.says(authtest.JWKS(t, one))
	wants := func(name, kid string, asked int32, want error) {
		t.Helper()
		keys, err := sets.Keys(t.Context(), "photos", uri, named(kid))
		if !errors.Is(err, want) || a.asked.Load() != asked || err == nil && !slices.ContainsFunc(keys, named(kid)) {
			t.Errorf("%s: %d keys after %d questions, %v; want %v after %d", name, len(keys), a.asked.Load(), err, want, asked)
		}
	}
	wants("first", "one", 1, nil)
	a.serve.Store(http.HandlerFunc(http.NotFound))
	h.Clock.Advance(keysAgainAfter)
	wants("the address is away", "two", 2, authserver.ErrUnavailable)
	wants("as a moment ago", "two", 2, authserver.ErrUnavailable)
	wants("and the key that is known", "one", 2, nil)
	h.Clock.Advance(keysKeptFor - 2*keysAgainAfter)
	wants("nearly an hour later", "two", 3, authserver.ErrUnavailable)
	wants("and the key that is known", "one", 3, nil)
	a.says(authtest.JWKS(t, one, two))
	h.Clock.Advance(keysAgainAfter - time.Second)
	wants("it is back, and was asked a moment ago", "two", 3, authserver.ErrUnavailable)
	h.Clock.Advance(time.Second)
	wants("it is back", "two", 4, nil)
}

func TestN363AnAddressOfKeysIsHeldToTheRulesOfTheBackChannel(t *testing.T) {
	const hangs = "hangs" // the only one that needs its time
	var readOn atomic.Bool
	key := authtest.NewClientKey(t, "one")
	other := newAddress(t)
	other.says(authtest.JWKS(t, key))
	for name, row := range map[string]struct {
		serve http.HandlerFunc
		want  string // of the error
	}{
		"a redirect": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) }, "status 302"},
		"not there":  {http.NotFound, "status 404"},
		hangs:        {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "did not answer in time"},
		"too long": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(strings.Repeat(" ", assertion.MaxSet+1) + authtest.JWKS(t, key)))
		}, "it is longer than"},
		"without end": {endless(&readOn), "it is longer than"},
		"a private key": {func(w http.ResponseWriter, _ *http.Request) {
			_, private, err := ed25519.GenerateKey(rand.Reader)
			if err != nil {
				panic(err)
			}
			_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: private, KeyID: "one"}}})
		}, "it holds a private key"},
		"a symmetric key": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"keys":[{"kty":"oct","k":"AAAA"}]}`))
		}, "it holds a private key"},
		"no JSON":         {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }, "it is not a JWK Set"},
		"a status 204":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, "status 204"},
		"an empty answer": {func(http.ResponseWriter, *http.Request) {}, "it is not a JWK Set"},
	} {
		t.Run(name, func(t *testing.T) {
			sets, _ := newKeySets(t, loopback)
			if name == hangs {
				sets.timeout = 500 * time.Millisecond
			}
			a := newAddress(t)
			a.serve.Store(row.serve)
			keys, err := sets.Keys(t.Context(), "photos", a.URL, named("one"))
			if !errors.Is(err, authserver.ErrUnavailable) || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%d keys, %v; want an error that says %q", len(keys), err, row.want)
			}
		})
	}
	if other.asked.Load() != 0 {
		t.Error("a redirect was followed")
	}
	if readOn.Load() {
		t.Error("an answer without an end was read on")
	}
	t.Run("inside", func(t *testing.T) {
		sets, h := newKeySets(t)
		if _, err := sets.Keys(t.Context(), "photos", other.URL, named("one")); !errors.Is(err, authserver.ErrUnavailable) || !errors.Is(err, errInside) || other.asked.Load() != 0 {
			t.Errorf("an address inside: %v", err)
		}
		if log := h.log.String(); strings.Contains(log, "connection refused") || !strings.Contains(log, errInside.Error()) {
			t.Errorf("the log says %s", log)
		}
	})
	t.Run("http", func(t *testing.T) {
		sets, _ := newKeySets(t, loopback)
		plain := httptest.NewServer(other.Config.Handler)
		t.Cleanup(plain.Close)
		if keys, err := sets.Keys(t.Context(), "photos", plain.URL, named("one")); !errors.Is(err, authserver.ErrUnavailable) || other.asked.Load() != 0 {
			t.Errorf("http: %d keys after %d questions, %v", len(keys), other.asked.Load(), err)
		}
	})
}

func TestN420AKeyWhosePrivateHalfStandsAtTheAddressIsAcceptedNoMore(t *testing.T) {
	sets, h := newKeySets(t, loopback)
	a, stays := newAddress(t), authtest.NewClientKey(t, "stays")
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	spelled := func(key any) string {
		text, err := json.Marshal(jose.JSONWebKey{Key: key, KeyID: "shown"})
		if err != nil {
			t.Fatal(err)
		}
		return strings.Replace(authtest.JWKS(t, stays), `{"keys":[`, `{"keys":[`+string(text)+",", 1)
	}
	a.says(spelled(public))
	wants := func(when, kids string) {
		t.Helper()
		_, _ = sets.Keys(t.Context(), "photos", a.URL, named("nowhere")) // so that the address is asked
		keys, err := sets.Keys(t.Context(), "photos", a.URL, named("stays"))
		var got []string
		for _, k := range keys {
			got = append(got, k.KeyID)
		}
		if err != nil || strings.Join(got, " ") != kids {
			t.Errorf("%s: %v, %v; want %s", when, got, err, kids)
		}
	}
	wants("before", "shown stays")
	a.says(spelled(private))
	h.Clock.Advance(keysAgainAfter)
	wants("after it was shown", "stays")
	a.serve.Store(http.HandlerFunc(http.NotFound))
	h.Clock.Advance(keysAgainAfter)
	wants("while the address is away", "stays")
}

// Two look at the same time at what is known. One of them asks the address; when the other one gets to it, that is known already.
// N435: the owner of an address takes a stolen key out by a set without it, also when it was the only one.
func TestN435ASetWithoutKeysTakesAllKeysOfAClientOut(t *testing.T) {
	for name, none := range setsWithoutKeys {
		sets, h := newKeySets(t, loopback)
		a := newAddress(t)
		wants := func(when string, count int) {
			t.Helper()
			keys, err := sets.Keys(t.Context(), "photos", a.URL, named("one"))
			if err != nil || len(keys) != count {
				t.Errorf("%s, %s: %d keys, %v; want %d", name, when, len(keys), err, count)
			}
		}
		a.says(authtest.JWKS(t, authtest.NewClientKey(t, "one")))
		wants("at first", 1)
		a.says(none)
		h.Clock.Advance(keysFreshFor)
		wants("without keys", 0)
		if !strings.Contains(h.log.String(), "the keys of a client are none") || !strings.Contains(h.log.String(), a.URL) {
			t.Errorf("%s: the log says %s", name, h.log)
		}
		a.serve.Store(http.HandlerFunc(http.NotFound))
		h.Clock.Advance(keysAgainAfter)
		if keys, err := sets.Keys(t.Context(), "photos", a.URL, named("one")); !errors.Is(err, authserver.ErrUnavailable) {
			t.Errorf("%s, and then away: %d keys, %v", name, len(keys), err)
		}
	}
}

func TestN363WhoComesLateTakesNoKeysAwayAndAsksNoMore(t *testing.T) {
	sets, h := newKeySets(t, loopback)
	a, one, two := newAddress(t), authtest.NewClientKey(t, "one"), authtest.NewClientKey(t, "two")
	uri := a.URL + "/keys"
	a.says(authtest.JWKS(t, one))
	if _, err := sets.Keys(t.Context(), "photos", uri, named("one")); err != nil {
		t.Fatal(err)
	}
	h.Clock.Advance(keysAgainAfter)
	a.says(authtest.JWKS(t, one, two))
	inBetween := sync.OnceFunc(func() {
		if keys, err := sets.Keys(t.Context(), "photos", uri, named("two")); err != nil || len(keys) != 2 {
			t.Errorf("who comes first: %d keys, %v", len(keys), err)
		}
		a.serve.Store(http.HandlerFunc(http.NotFound))
	})
	late := func(k assertion.Key) bool {
		inBetween()
		return k.KeyID == "two"
	}
	if keys, err := sets.Keys(t.Context(), "photos", uri, late); err != nil || len(keys) != 2 || a.asked.Load() != 2 {
		t.Errorf("who comes late: %d keys after %d questions, %v", len(keys), a.asked.Load(), err)
	}
	if keys, err := sets.Keys(t.Context(), "photos", uri, named("two")); err != nil || len(keys) != 2 || a.asked.Load() != 2 {
		t.Errorf("afterwards: %d keys after %d questions, %v", len(keys), a.asked.Load(), err)
	}
	h.Clock.Advance(keysAgainAfter)
	inBetween = sync.OnceFunc(func() {
		if keys, err := sets.Keys(t.Context(), "photos", uri, named("three")); !errors.Is(err, authserver.ErrUnavailable) || a.asked.Load() != 3 {
			t.Errorf("who comes first to an address that is away: %d keys after %d questions, %v", len(keys), a.asked.Load(), err)
		}
	})
	late = func(assertion.Key) bool {
		inBetween()
		return false
	}
	if keys, err := sets.Keys(t.Context(), "photos", uri, late); !errors.Is(err, authserver.ErrUnavailable) || a.asked.Load() != 3 {
		t.Errorf("who comes late to an address that is away: %d keys after %d questions, %v", len(keys), a.asked.Load(), err)
	}
}

func TestTheAddressesThatAreRememberedAreBounded(t *testing.T) {
	sets, h := newKeySets(t)
	for n := range maxKeySets + 10 {
		sets.keep(strings.Repeat("x", n), keySet{asked: h.Clock.Now()})
	}
	if len(sets.sets) > maxKeySets {
		t.Errorf("%d are remembered", len(sets.sets))
	}
}
