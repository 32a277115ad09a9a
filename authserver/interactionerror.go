// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"
)

// InteractionError is a refusal of an interaction that cannot go on, or of a decision that it does not
// take: an InteractionGone, a RequestTokenExpired or a RequestTokenUsed.
type InteractionError struct {
	refusal
	cause InteractionCause
	of    Interaction // where it has expired; zero where it is not known
}

// InteractionCause is why an interaction cannot go on.
type InteractionCause string

// The causes of an InteractionError that the engine knows.
const (
	// InteractionUnreadable was changed in the browser, belongs to another ID, or was sealed with a
	// key that is gone.
	InteractionUnreadable InteractionCause = "unreadable"
	InteractionExpired    InteractionCause = "expired"
	// AnswerUsed is an interaction that was answered before; the client has used the answer.
	AnswerUsed InteractionCause = "answered, and the answer was used"
	// AnswerExpired is one that was answered before; the client did not use the answer in time.
	AnswerExpired InteractionCause = "answered, and the answer has expired"
	// AnswerWithdrawn is one that was answered before; the owner or the client ended the access since.
	AnswerWithdrawn InteractionCause = "answered, and the access was ended since"
	// AnsweredOtherwise is a decision on an interaction that was decided otherwise before.
	AnsweredOtherwise InteractionCause = "answered otherwise before"
	// InteractionOfOtherLogin is a decision on a page that was shown in another login, or that showed
	// something else than what is asked for now. The interaction may go on: its page asks again.
	InteractionOfOtherLogin InteractionCause = "shown in another login"
	// ConsentChanged is an approval without a page while the owner changes or takes back the "always" that
	// it rests on. The interaction may go on: its page asks.
	ConsentChanged InteractionCause = "the consent has changed"
	// DecisionOfNoPage is a decision without a ticket of the interaction's page.
	DecisionOfNoPage InteractionCause = "not from the page of the request"
)

func (c InteractionCause) Error() string { return string(c) }

// NewInteractionError returns an InteractionGone with its cause.
func NewInteractionError(cause InteractionCause, description string) InteractionError {
	return InteractionError{refusal: refusal{InteractionGone, description}, cause: cause}
}

// newExpiredError returns the error of an interaction that took too long. It holds the interaction,
// so that a page can lead back to the client.
func newExpiredError(code Code, description string, i Interaction) InteractionError {
	return InteractionError{refusal{code, description}, InteractionExpired, i}
}

// Unwrap is for errors.Is.
func (e InteractionError) Unwrap() []error { return []error{e.code, e.cause} }

// Interaction returns the interaction where it has expired; false where it is not known.
func (e InteractionError) Interaction() (Interaction, bool) { return e.of, e.of.ID != "" }

// WayBack returns where an interaction that has expired would have led, for a link that a person may
// follow. ok is false if there is no such place any more, if its state did not come along, if the person
// answered the request before, or if that is too long ago to be known.
// Where a request token leads is told only to a person who has logged in.
func (s *Server) WayBack(ctx context.Context, e InteractionError, v *Visitor) (to Return, ok bool) {
	i, expired := e.Interaction()
	if !expired || i.StateApart || i.RequestToken != "" && v == nil {
		return Return{}, false
	}
	if s.now().Sub(i.StartedAt) >= InteractionLifetime+ProofMemory {
		return Return{}, false // nothing is known any more of an answer
	}
	r, err := s.resolveOfAnyAge(i)
	if err != nil || v == nil {
		return r.to, err == nil
	}
	id, err := r.grantID(v.Owner.Subject)
	if err != nil {
		return Return{}, false
	}
	_, err = s.store.Grant(ctx, id)
	return r.to, errors.Is(err, ErrNotFound)
}

// newInteractionID makes the ID of an interaction: a random name, and the time when it was begun. So
// the server can tell an interaction that is too old without its cookie.
func (s *Server) newInteractionID() string {
	return s.newID() + "-" + strconv.FormatInt(s.now().Unix(), 36)
}

// BegunAt returns when the interaction with this ID was begun; false if it is no such ID. Nothing
// proves that the time is true.
func BegunAt(id string) (time.Time, bool) {
	cut := strings.LastIndexByte(id, '-')
	if cut < 0 {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseInt(id[cut+1:], 36, 64)
	if err != nil || seconds <= 0 || seconds > maxUnixTime {
		return time.Time{}, false
	}
	return time.Unix(seconds, 0), true
}

// maxUnixTime is the end of the year 9999.
const maxUnixTime = 253402300799
