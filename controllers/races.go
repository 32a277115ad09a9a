// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
)

// isRace reports whether somebody else wrote or deleted in between.
func isRace(err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsNotFound(err) || apierrors.IsAlreadyExists(err)
}

// raceOver is how long after the last race another one is none of the same.
const raceOver = 2 * longestRetry

// again says how a failed reconcile comes back. That somebody else wrote or deleted in between
// is no failure: the next look decides on what is there then. It comes at once, and the later the longer that goes on. In a namespace
// that is being deleted there is nothing left to do.
func (i *Issuance) again(ctx context.Context, of objectRef, err error) (ctrl.Result, error) {
	switch {
	case err == nil || isTerminating(err):
		i.raced.over(of)
		return ctrl.Result{}, nil
	case isRace(err):
		lasts := i.raced.goesOn(of, i.Now(), raceOver)
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
