// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/apiclient"
)

const (
	// fieldManager is who writes what is not the Secret of an object.
	fieldManager = "gatehouse-operator"
	// afterConflict lets the cache see what another writer did.
	afterConflict = 200 * time.Millisecond
	// namespaceLag is when to look again at an object whose namespace the cache does not
	// know yet. The watch on namespaces tells long before that.
	namespaceLag = 5 * time.Second
	// keysLag is when to look again at an object that waits for the keys controller to see other keys.
	keysLag = time.Second
)

// EventRecorder tells people what happened to an object (events.k8s.io/v1). It gathers
// repetitions.
type EventRecorder interface {
	Eventf(regarding, related runtime.Object, eventtype, reason, action, note string, args ...any)
}

// Issuance is what the reconcilers of both kinds share: the whole of it. They must share one,
// because of the claims.
type Issuance struct {
	// Client reads from the cache (see CacheOptions and Indexes) and writes.
	Client client.Client
	// Given has the watch of Secrets that others write (see GivenCacheOptions). Nil: a change of such a
	// Secret is seen when its object is looked at.
	Given cache.Cache
	// Live reads from the API server what the cache does not hold.
	Live client.Reader
	// Keys are the keys in use.
	Keys *Keys
	// Claims decides who holds a claim.
	Claims *Claims
	// Events tells people.
	Events EventRecorder
	// Issuer is the URL of the authorization server, without a path.
	Issuer string
	// Class is the class of the objects that this installation serves. It never touches
	// those of another class.
	Class v1alpha1.ClassName
	// View is what the operator may see.
	View View
	// Now is the clock.
	Now func() time.Time
	// Skew tells how far Now is ahead of the API server's clock, if that is known. Nil: it is not.
	Skew func() (skew time.Duration, known bool)
	// Uptime tells how long this program has run, by a clock that nobody sets. Nil: long.
	Uptime func() time.Duration
	// NewID returns a random credential ID.
	NewID func() string
	// Usage tells when credentials were last used.
	Usage Usage
	// Reports are what is said of the use of clients; nil: nothing is.
	Reports *Reports

	// expected knows which reads from the cache are older than our own writes.
	expected expectations
	// held knows which Secrets are not sent again yet.
	held holdoffs
	// heldMaps knows the same of ConfigMaps.
	heldMaps holdoffs
	// published knows which credentials the Secret does not have yet.
	published published
	// delayed knows since when writes fail that may succeed by themselves.
	delayed streaks
	// raced knows since when somebody else wrote or deleted in between, each time.
	raced streaks
}

// reconcile brings one object and its Secret to where they should be. An error is a fault of
// the cluster and comes back by itself; a fault of the user goes into the conditions.
func (i *Issuance) reconcile(ctx context.Context, ref objectRef, object client.Object) (ctrl.Result, error) {
	err := i.Client.Get(ctx, ref.key(), object)
	if apierrors.IsNotFound(err) {
		i.expected.forget(ref)
		i.held.forget(ref)
		i.heldMaps.forget(ref)
		i.delayed.over(ref)
		return i.again(ctx, ref, i.Claims.forget(ctx, ref))
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	s, _ := subjectOf(object)
	switch {
	case s.class != i.Class:
		return i.again(ctx, ref, i.Claims.forget(ctx, ref)) // another installation serves it; one of that name may have been ours
	case s.deleted():
		if err := i.Claims.forget(ctx, ref); err != nil {
			return i.again(ctx, ref, err)
		}
	}
	if wait := i.expected.stale(object, i.Now()); wait > 0 {
		return ctrl.Result{RequeueAfter: wait}, nil // the newer one comes by the watch, long before that
	}
	if s.deleted() {
		_, err := i.apply(ctx, s, decide(i.withClocks(input{subject: s})))
		return i.again(ctx, ref, err)
	}
	keys, ok := i.Keys.current()
	if !ok {
		return ctrl.Result{}, nil // the keys controller says why, and wakes everyone once there are keys
	}
	return i.settle(ctx, s, keys)
}

// withClocks returns the input with what the clocks show.
func (i *Issuance) withClocks(in input) input {
	in.now = i.Now()
	in.skew, in.skewKnown, in.clocksAgree = compare(i.Skew)
	in.steady = i.Uptime == nil || i.Uptime() >= steadyAfter
	return in
}

// compare returns how far the clock of this program is ahead of the API server's, whether that is known, and whether both show about the
// same: they do as long as nothing else is known.
func compare(skewed func() (time.Duration, bool)) (skew time.Duration, known, agree bool) {
	if skewed != nil {
		skew, known = skewed()
	}
	return skew, known, !known || skew.Abs() <= apiclient.MaxSkew
}

// settle observes, decides and applies. A Secret that exists where none was expected is looked
// at, and so is one whose data decides; the decision is taken again.
func (i *Issuance) settle(ctx context.Context, of subject, keys keyPair) (ctrl.Result, error) {
	readings := i.Keys.readings()
	env, known, err := i.environment(ctx, of.namespace())
	if err != nil {
		return i.again(ctx, of.ref(), err)
	}
	if !known {
		return ctrl.Result{RequeueAfter: namespaceLag}, nil
	}
	for live := false; ; live = true {
		s, seen, err := i.observe(ctx, of, env, keys, live)
		if err != nil {
			return i.again(ctx, of.ref(), err)
		}
		claims, err := i.Claims.settle(ctx, claimant{
			ref: s.ref(), uid: s.uid(), wants: s.claims, recorded: s.status.Claims,
			copied: s.copied(), denied: len(seen.denials) > 0,
		})
		if err != nil {
			return i.again(ctx, of.ref(), err)
		}
		what, reported := i.Reports.of(types.UID(s.identityUID()))
		d := decide(i.withClocks(input{
			subject: s, seen: seen, chosenNamespaces: i.View.isChosen(), claims: claims, keys: keys, issuer: i.Issuer, newID: i.NewID(),
			report: what, reported: reported, oldUses: i.oldUses(s), publishedAt: i.published.at(s.ref(), s.status.Credentials),
		}))
		if d.wantsData && !live {
			continue
		}
		if d.makes {
			// Whoever replaces a key and asks for a reset then gets none of the old key.
			current, err := i.Keys.areCurrent(ctx, keys, readings)
			if err != nil {
				return i.again(ctx, of.ref(), err)
			}
			if !current {
				return ctrl.Result{RequeueAfter: keysLag}, nil // the keys controller sees them soon, and wakes everyone
			}
		}
		if d, err = i.holdBack(ctx, s, d); err != nil {
			return i.again(ctx, of.ref(), err)
		}
		of, err = i.apply(ctx, s, d)
		if apierrors.IsAlreadyExists(err) && !live {
			continue
		}
		if err != nil {
			return i.again(ctx, of.ref(), err)
		}
		i.delayed.over(s.ref())
		i.raced.over(s.ref())
		return ctrl.Result{RequeueAfter: d.after}, nil
	}
}
