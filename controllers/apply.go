// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/util/csaupgrade"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// apply takes the steps in their order. It returns the object as the API server answered.
func (i *Issuance) apply(ctx context.Context, s subject, d decision) (subject, error) {
	for _, next := range d.steps {
		after, err := i.take(ctx, s, next)
		if err != nil {
			return s, errors.Join(err, i.sayRefused(ctx, s, next, err))
		}
		s = after
		i.recordEvent(s, next.event)
	}
	return s, nil
}

func (i *Issuance) take(ctx context.Context, s subject, next step) (subject, error) {
	switch {
	case next.status != nil:
		return i.publish(ctx, s, *next.status)
	case next.create != nil:
		return s, i.createSecret(ctx, s, *next.create, next.dryRun)
	case next.retain != nil:
		return s, i.retainSecret(ctx, s, *next.retain)
	case next.writeMap != nil:
		return s, i.writeMap(ctx, s, *next.writeMap)
	case next.removeMap != nil:
		return s, i.removeMap(ctx, s, *next.removeMap)
	case next.expire:
		return s, i.removeExpired(ctx, s)
	case next.apply != nil:
		return s, i.applySecret(ctx, s, *next.apply, next.dryRun)
	default:
		return s, i.removeSecret(ctx, s, *next.remove, next.dryRun)
	}
}

func (i *Issuance) writeStatus(ctx context.Context, s subject, status v1alpha1.OAuthClientStatus) (subject, error) {
	after := s.withStatus(status)
	patch := client.MergeFromWithOptions(s.object, client.MergeFromWithOptimisticLock{})
	if err := i.Client.Status().Patch(ctx, after, patch, client.FieldOwner(fieldManager)); err != nil {
		return s, fmt.Errorf("write the status: %w", err)
	}
	i.expected.wrote(s.ref(), after, i.Now())
	written, _ := subjectOf(after)
	return written, nil
}

// createSecret creates the Secret, and nothing else: if there is one of the name, whoever it
// belongs to, the API server refuses.
func (i *Issuance) createSecret(ctx context.Context, s subject, content secretContent, dryRun bool) error {
	options := []client.CreateOption{client.FieldOwner(content.manager)}
	if dryRun {
		options = append(options, client.DryRunAll)
	}
	secret := content.object()
	if err := i.Client.Create(ctx, secret, options...); err != nil {
		return fmt.Errorf("create the Secret %s: %w", content.name, redact(err))
	}
	return i.tested(s, content, secret, dryRun)
}

func (i *Issuance) applySecret(ctx context.Context, s subject, a secretApply, dryRun bool) error {
	options := []client.ApplyOption{client.FieldOwner(a.content.manager), client.ForceOwnership}
	if dryRun {
		options = append(options, client.DryRunAll)
	} else {
		version, err := i.adoptFields(ctx, s, a)
		if err != nil {
			return err
		}
		a.version = version
	}
	applied := &appliedSecret{SecretApplyConfiguration: a.content.applyConfiguration(a.version)}
	if err := i.Client.Apply(ctx, applied, options...); err != nil {
		return fmt.Errorf("apply the Secret %s: %w", a.content.name, redact(err))
	}
	return i.tested(s, a.content, &applied.answer, dryRun)
}

// appliedSecret is a Secret for an apply, and the answer. The client decodes the answer into what it
// sent, and there a key that a webhook removed would keep the value that was sent.
type appliedSecret struct {
	*corev1ac.SecretApplyConfiguration
	answer corev1.Secret
}

// UnmarshalJSON is part of json.Unmarshaler.
func (a *appliedSecret) UnmarshalJSON(text []byte) error { return json.Unmarshal(text, &a.answer) }

// adoptFields makes what a create wrote ours by server-side apply, once, so that an apply can
// take back what is wanted no more. It returns the version to apply over.
func (i *Issuance) adoptFields(ctx context.Context, s subject, a secretApply) (version string, err error) {
	secret, err := i.liveSecret(ctx, client.ObjectKey{Namespace: a.content.namespace, Name: a.content.name})
	if err != nil || secret == nil || secret.ResourceVersion != a.version {
		return a.version, err // a version that is not the one that was seen is refused by the apply
	}
	if version, err = i.adopt(ctx, secret, a.content.manager); err != nil {
		return "", fmt.Errorf("adopt the fields of the Secret %s: %w", a.content.name, redact(err))
	}
	return version, nil
}

// adopt makes what the manager created ours by server-side apply. It returns the version of the object after that.
func (i *Issuance) adopt(ctx context.Context, object client.Object, manager string) (version string, err error) {
	if !createdBy(object, manager) {
		return object.GetResourceVersion(), nil
	}
	patch, err := csaupgrade.UpgradeManagedFieldsPatch(object, sets.New(manager), manager)
	if err != nil || patch == nil {
		return object.GetResourceVersion(), err
	}
	err = i.Client.Patch(ctx, object, client.RawPatch(types.JSONPatchType, patch), client.FieldOwner(manager))
	return object.GetResourceVersion(), err
}

