// SPDX-License-Identifier: Apache-2.0

// Package access asks the API server: who may use a client (it implements authserver.Entitlement by
// SubjectAccessReview), and whose a token of a ServiceAccount is (tokens.go: authserver.TokenReviewer by TokenReview).
//
// The question is: may the user <prefix><name> with the groups <prefix><group> do the verb
// authorize on this oauthclients object? So a RoleBinding entitles, and this command tells
// why somebody is or is not:
//
//	kubectl auth can-i authorize oauthclients.gatehouse.dev/photoprint -n photos --as=gatehouse:bob
//
// An answer about entitlement is used for ten seconds. When the API server cannot be reached, callers that
// may use an older one get it, up to the age they name. Only the caller who finds out waits.
//
//	access.go    the question, and the rules about whose turn it is
//	cache.go     the answers: bounded in number and age
//	outage.go    what to do while the API server is silent
//	reviewer.go  how a question gets to the API server
//	tokens.go    whose a token of a ServiceAccount is: it implements authserver.TokenReviewer
//	turns.go     how many questions about tokens are asked for one namespace, and how many of them may be refused
package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// DefaultPrefix stands before the names of owners and groups, so that no owner is ever
// taken for a user of the cluster.
const DefaultPrefix = "gatehouse:"

const (
	// freshFor is how long an answer is used without asking again.
	freshFor = 10 * time.Second
	// askTimeout bounds one question, the wait for its turn included.
	askTimeout = 3 * time.Second
	// maxParallel bounds the questions that are with the API server at a time.
	maxParallel = 64
)

// Reviewer asks the API server one question. The typed client's SubjectAccessReviews and
// what NewReviewer returns are Reviewers.
type Reviewer interface {
	Create(ctx context.Context, review *authorizationv1.SubjectAccessReview, opts metav1.CreateOptions) (*authorizationv1.SubjectAccessReview, error)
}

// Config is what an Entitlement is made of.
type Config struct {
	Reviewer Reviewer
	Log      *slog.Logger
	// Prefix stands before the names of owners and groups; usually DefaultPrefix.
	Prefix string
	// Observer follows the questions; nil: nobody does.
	Observer Observer
	// Now tells the time. Default: time.Now.
	Now func() time.Time
}

// Observer follows the questions to the API server. Its methods return at once.
type Observer interface {
	// Asked is called after each question: with the time that it took, and the answer or why there is none.
	Asked(took time.Duration, allowed bool, err error)
	// Stale is called when an older answer is used because the API server gives none.
	Stale()
}

type noObserver struct{}

func (noObserver) Asked(time.Duration, bool, error) {}
func (noObserver) Stale()                           {}

// Entitlement knows which owner may use which client, by asking the API server. It
// implements authserver.Entitlement; its methods may be called in parallel.
type Entitlement struct {
	reviewer Reviewer
	log      *slog.Logger
	prefix   string
	observer Observer
	now      func() time.Time

	cache  *cache[answer]
	outage outage
	flight singleflight.Group
	slots  chan struct{}
}

// New returns an Entitlement that has asked nothing yet.
func New(c Config) *Entitlement {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Observer == nil {
		c.Observer = noObserver{}
	}
	return &Entitlement{
		reviewer: c.Reviewer, log: c.Log, prefix: c.Prefix, observer: c.Observer, now: c.Now,
		cache: newCache[answer](maxAnswers), slots: make(chan struct{}, maxParallel),
	}
}

// Entitled reports whether the owner may use the client. An answer that is at most ten
// seconds old is used at once; when there is none and the API server gives none, one that
// is at most stale old is used; without one the error wraps authserver.ErrUnavailable.
func (e *Entitlement) Entitled(ctx context.Context, o authserver.Owner, c *authserver.Client, stale time.Duration) (bool, error) {
	subject, err := e.subject(o)
	if err != nil {
		e.log.WarnContext(ctx, "owner is entitled to nothing", "client", c.ID, "err", err)
		return false, nil
	}
	key := keyOf(subject, c.UID)
	known, old := e.cache.get(key)
	age := e.now().Sub(known.at)
	usable := old && age >= 0 && age <= stale
	if old && age >= 0 && age < freshFor {
		return known.allowed, nil
	}
	if usable {
		down, probe := e.outage.on(e.now())
		if probe {
			e.begin(ctx, key, subject, c) // and nobody waits for it
		}
		if down {
			e.observer.Stale()
			return known.allowed, nil
		}
	}
	allowed, err := e.ask(ctx, key, subject, c)
	if err == nil {
		return allowed, nil
	}
	if usable {
		e.observer.Stale()
		e.log.WarnContext(ctx, "the API server gave no answer about an entitlement; an older answer is used", "client", c.ID, "age", age, "err", err)
		return known.allowed, nil
	}
	return false, err
}

