// SPDX-License-Identifier: Apache-2.0

package authserver_test

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// states are values of the lengths and kinds that clients send: sealed sessions, JSON, addresses.
func states(t *testing.T) map[string]string {
	t.Helper()
	random := make([]byte, authserver.MaxState*3/4)
	if _, err := rand.Read(random); err != nil {
		t.Fatal(err)
	}
	longest := base64.RawURLEncoding.EncodeToString(random)
	return map[string]string{
		"none": "", "short": "af0ifjsldkj", "512 bytes": longest[:512], "513 bytes": longest[:513], "2,000 bytes": longest[:2000],
		"the longest": longest, "quotes and markup": strings.Repeat(`"<&>'\`, authserver.MaxState/6), "emoji": strings.Repeat("😀", authserver.MaxState/4),
		"control characters": "a\x00b\r\nc\x7f\u2028\ufeff", "the replacement character": "\ufffd", "percent-encoded twice": "%2520%00+ +", "an accent of two characters": "e\u0301",
	}
}

// kept seals an interaction and opens what a browser kept of it.
func (s *fixture) kept(i authserver.Interaction) (authserver.Interaction, string, []string) {
	s.t.Helper()
	sealed, err := s.Auth.SealInteraction(i)
	if err != nil {
		s.t.Fatal(err)
	}
	pieces, err := s.Auth.SealState(i)
	if err != nil {
		s.t.Fatal(err)
	}
	whole, err := s.Auth.OpenInteraction(i.ID, sealed, pieces...)
	if err != nil {
		s.t.Fatal(err)
	}
	return whole, sealed, pieces
}

func TestN144AStateComesBackByteForByte(t *testing.T) {
	s := newFixture(t)
	for name, state := range states(t) {
		t.Run(name, func(t *testing.T) {
			r := photoPrint()
			r.State = state
			whole, sealed, pieces := s.kept(s.begin(r))
			if whole.State != state || whole.Return().State != state {
				t.Errorf("%d bytes come back as %d", len(state), len(whole.State))
			}
			if len(sealed) > 2000 || len(pieces) > authserver.MaxStatePieces || (len(pieces) > 0) != (len(state) > 512) {
				t.Errorf("%d bytes take a cookie of %d bytes and %d pieces", len(state), len(sealed), len(pieces))
			}
			for _, piece := range pieces {
				if len(piece) > authserver.MaxSealedInteraction {
					t.Errorf("a piece has %d bytes", len(piece))
				}
			}
		})
	}
}

func TestN144AStateThatCannotComeBackIsRefusedAndNeverChanged(t *testing.T) {
	s := newFixture(t)
	for name, tc := range map[string]struct {
		state, returned string
		text            string
	}{
		"one byte too long":                {strings.Repeat("s", 4097), strings.Repeat("s", 4097), "4096 bytes"},
		"as long as a refusal takes along": {strings.Repeat("s", 8192), strings.Repeat("s", 8192), "4096 bytes"},
		"longer":                           {strings.Repeat("s", 8193), "", "4096 bytes"},
		"no UTF-8":                         {"\xff\xfex", "", "UTF-8"},
		"half a character at the end":      {"state\xc3", "", "UTF-8"},
		"a surrogate":                      {"\xed\xa0\x80", "", "UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			r := photoPrint()
			r.State = tc.state
			_, err := s.Auth.Authorize(t.Context(), r)
			wantCode(t, err, authserver.InvalidRequest)
			e, ok := errors.AsType[authserver.ReturnError](err)
			if !ok || e.Return().State != tc.returned || e.Return().Callback != authtest.PhotoPrintCallback || !strings.Contains(e.Description(), tc.text) {
				t.Errorf("%v, returns a state of %d bytes, want %d", err, len(e.Return().State), len(tc.returned))
			}
			if fault, ok := errors.AsType[authserver.ParameterError](err); !ok || fault.Names()[0] != "state" {
				t.Errorf("the error does not name state: %v", err)
			}
		})
	}
}

// An answer without the client's state would be an answer to nobody's question (RFC 6749 §10.12).
func TestN144AnInteractionGoesOnWithItsOwnStateOnly(t *testing.T) {
	s := newFixture(t)
	r := photoPrint()
	r.State = states(t)["the longest"]
	i := s.begin(r)
	_, sealed, pieces := s.kept(i)
	_, _, others := s.kept(s.begin(r))
	bob := s.bob()
	opened, err := s.Auth.OpenInteraction(i.ID, sealed)
	if err != nil || opened.State != "" || !opened.StateApart {
		t.Fatalf("%+v, %v", opened, err)
	}
	if _, err := s.Auth.Next(t.Context(), opened, bob); !errors.Is(err, authserver.InteractionGone) {
		t.Errorf("without its state it goes on: %v", err)
	}
	for name, wrong := range map[string][]string{
		"one of two": pieces[:1], "the second": pieces[1:], "in the wrong order": {pieces[1], pieces[0]}, "those of another interaction": others,
		"one of another": {pieces[0], others[1]}, "the interaction itself": {sealed}, "more": append(pieces, pieces...),
	} {
		if got, err := s.Auth.OpenInteraction(i.ID, sealed, wrong...); !errors.Is(err, authserver.InteractionGone) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, err := s.Auth.OpenInteraction(i.ID, strings.Join(pieces, "")); err == nil {
		t.Error("a state passes for an interaction")
	}
	whole, err := s.Auth.OpenInteraction(i.ID, sealed, pieces...)
	if err != nil || whole.State != r.State {
		t.Fatalf("with its own: %v", err)
	}
	s.next(whole, bob)

	s.Clock.Advance(authserver.InteractionLifetime)
	_, err = s.Auth.OpenInteraction(i.ID, sealed, pieces...)
	expired, ok := errors.AsType[authserver.InteractionError](err)
	if !ok {
		t.Fatalf("after its time: %v", err)
	}
	if to, known := s.Auth.WayBack(t.Context(), expired, nil); !known || to.State != r.State {
		t.Errorf("the way back has a state of %d bytes", len(to.State))
	}
	_, err = s.Auth.OpenInteraction(i.ID, sealed)
	if without, ok := errors.AsType[authserver.InteractionError](err); ok {
		if _, known := s.Auth.WayBack(t.Context(), without, nil); known {
			t.Error("a way back leads to the client without its state")
		}
	}
	s.Clock.Advance(authserver.ProofMemory)
	if _, known := s.Auth.WayBack(t.Context(), expired, nil); known {
		t.Error("a way back is offered when it is not known any more whether the request was answered")
	}
}

// Some characters take six bytes in JSON, and the cookie of an interaction has room for some of them only.
func TestN144AStateOfEscapedCharactersFitsWhateverItsLength(t *testing.T) {
	s := newFixture(t)
	for n := 50; n <= authserver.MaxState; n += 77 {
		r := photoPrint()
		r.State = strings.Repeat("&", n)
		i := s.begin(r)
		_, sealed, pieces := s.kept(i)
		if got, err := s.Auth.OpenInteraction(i.ID, sealed, pieces...); err != nil || got.State != r.State {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
}
