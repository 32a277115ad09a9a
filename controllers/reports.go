// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/adminapi"
)

const (
	// pollInterval is how often the authorization server is asked, and firstRetry when again after a failure: twice as long
	// each time, until it is pollInterval.
	pollInterval = 15 * time.Minute
	firstRetry   = 15 * time.Second
	// usageAge is how old the last answer of the server may be for LastUsed. The server writes every few minutes.
	usageAge = time.Hour
	// countingAge is how long ago a server may have written uses at most. Older: nothing of what is missing means anything.
	countingAge = 6 * time.Hour
	// idTokenAge is how long ago an ID token was issued at most. The server keeps the largest one until another one comes, and to a
	// client that does not ask for the scope openid any more none comes.
	idTokenAge = 7*24*time.Hour + usedWithin
	// reportEvery is how often what a status says of the use of a client may change.
	reportEvery = 24 * time.Hour
	// maxReported bounds the clients and resource servers that are remembered.
	maxReported = 200_000
	// maxReportedCredentials bounds the credentials of one of them. Of one that has more, the last uses are not known.
	maxReportedCredentials = 1000
)

// UsageSource reads what the authorization server remembers of the use of all clients, page by page. adminapi.Client is one.
type UsageSource interface {
	Usage(ctx context.Context, each func(adminapi.UsagePage) error) error
}

// Reports asks the authorization server how clients are used, and has their status say what people should know of it
// (DESIGN section 13, Reports). The leader asks, once for all clients. While the server is away, what was said stays.
type Reports struct {
	// Client reads OAuthClients from the cache.
	Client client.Client
	Source UsageSource
	Class  v1alpha1.ClassName
	// IdleAfter is after how long without a use a client is told that it is idle.
	IdleAfter time.Duration
	// Wake has the object reconciled.
	Wake func(objectRef)
	// Now is the clock.
	Now func() time.Time

	metrics pollMetrics

	mu      sync.Mutex
	seen    map[types.UID]*seen
	polled  time.Time // when seen was read; zero: never
	counted adminapi.Counting
	answers map[types.UID]report
	// waits are the clients whose status changed less than reportEvery ago.
	waits   map[types.UID]bool
	changed map[types.UID]time.Time
}

var _ Usage = (*Reports)(nil)

// seen is what the server remembers of one client or resource server.
type seen struct {
	used, challenged, unchallenged time.Time
	idTokenBytes                   int64
	credentials                    map[string]time.Time
	tooMany                        bool // credentials: none of them is kept
}

