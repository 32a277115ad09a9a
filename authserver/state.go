// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-dev/gatehouse/internal/callback"
)

// A client's state is opaque: it comes back byte for byte, or the request is refused.
const (
	// MaxState is the longest state in bytes that a request may have.
	MaxState = 4096
	// maxReturnedState is the longest one that the refusal of a longer one takes along. Servers that are
	// given a longer address than about 8 KiB refuse it in their turn.
	maxReturnedState = 8192
	// maxSealedState is the longest state that is sealed together with its interaction.
	maxSealedState = 512
)

// checkState refuses what is too long to be kept, and what is no text: RFC 6749 appendix A.5 has printable
// ASCII alone, and JSON, HTML and most languages' strings cannot hold other bytes than UTF-8 unchanged.
func checkState(state string) Refusal {
	switch {
	case !utf8.ValidString(state):
		return NewParameterError(ParameterMalformed, "state is no UTF-8 text", "state")
	case len(state) > MaxState:
		return NewParameterError(ParameterMalformed, "state is longer than 4096 bytes", "state")
	}
	return nil
}

// checkFormPost refuses what no form could bring back: an answer to a native application, which is given an address and no
// body, and a state that a browser would change in a form.
func (i Interaction) checkFormPost() Refusal {
	switch {
	case !i.FormPost:
		return nil
	case callback.Classify(i.Callback) == callback.PrivateUse:
		return Refuse(InvalidRequest, "response_mode must be query for a callback with a scheme of the application's own")
	case strings.ContainsFunc(i.State, unicode.IsControl):
		return NewParameterError(ParameterMalformed, "state must not hold control characters with response_mode form_post", "state")
	}
	return nil
}

// returnedState is what a refusal takes along of the state: all of it, or nothing. Part of it would be
// another value.
func returnedState(state string) string {
	if !utf8.ValidString(state) || len(state) > maxReturnedState {
		return ""
	}
	return state
}

// stateIsApart reports whether the state is too long to be sealed together with its interaction. The
// cookie of each interaction comes with every request of the browser, so it stays small.
// What counts is its length in JSON, where some characters take six bytes.
func stateIsApart(state string) bool {
	text, err := json.Marshal(state)
	return err != nil || len(text) > maxSealedState+len(`""`)
}

// SealState returns the state of an interaction in pieces, each for a cookie of its own; none if the
// state is sealed together with the interaction.
func (s *Server) SealState(i Interaction) ([]string, error) {
	if !stateIsApart(i.State) {
		return nil, nil
	}
	keys, err := s.currentKeys()
	if err != nil {
		return nil, err
	}
	sealed := base64.RawURLEncoding.EncodeToString(keys.seal(forState, s.now(), []byte(i.ID+"\x00"+i.State)))
	var pieces []string
	for piece := range slices.Chunk([]byte(sealed), MaxSealedInteraction) {
		pieces = append(pieces, string(piece))
	}
	return pieces, nil
}

// MaxStatePieces is how many pieces the longest state has.
const MaxStatePieces = 2

// withState returns the interaction with its state, from the pieces that the browser kept.
func (k *Keys) withState(i Interaction, pieces []string) (Interaction, error) {
	gone := NewInteractionError(InteractionUnreadable, "the state of the request cannot be read")
	sealed := strings.Join(pieces, "")
	raw, ok := decode(sealed)
	if !ok || len(sealed) > MaxStatePieces*MaxSealedInteraction {
		return Interaction{}, gone
	}
	plain, err := k.open(forState, raw)
	if err != nil {
		return Interaction{}, gone
	}
	id, state, _ := strings.Cut(string(plain), "\x00")
	if id != i.ID {
		return Interaction{}, gone
	}
	i.State, i.StateApart = state, false
	return i, nil
}
