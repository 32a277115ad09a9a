// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// retention is what tells whether a Secret outlives its object, the owner reference and the record, and what ended before.
type retention struct {
	secretRef

	manager string
	owners  []metav1.OwnerReference
	record  string
}

// retentionSteps brings owner reference and record to what deletionPolicy and validAfter say where nothing else of the Secret is written:
// what keeps a client from being accepted must not keep Delete from ending it, nor Retain from keeping it, nor what ended from staying so.
func (in input) retentionSteps(validAfter *metav1.Time) []step {
	secret := in.seen.secret
	if owner := in.secretOwner(); owner != ownerSelf && owner != ownerLost {
		return nil
	}
	r, known := readRecord(in, secret)
	if !known || r.Retain == in.subject.retain && r.ValidAfter == unixOf(validAfter) {
		return nil
	}
	r.Retain, r.Name, r.ValidAfter = in.subject.retain, "", unixOf(validAfter)
	if r.Retain {
		r.Name = in.subject.name()
	}
	r = r.signed(in)
	next := retention{
		secretRef: refOf(secret),
		manager:   managerOf(in.subject), record: r.text(), owners: []metav1.OwnerReference{},
	}
	for _, ref := range secret.OwnerReferences { // those of others stay
		if ref.UID != in.subject.uid() {
			next.owners = append(next.owners, ref)
		}
	}
	if !r.Retain {
		next.owners = append(next.owners, ownerReference(in.subject))
	}
	return []step{{retain: &next}}
}

// retainSecret writes both, over the version that was seen.
func (i *Issuance) retainSecret(ctx context.Context, s subject, r retention) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": r.uid, "resourceVersion": r.version, "ownerReferences": r.owners, "annotations": map[string]string{v1alpha1.AnnotationIssued: r.record},
	}})
	if err != nil {
		return err
	}
	secret := (&secretContent{namespace: s.namespace(), name: r.name}).object()
	if err := i.Client.Patch(ctx, secret, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(r.manager)); err != nil {
		return fmt.Errorf("write to the Secret %s what deletionPolicy says: %w", r.name, redact(err))
	}
	i.expected.wrote(s.ref(), secret, i.Now())
	return nil
}