// Start polls until ctx ends. Only the leader runs it.
func (r *Reports) Start(ctx context.Context) error {
	log := ctrl.Log.WithName("reports")
	failures := 0
	for {
		wait := pollInterval
		if err := r.poll(ctx); err != nil && ctx.Err() == nil {
			wait = min(pollInterval, firstRetry<<min(failures, 10))
			if failures == 0 {
				log.Error(err, "The authorization server does not say how clients are used. Their status stays as it is, and it is asked again.")
			}
			failures++
		} else if failures > 0 {
			log.Info("The authorization server says again how clients are used.")
			failures = 0
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
}

// poll asks once and takes in the answer. Where only half of it came, nothing of it counts.
func (r *Reports) poll(ctx context.Context) error {
	all, counting, err := r.read(ctx)
	if err == nil && counting == nil {
		err = errors.New("the server has not counted yet")
	}
	if err == nil && r.Now().Sub(counting.Until) > countingAge {
		err = fmt.Errorf("no server has written since %s which credentials are used: look at its log and its store", counting.Until.UTC().Format(time.RFC3339))
	}
	r.metrics.polled(r.Now(), err)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.seen, r.polled, r.counted = all, r.Now(), *counting
	r.mu.Unlock()
	return r.evaluate(ctx, counting.Since)
}

func (r *Reports) read(ctx context.Context) (all map[types.UID]*seen, counting *adminapi.Counting, err error) {
	all = map[types.UID]*seen{}
	err = r.Source.Usage(ctx, func(page adminapi.UsagePage) error {
		if page.Counting != nil {
			counting = page.Counting
		}
		for n := range page.Items {
			if err := take(all, &page.Items[n], r.Now()); err != nil {
				return err
			}
		}
		return nil
	})
	return all, counting, err
}

// take adds an entry to what was read at now.
func take(all map[types.UID]*seen, u *adminapi.ClientUsage, now time.Time) error {
	s := all[types.UID(u.UID)]
	if s == nil {
		if len(all) >= maxReported {
			return fmt.Errorf("the report names more than %d clients", maxReported)
		}
		s = &seen{}
		all[types.UID(u.UID)] = s
	}
	s.used = latest(s.used, &u.LastUsed)
	if u.PKCE != nil {
		s.challenged, s.unchallenged = latest(s.challenged, u.PKCE.LastChallenged), latest(s.unchallenged, u.PKCE.LastUnchallenged)
	}
	if u.IDToken != nil && now.Sub(u.IDToken.IssuedAt) <= idTokenAge {
		s.idTokenBytes = max(s.idTokenBytes, u.IDToken.Bytes)
	}
	s.take(u.Credentials)
	return nil
}

// take adds credentials. Whoever has too many of them loses the last uses of their own: no other client is to miss its report.
func (s *seen) take(credentials []adminapi.CredentialUsage) {
	for _, c := range credentials {
		switch _, there := s.credentials[c.ID]; {
		case s.tooMany:
			return
		case !there && len(s.credentials) == maxReportedCredentials:
			s.credentials, s.tooMany = nil, true
			return
		case s.credentials == nil:
			s.credentials = make(map[string]time.Time, min(len(credentials), maxReportedCredentials))
		}
		s.credentials[c.ID] = latest(s.credentials[c.ID], &c.LastUsed)
	}
}

func latest(a time.Time, b *time.Time) time.Time {
	if b != nil && b.After(a) {
		return *b
	}
	return a
}

// LastUsed is part of Usage.
func (r *Reports) LastUsed(uid types.UID, credentialID string) (last LastUse, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.polled.IsZero() || r.Now().Sub(r.polled) > usageAge {
		return LastUse{}, false
	}
	last.Since, last.Until = r.counted.Since, r.counted.Until
	if s := r.seen[uid]; s != nil {
		if s.tooMany {
			return LastUse{}, false
		}
		last.At = s.credentials[credentialID]
	}
	return last, true
}

// of returns what is to be said of the object. known is false while that is not known: then what its status says stays. Without
// Reports nothing is to be said.
func (r *Reports) of(uid types.UID) (what report, known bool) {
	if r == nil {
		return report{}, true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.answers == nil {
		return report{}, false
	}
	what, answered := r.answers[uid]
	return what, answered || !r.waits[uid]
}

// evaluate answers for each client anew, and wakes those whose answer is another one.
func (r *Reports) evaluate(ctx context.Context, counting time.Time) error {
	list := &v1alpha1.OAuthClientList{}
	if err := r.Client.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list the OAuthClients: %w", err)
	}
	var wake []objectRef
	r.mu.Lock()
	next := answering{now: r.Now(), answers: map[types.UID]report{}, waits: map[types.UID]bool{}, changed: map[types.UID]time.Time{}}
	for n := range list.Items {
		oc := &list.Items[n]
		if oc.Spec.ClassName != r.Class || !oc.DeletionTimestamp.IsZero() {
			continue
		}
		if next.take(r, oc, reportOf(oc, r.seen[types.UID(oc.Identity())], counting, next.now, r.IdleAfter)) {
			wake = append(wake, objectRef{kind: v1alpha1.KindOAuthClient, namespace: oc.Namespace, name: oc.Name})
		}
	}
	r.answers, r.waits, r.changed = next.answers, next.waits, next.changed
	r.mu.Unlock()
	for _, ref := range wake {
		r.Wake(ref)
	}
	return nil
}

// answering are the answers in the making.
type answering struct {
	now     time.Time
	answers map[types.UID]report
	waits   map[types.UID]bool
	changed map[types.UID]time.Time
}

// take takes in the answer for a client, unless its status changed lately, and reports whether its status has to be looked at.
// Answers that say nothing are not kept.
func (a *answering) take(r *Reports, oc *v1alpha1.OAuthClient, what report) (wake bool) {
	uid := types.UID(oc.Identity())
	before, answered := r.answers[uid]
	last := latest(r.changed[uid], lastReported(oc))
	recent := !last.IsZero() && a.now.Sub(last) >= 0 && a.now.Sub(last) < reportEvery
	same := what == before && (answered || r.answers != nil && !r.waits[uid])
	if same || !recent {
		if what != (report{}) {
			a.answers[uid] = what
		}
		switch {
		case !same && (what != before || hasReport(oc)):
			if r.answers != nil { // at the start the status may say it already
				a.changed[uid] = a.now
			}
			return true
		case recent:
			a.changed[uid] = last
		}
		return false
	}
	a.changed[uid] = last
	if answered {
		a.answers[uid] = before
	} else {
		a.waits[uid] = true
	}
	return false
}
