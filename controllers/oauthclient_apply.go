// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// apply takes the steps in their order. oc becomes what the API server answered.
func (r *OAuthClientReconciler) apply(ctx context.Context, oc *v1alpha1.OAuthClient, d decision) error {
	for _, s := range d.steps {
		switch {
		case s.status != nil:
			if err := r.writeStatus(ctx, oc, *s.status); err != nil {
				return err
			}
		case s.remove != nil:
			if err := r.removeSecret(ctx, oc, *s.remove); err != nil {
				return err
			}
		case s.apply != nil:
			if err := r.applySecret(ctx, oc, *s.apply); err != nil {
				return errors.Join(err, r.refused(ctx, oc, d.refused, err))
			}
		}
		r.tell(oc, s.told)
	}
	return nil
}

func (r *OAuthClientReconciler) writeStatus(ctx context.Context, oc *v1alpha1.OAuthClient, status v1alpha1.OAuthClientStatus) error {
	before := oc.DeepCopy()
	oc.Status = *status.DeepCopy()
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := r.Client.Status().Patch(ctx, oc, patch, client.FieldOwner(fieldManager)); err != nil {
		return fmt.Errorf("write the status: %w", err)
	}
	r.own.wrote(oc, r.Now())
	return nil
}

func (r *OAuthClientReconciler) applySecret(ctx context.Context, oc *v1alpha1.OAuthClient, a secretApply) error {
	options := []client.ApplyOption{client.FieldOwner(a.want.manager)}
	if a.version != "" {
		options = append(options, client.ForceOwnership)
	}
	ac := a.want.apply(a.version)
	if err := r.Client.Apply(ctx, ac, options...); err != nil {
		if a.version == "" && isPermanent(err) && r.appeared(ctx, oc, a.want.name) {
			resource := schema.GroupResource{Resource: "secrets"}
			return apierrors.NewConflict(resource, a.want.name, errors.New("it was made by somebody else meanwhile"))
		}
		return fmt.Errorf("apply the Secret %s: %w", a.want.name, quiet(err))
	}
	if ac.UID != nil && ac.ResourceVersion != nil { // as the API server answered
		written := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{UID: *ac.UID, ResourceVersion: *ac.ResourceVersion}}
		r.own.wrote(written, r.Now())
	}
	return nil
}

// appeared reports whether there is a Secret of the name after all. Then its being
// refused says nothing about our spec.
func (r *OAuthClientReconciler) appeared(ctx context.Context, oc *v1alpha1.OAuthClient, name string) bool {
	return r.Live.Get(ctx, client.ObjectKey{Namespace: oc.Namespace, Name: name}, &corev1.Secret{}) == nil
}

func (r *OAuthClientReconciler) removeSecret(ctx context.Context, oc *v1alpha1.OAuthClient, ref secretRef) error {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: oc.Namespace, Name: ref.name}}
	err := r.Client.Delete(ctx, secret, client.Preconditions{UID: &ref.uid, ResourceVersion: &ref.version})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete the old Secret %s: %w", ref.name, quiet(err))
	}
	return nil
}

// refused says in the status that the API server will not take the Secret. The error
// comes back with its backoff all the same: a quota can be raised.
func (r *OAuthClientReconciler) refused(ctx context.Context, oc *v1alpha1.OAuthClient, status v1alpha1.OAuthClientStatus, cause error) error {
	if !isPermanent(cause) {
		return nil
	}
	ready := meta.FindStatusCondition(status.Conditions, string(v1alpha1.ConditionReady))
	before := meta.FindStatusCondition(oc.Status.Conditions, string(v1alpha1.ConditionReady))
	if ready.Reason == string(v1alpha1.ReadyReasonSecretNotWritten) {
		ready.Message = sayRefused(oc, cause)
	}
	if equality.Semantic.DeepEqual(status, oc.Status) {
		return nil
	}
	if err := r.writeStatus(ctx, oc, status); err != nil {
		return err
	}
	if before == nil || before.Reason != ready.Reason {
		r.tell(oc, notice{warning: true, reason: ready.Reason, message: ready.Message})
	}
	return nil
}

// sayRefused words it ourselves: the text of the API server may quote the Secret.
func sayRefused(oc *v1alpha1.OAuthClient, cause error) string {
	switch {
	case apierrors.IsForbidden(cause):
		return fmt.Sprintf("The API server does not let the operator write the Secret %q: look at the quota of the namespace, its admission policies and the operator's roles. It is tried again.", secretName(oc))
	default:
		return fmt.Sprintf("The API server refuses the Secret %q as invalid: look at spec.credentials, and whether the Secret was made immutable or too large. It is tried again.", secretName(oc))
	}
}

// isPermanent reports whether trying again is of no use until somebody changes
// something. A namespace that is being deleted takes the client with it.
func isPermanent(err error) bool {
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return false
	}
	return apierrors.IsForbidden(err) || apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsRequestEntityTooLargeError(err)
}

func (r *OAuthClientReconciler) tell(oc *v1alpha1.OAuthClient, n notice) {
	if n.reason == "" {
		return
	}
	kind := corev1.EventTypeNormal
	if n.warning {
		kind = corev1.EventTypeWarning
	}
	r.Events.Eventf(oc, nil, kind, n.reason, "Reconcile", "%s", n.message)
}

// quiet returns err with a text that quotes nothing the API server said, because
// that may quote a Secret. errors.Is, errors.AsType and package apierrors see the
// whole error. An error of the network is shown: it knows no object.
func quiet(err error) error {
	if _, network := errors.AsType[*url.Error](err); network || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return quieted{err}
}

type quieted struct{ err error }

func (q quieted) Error() string {
	if reason := apierrors.ReasonForError(q.err); reason != metav1.StatusReasonUnknown {
		return fmt.Sprintf("the API server answered %s", reason)
	}
	return "the API server did not answer as expected"
}

func (q quieted) Unwrap() error { return q.err }