func createdBy(object client.Object, manager string) bool {
	for _, entry := range object.GetManagedFields() {
		if entry.Manager == manager && entry.Operation == metav1.ManagedFieldsOperationUpdate {
			return true
		}
	}
	return false
}

func (i *Issuance) removeSecret(ctx context.Context, s subject, ref secretRef, dryRun bool) error {
	options := []client.DeleteOption{client.Preconditions{UID: &ref.uid, ResourceVersion: &ref.version}}
	if dryRun {
		options = append(options, client.DryRunAll)
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace(), Name: ref.name}}
	err := i.Client.Delete(ctx, secret, options...)
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete the old Secret %s: %w", ref.name, redact(err))
	}
	return nil
}

// sayRefused says in the status that the API server will not take the Secret or the ConfigMap, or made another one of it.
// The error comes back with its backoff all the same: a quota can be raised.
func (i *Issuance) sayRefused(ctx context.Context, s subject, failed step, cause error) error {
	if isRace(cause) && i.raced.lasted(s.ref(), i.Now()) >= longestRetry {
		cause = fmt.Errorf("%w: %w", errRewritten, cause)
	}
	var status v1alpha1.OAuthClientStatus
	switch {
	case errors.Is(cause, errNotAccepted):
		status = failed.unaccepted()
	case failed.refused != nil && (isPermanent(cause) || errors.Is(cause, errMapChanged) || errors.Is(cause, errRewritten)):
		status = failed.refused(refusalMessage(s, failed, cause))
	case failed.delayed != nil && !isTerminating(cause) && !isRace(cause):
		status = failed.delayed(refusalMessage(s, failed, cause))
		early := i.delayed.goesOn(s.ref(), i.Now(), 0) < longestRetry
		ready := meta.IsStatusConditionTrue(s.status.Conditions, string(v1alpha1.ConditionReady))
		if early && (!failed.isOfMap() || ready && isSameButConditions(status, s.status)) {
			return nil // what may pass at once makes no ready object unready, and nothing is told of a Secret before it is there
		}
	default:
		return nil
	}
	if equality.Semantic.DeepEqual(status, s.status) {
		return nil
	}
	event := readyEvent(s.status.Conditions, status.Conditions)
	after, err := i.publish(ctx, s, status) // it may have a new credential, where the ConfigMap is what was refused
	if err != nil {
		return err
	}
	i.recordEvent(after, event)
	return nil
}

// isSameButConditions reports whether two statuses say the same, but for their conditions.
func isSameButConditions(a, b v1alpha1.OAuthClientStatus) bool {
	a.Conditions, b.Conditions = nil, nil
	return equality.Semantic.DeepEqual(a, b)
}

// refusalMessage words it ourselves: the text of the API server may quote the Secret.
func refusalMessage(s subject, failed step, cause error) string {
	if failed.isOfMap() {
		return mapRefusal(failed, cause)
	}
	if errors.Is(cause, errRewritten) {
		return rewrittenMessage("Secret", s.secretName)
	}
	why := "The API server refuses the Secret %q as invalid: look at spec.credentials, and whether the Secret would be too large."
	switch {
	case !isPermanent(cause):
		why = "The API server does not write the Secret %q now: it fails, or an admission webhook that it asks. The log of the operator says more."
	case failed.remove != nil:
		why = "The Secret %q has to be replaced, and the API server does not let the operator delete the old one: look at the admission policies and webhooks of Secrets and at the operator's roles."
	case apierrors.IsForbidden(cause):
		why = "The API server does not let the operator write the Secret %q: look at the quota of the namespace, its admission policies and the operator's roles."
	}
	message := fmt.Sprintf(why, s.secretName) + " It is tried again."
	if failed.dryRun {
		message += " Until then the old Secret and its client secret stay as they are."
	}
	return message
}

// isPermanent reports whether trying again is of no use until somebody changes something.
func isPermanent(err error) bool {
	if isTerminating(err) {
		return false
	}
	return apierrors.IsForbidden(err) || apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsRequestEntityTooLargeError(err)
}

// isTerminating reports whether the namespace is being deleted: it takes the object with it.
func isTerminating(err error) bool {
	return apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause)
}

func (i *Issuance) recordEvent(s subject, e eventText) {
	if e.reason == "" {
		return
	}
	kind := corev1.EventTypeNormal
	if e.warning {
		kind = corev1.EventTypeWarning
	}
	i.Events.Eventf(s.object, nil, kind, e.reason, "Reconcile", "%s", e.message)
}

// redact returns err with a text that quotes nothing the API server said, because that may
// quote a Secret. errors.Is, errors.AsType and package apierrors see the whole error. An error
// of the network is shown: it knows no object.
func redact(err error) error {
	if _, network := errors.AsType[*url.Error](err); network || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return redacted{err}
}

type redacted struct{ err error }

func (r redacted) Error() string {
	if reason := apierrors.ReasonForError(r.err); reason != metav1.StatusReasonUnknown {
		return fmt.Sprintf("the API server answered %s", reason)
	}
	return "the API server did not answer as expected"
}

func (r redacted) Unwrap() error { return r.err }
