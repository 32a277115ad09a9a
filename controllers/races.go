// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
)

// isRace reports whether somebody else wrote or deleted in between.
func isRace(err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsNotFound(err) || apierrors.IsAlreadyExists(err)
}

// races remember since when each write of an object was a race. The zero value is ready.
type races struct {
	mu sync.Mutex
	of map[objectRef]race
}

type race struct{ since, last time.Time }

// lost notes that a write was a race now, and returns for how long they all were. One that comes long after the last begins anew.
func (r *races) lost(of objectRef, now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	was, noted := r.of[of]
	if !noted || now.Sub(was.last).Abs() > 2*longestRetry {
		was.since = now
	}
	if r.of == nil {
		r.of = map[objectRef]race{}
	}
	was.last = now
	r.of[of] = was
	return now.Sub(was.since)
}

// lasted returns for how long all writes were races.
func (r *races) lasted(of objectRef, now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if was, noted := r.of[of]; noted {
		return now.Sub(was.since)
	}
	return 0
}

// over forgets them: all was written, or the object is gone.
func (r *races) over(of objectRef) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.of, of)
}

// again says how a failed reconcile comes back. That somebody else wrote or deleted in between
// is no failure: the next look decides on what is there then. It comes at once, and the later the longer that goes on. In a namespace
// that is being deleted there is nothing left to do.
func (i *Issuance) again(ctx context.Context, of objectRef, err error) (ctrl.Result, error) {
	switch {
	case err == nil || isTerminating(err):
		i.raced.over(of)
		return ctrl.Result{}, nil
	case isRace(err):
		lasts := i.raced.lost(of, i.Now())
		log := ctrl.LoggerFrom(ctx)
		if lasts < longestRetry {
			log = log.V(1)
		}
		log.Info("changed meanwhile, looking again", "cause", err.Error(), "since", lasts.String())
		return ctrl.Result{RequeueAfter: min(max(lasts, afterConflict), longestRetry)}, nil
	default:
		return ctrl.Result{}, err
	}
}
