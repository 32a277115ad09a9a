// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

const (
	// answerTime is how long an answer of the API server is used.
	answerTime = 10 * time.Second
	// maxAnswers bounds the answers that are kept, of each kind.
	maxAnswers = 1024
	// reviewTime bounds a question to the API server, and maxReviews how many it has at a time.
	reviewTime = 5 * time.Second
	maxReviews = 8
	// maxToken bounds a caller's token in bytes. That of a ServiceAccount has about 1,200.
	maxToken = 8 << 10
)

// caller is a user of the cluster.
type caller struct {
	name, uid string
	groups    []string
	extra     map[string]authorizationv1.ExtraValue
}

// callers knows who calls and what they may do, by asking the API server.
type callers struct {
	reviews  Reviews
	audience string
	slots    chan struct{}
	tokens   *answers[caller]
	access   *answers[bool]
}

func newCallers(r Reviews, audience string, now func() time.Time) *callers {
	return &callers{reviews: r, audience: audience, slots: make(chan struct{}, maxReviews), tokens: newAnswers[caller](now), access: newAnswers[bool](now)}
}

var (
	errNoToken    = failure{http.StatusUnauthorized, "Unauthorized", "send one header Authorization: Bearer TOKEN, with a token of Kubernetes"}
	errWrongToken = failure{http.StatusUnauthorized, "Unauthorized", "the token is not accepted: it must be one of Kubernetes, not expired, and made for the audience of this endpoint"}
)

// authenticate returns who sent the request.
func (c *callers) authenticate(r *http.Request) (caller, error) {
	header := r.Header.Values("Authorization")
	if len(header) != 1 {
		return caller{}, errNoToken
	}
	scheme, token, _ := strings.Cut(header[0], " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > maxToken || !isToken(token) {
		return caller{}, errNoToken
	}
	if authserver.IsOwnToken(token) { // somebody's secret, which is nobody else's business
		return caller{}, errWrongToken
	}
	key := sha256.Sum256([]byte(token))
	if who, known := c.tokens.get(key); known {
		return who, who.refused()
	}
	var who caller
	err := c.ask(r.Context(), "who calls", func(ctx context.Context) error {
		review, err := c.reviews.Token(ctx, &authenticationv1.TokenReview{
			Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: []string{c.audience}},
		})
		if err == nil {
			who = callerOf(review.Status, c.audience)
		}
		return err
	})
	if err != nil {
		return caller{}, err
	}
	c.tokens.put(key, who)
	return who, who.refused()
}

// callerOf returns who a review names, or nobody. A server that does not know audiences answers without one.
func callerOf(s authenticationv1.TokenReviewStatus, audience string) caller {
	if !s.Authenticated || !slices.Contains(s.Audiences, audience) || s.User.Username == "" {
		return caller{}
	}
	who := caller{name: s.User.Username, uid: s.User.UID, groups: s.User.Groups, extra: map[string]authorizationv1.ExtraValue{}}
	for key, value := range s.User.Extra {
		who.extra[key] = authorizationv1.ExtraValue(value)
	}
	return who
}

func (c caller) refused() error {
	if c.name == "" {
		return errWrongToken
	}
	return nil
}

// isToken reports whether text can be a token (RFC 6750 §2.1).
func isToken(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		return (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z') && !strings.ContainsRune("-._~+/=", r)
	})
}

// allow returns nil if the caller may do it.
func (c *callers) allow(ctx context.Context, who caller, what authorizationv1.ResourceAttributes) error {
	spec := authorizationv1.SubjectAccessReviewSpec{User: who.name, UID: who.uid, Groups: who.groups, Extra: who.extra, ResourceAttributes: &what}
	text, err := json.Marshal(spec)
	if err != nil {
		return fmt.Errorf("spell a question to the API server: %w", err)
	}
	key := sha256.Sum256(text)
	allowed, known := c.access.get(key)
	if !known {
		err := c.ask(ctx, "what a caller may do", func(ctx context.Context) error {
			review, err := c.reviews.Access(ctx, &authorizationv1.SubjectAccessReview{Spec: spec})
			if err == nil {
				allowed = review.Status.Allowed && !review.Status.Denied
			}
			return err
		})
		if err != nil {
			return err
		}
		c.access.put(key, allowed)
	}
	if !allowed {
		where := "in the whole cluster"
		if what.Namespace != "" {
			where = "in namespace " + what.Namespace
		}
		return failure{http.StatusForbidden, "Forbidden", fmt.Sprintf("%s may not %s oauthclients/%s in the group %s %s",
			who.name, what.Verb, what.Subresource, what.Group, where)}
	}
	return nil
}

// ask waits for a turn and asks the API server. Without an answer the error wraps authserver.ErrUnavailable.
func (c *callers) ask(ctx context.Context, about string, question func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, reviewTime)
	defer cancel()
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return fmt.Errorf("wait to ask the API server %s: %w: %w", about, authserver.ErrUnavailable, context.Cause(ctx))
	}
	if err := question(ctx); err != nil {
		return fmt.Errorf("ask the API server %s: %w: %w", about, authserver.ErrUnavailable, err)
	}
	return nil
}

// answers keeps what the API server said, for answerTime and no more than maxAnswers.
type answers[V any] struct {
	now func() time.Time

	mu  sync.Mutex
	all map[[sha256.Size]byte]kept[V]
}

type kept[V any] struct {
	value V
	at    time.Time
}

func newAnswers[V any](now func() time.Time) *answers[V] {
	return &answers[V]{now: now, all: map[[sha256.Size]byte]kept[V]{}}
}

func (a *answers[V]) get(key [sha256.Size]byte) (V, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	found, ok := a.all[key]
	if age := a.now().Sub(found.at); !ok || age < 0 || age >= answerTime {
		delete(a.all, key)
		var none V
		return none, false
	}
	return found.value, true
}

// put keeps an answer. When there is no room, what is too old goes, and everything if nothing is.
func (a *answers[V]) put(key [sha256.Size]byte, value V) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	if len(a.all) >= maxAnswers {
		for other, k := range a.all {
			if age := now.Sub(k.at); age < 0 || age >= answerTime {
				delete(a.all, other)
			}
		}
		if len(a.all) >= maxAnswers {
			clear(a.all)
		}
	}
	a.all[key] = kept[V]{value, now}
}
