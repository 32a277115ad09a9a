// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/sync/singleflight"
	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

const (
	// reviewedFor is how long it is believed that a token is good: so long works one whose Pod or ServiceAccount is gone.
	reviewedFor = 5 * time.Minute
	// reviewedAheadAfter is when the API server is asked again about a token that is used, while nobody waits.
	reviewedAheadAfter = 4 * time.Minute
	// reviewedInOutage is the same while the API server gives no answers.
	reviewedInOutage = 10 * time.Minute
)

// TokenAsker asks the API server whose a token is. The Reviews of package admin are one.
type TokenAsker interface {
	Token(ctx context.Context, review *authenticationv1.TokenReview) (*authenticationv1.TokenReview, error)
}

// TokensConfig is what Tokens are made of.
type TokensConfig struct {
	Asker TokenAsker
	Log   *slog.Logger
	// Now tells the time. Default: time.Now.
	Now func() time.Time
}

// Tokens knows whose tokens of ServiceAccounts are, by TokenReview. It implements authserver.TokenReviewer; its methods may be called
// in parallel. It remembers whom a good token is of, and of a bad one nothing.
type Tokens struct {
	asker TokenAsker
	log   *slog.Logger
	now   func() time.Time

	known  *cache[proven]
	outage outage
	flight singleflight.Group
	turns  *turns
}

// proven is whose a token is.
type proven struct {
	username, uid string
	at            time.Time // when it was asked
}

// NewTokens returns Tokens that have asked nothing yet.
func NewTokens(c TokensConfig) *Tokens {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Tokens{asker: c.Asker, log: c.Log, now: c.Now, known: newCache[proven](maxAnswers), turns: newTurns(c.Now)}
}

// Review returns whose the token is, for the audience alone. Without an answer, and without one that is at most ten minutes old, the
// error wraps authserver.ErrUnavailable. Nothing is believed after the token's end. Who comes with a token that is known to be good waits
// for no question for five minutes, nor while it is known that the API server does not answer.
func (t *Tokens) Review(ctx context.Context, question authserver.TokenQuestion) (username, uid string, err error) {
	k := key(sha256.Sum256([]byte(question.Audience + "\x00" + question.Token)))
	now := t.now()
	if !now.Before(question.Ends) {
		return "", "", nil
	}
	found, ok := t.known.get(k)
	age := now.Sub(found.at)
	ok = ok && age >= 0
	if ok && age < reviewedAheadAfter {
		return found.username, found.uid, nil
	}
	if ok && age < reviewedInOutage {
		down, probe := t.outage.on(now)
		if probe || !down && age < reviewedFor {
			t.begin(ctx, k, question) // and nobody waits for it
		}
		if down || age < reviewedFor {
			return found.username, found.uid, nil
		}
	}
	asked, err := t.ask(ctx, k, question)
	switch {
	case err == nil:
		return asked.username, asked.uid, nil
	case ok && age < reviewedInOutage:
		t.log.WarnContext(ctx, "the API server gave no answer about a token of a ServiceAccount; an older answer is used", "account", found.username, "age", age, "err", err)
		return found.username, found.uid, nil
	}
	return "", "", fmt.Errorf("review a token: %w: %w", authserver.ErrUnavailable, err)
}

// begin asks the API server, once for all who bring the same token at the same time. A caller who leaves does not take the question
// along: it ends by its own timeout.
func (t *Tokens) begin(ctx context.Context, k key, question authserver.TokenQuestion) <-chan singleflight.Result {
	return t.flight.DoChan(string(k[:]), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
		defer cancel()
		at := t.now() // the answer is as old as the question
		who, err := t.review(ctx, question)
		switch changed := t.outage.ended(err, t.now()); {
		case changed && err != nil:
			t.log.WarnContext(ctx, "the API server does not answer about tokens of ServiceAccounts", "err", err)
		case changed:
			t.log.InfoContext(ctx, "the API server answers about tokens of ServiceAccounts again")
		}
		if err != nil {
			return proven{}, err
		}
		if who.username == "" {
			t.known.remove(k) // a token that was good and is bad now does not come back in an outage
			return who, nil
		}
		who.at = at
		t.known.put(k, who)
		return who, nil
	})
}

// ask asks the API server and waits for its answer.
func (t *Tokens) ask(ctx context.Context, k key, question authserver.TokenQuestion) (proven, error) {
	select {
	case result := <-t.begin(ctx, k, question):
		who, _ := result.Val.(proven)
		return who, result.Err
	case <-ctx.Done():
		return proven{}, context.Cause(ctx)
	}
}

func (t *Tokens) review(ctx context.Context, question authserver.TokenQuestion) (who proven, err error) {
	err = t.turns.ask(ctx, question.Namespace, func() (refused bool, err error) {
		answer, err := t.asker.Token(ctx, &authenticationv1.TokenReview{
			Spec: authenticationv1.TokenReviewSpec{Token: question.Token, Audiences: []string{question.Audience}},
		})
		if err != nil {
			return false, err
		}
		s := answer.Status
		if s.Authenticated && slices.Contains(s.Audiences, question.Audience) { // a server that does not know audiences names none
			who = proven{username: s.User.Username, uid: s.User.UID}
		}
		return who.username == "", nil
	})
	return who, err
}