// subject is who is asked about, in the names of the API server.
type subject struct {
	user   string
	groups []string
}

// subject returns the names of the owner. It fails for names that are the cluster's own:
// with another prefix, or none, they would give somebody else's rights.
func (e *Entitlement) subject(o authserver.Owner) (subject, error) {
	if o.Name == "" {
		return subject{}, errors.New("the owner has no name")
	}
	s := subject{user: e.prefix + o.Name}
	for _, group := range o.Groups {
		s.groups = append(s.groups, e.prefix+group)
	}
	reserved := func(name string) bool { return strings.HasPrefix(name, "system:") }
	if reserved(s.user) || slices.ContainsFunc(s.groups, reserved) {
		return subject{}, errors.New("the name of the owner or of a group begins with system:, which is the cluster's")
	}
	return s, nil
}

// begin asks the API server, once for all who want the same answer at the same time. A
// caller who leaves does not take the question along: it ends by its own timeout.
func (e *Entitlement) begin(ctx context.Context, key key, s subject, c *authserver.Client) <-chan singleflight.Result {
	return e.flight.DoChan(string(key[:]), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
		defer cancel()
		at := e.now() // the answer is as old as the question
		allowed, err := e.review(ctx, s, c)
		e.observer.Asked(e.now().Sub(at), allowed, err)
		e.ended(ctx, err)
		if err != nil {
			return false, err
		}
		e.cache.put(key, answer{allowed: allowed, at: at})
		return allowed, nil
	})
}

// ended notes what became of a question, and logs when an outage begins or ends.
func (e *Entitlement) ended(ctx context.Context, err error) {
	switch changed := e.outage.ended(err, e.now()); {
	case changed && err != nil:
		e.log.WarnContext(ctx, "the API server does not answer about entitlements; older answers are used where that is allowed", "err", err)
	case changed:
		e.log.InfoContext(ctx, "the API server answers about entitlements again")
	}
}

// ask asks the API server and waits for its answer.
func (e *Entitlement) ask(ctx context.Context, key key, s subject, c *authserver.Client) (bool, error) {
	answered := e.begin(ctx, key, s, c)
	select {
	case result := <-answered:
		if result.Err != nil {
			return false, fmt.Errorf("review access: %w: %w", authserver.ErrUnavailable, result.Err)
		}
		return result.Val.(bool), nil
	case <-ctx.Done():
		return false, fmt.Errorf("review access: %w: %w", authserver.ErrUnavailable, context.Cause(ctx))
	}
}

func (e *Entitlement) review(ctx context.Context, s subject, c *authserver.Client) (bool, error) {
	select {
	case e.slots <- struct{}{}:
		defer func() { <-e.slots }()
	case <-ctx.Done():
		return false, fmt.Errorf("%w: wait for a turn: %w", errNotAsked, context.Cause(ctx))
	}
	review, err := e.reviewer.Create(ctx, &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{
			User: s.user, Groups: s.groups,
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Verb: "authorize", Group: "gatehouse.dev", Resource: "oauthclients", Namespace: c.Namespace, Name: c.Name,
			},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return false, err
	}
	if review.Status.EvaluationError != "" && !review.Status.Allowed {
		// RBAC says so for a binding to a role that is gone. It is still an answer.
		e.log.WarnContext(ctx, "the API server could not evaluate every rule of RBAC", "client", c.ID, "err", review.Status.EvaluationError)
	}
	return review.Status.Allowed && !review.Status.Denied, nil
}
