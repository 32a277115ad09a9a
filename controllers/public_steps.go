// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// mapWrite writes the ConfigMap over the one that was seen at the version. Empty: there was none, and it is created.
type mapWrite struct {
	content publicContent
	version string
}

// mapRemoval removes the ConfigMap that was seen.
type mapRemoval struct {
	secretRef

	next *publicContent // what is created in its place; nil: nothing is
}

// publicMaps returns the ConfigMap of the wanted name, and those of other names that belong to the object. The cache
// holds those with our label. Where there may be another one, and where one has lost its owner or is not as we wrote it, the
// API server is asked. An object that wants none and has none costs no request, nor does a new one, whose ConfigMap is
// created, and that fails if there is one. live has the API server asked all the same.
func (i *Issuance) publicMaps(ctx context.Context, s subject, live bool) (wanted *corev1.ConfigMap, others []corev1.ConfigMap, err error) {
	if s.publicName != "" {
		if wanted, err = i.publicMap(ctx, s, s.publicName, live || everIssued(s)); err != nil {
			return nil, nil, err
		}
	}
	list := &corev1.ConfigMapList{}
	err = i.Client.List(ctx, list, client.InNamespace(s.namespace()), client.MatchingFields{indexPublic: string(s.uid())})
	if err != nil {
		return nil, nil, fmt.Errorf("list the ConfigMaps of the object: %w", err)
	}
	for n := range list.Items {
		if list.Items[n].Name == s.publicName {
			continue
		}
		other, err := i.publicMap(ctx, s, list.Items[n].Name, false)
		if err != nil {
			return nil, nil, err
		}
		if o := ownerOfMap(other, s); o == ownerSelf || o == ownerLost {
			others = append(others, *other)
		}
	}
	return wanted, others, nil
}

// publicMap returns the ConfigMap of the name, or nil. unseen has the API server asked for one that the cache does not hold.
func (i *Issuance) publicMap(ctx context.Context, s subject, name string, unseen bool) (*corev1.ConfigMap, error) {
	key, cm := client.ObjectKey{Namespace: s.namespace(), Name: name}, &corev1.ConfigMap{}
	err := i.Client.Get(ctx, key, cm)
	if apierrors.IsNotFound(err) && unseen || err == nil && (i.expected.stale(cm, i.Now()) > 0 || metav1.GetControllerOfNoCopy(cm) == nil || isMapElsewhere(cm)) {
		cm = &corev1.ConfigMap{}
		err = i.Live.Get(ctx, key, cm)
	}
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read the ConfigMap %s: %w", name, err)
	}
	return cm, nil
}

// mapSteps returns what happens to the ConfigMap, and to older ones of other names.
func (o outcome) mapSteps() []step {
	var steps []step
	owner := ownerOfMap(o.seen.public, o.subject)
	switch {
	case owner == ownerForeign:
		return nil // the old one stays until the new one can be written
	case o.subject.publicName != "":
		steps = o.mapWrites(owner)
	}
	for n := range o.seen.otherPublic {
		steps = append(steps, o.mapRemoval(&o.seen.otherPublic[n], nil))
	}
	return steps
}

func (o outcome) mapWrites(owner secretOwner) []step {
	seen, want := o.seen.public, publicContentOf(o.input)
	create := o.mapWrite(want, "")
	switch {
	case owner == ownerNone:
		return []step{create}
	case owner == ownerStale:
		return []step{o.mapRemoval(seen, &want), create}
	case want.matches(seen):
		return nil
	case seen.Immutable != nil && *seen.Immutable:
		return []step{o.mapRemoval(seen, &want), create}
	default:
		return []step{o.mapWrite(want, seen.ResourceVersion)}
	}
}

func (o outcome) mapWrite(content publicContent, version string) step {
	return step{writeMap: &mapWrite{content: content, version: version}, refused: o.mapRefused, delayed: o.mapDelayed}
}

// mapRemoval removes what was seen, for the next one.
func (o outcome) mapRemoval(cm *corev1.ConfigMap, next *publicContent) step {
	ref := secretRef{name: cm.Name, uid: cm.UID, version: cm.ResourceVersion}
	return step{removeMap: &mapRemoval{secretRef: ref, next: next}, refused: o.mapRefused, delayed: o.mapDelayed}
}

// isOfMap reports whether the step is about the ConfigMap of public values, or an older one.
func (s step) isOfMap() bool { return s.writeMap != nil || s.removeMap != nil }

// mapName returns the name of that ConfigMap.
func (s step) mapName() string {
	if s.removeMap != nil {
		return s.removeMap.name
	}
	return s.writeMap.content.name
}

func (c publicContent) held() string { return c.name + "/" + digestOfMap(c.data) }

// mayWrite returns an error where the ConfigMap is not sent again yet.
func (i *Issuance) mayWrite(s subject, c publicContent) error {
	switch last, wait := i.heldMaps.left(s.ref(), c.held(), i.Now()); {
	case wait <= 0:
		return nil
	case last.asSent:
		return fmt.Errorf("write the ConfigMap %s again: %w", c.name, errRewritten)
	default:
		return fmt.Errorf("write the ConfigMap %s again: %w", c.name, errMapChanged)
	}
}

// writeMap sends the ConfigMap, and tests the one that the API server stored. One that it stored otherwise, or that somebody
// else keeps changing, is not sent again at once.
func (i *Issuance) writeMap(ctx context.Context, s subject, w mapWrite) error {
	if err := i.mayWrite(s, w.content); err != nil {
		return err
	}
	stored, err := i.sendMap(ctx, w)
	if err != nil {
		return err
	}
	i.expected.wrote(s.ref(), stored, i.Now())
	asSent := w.content.matches(stored)
	i.heldMaps.stored(s.ref(), w.content.held(), asSent, asSent, i.Now())
	if !asSent {
		return fmt.Errorf("test the ConfigMap %s: %w", w.content.name, errMapChanged)
	}
	return nil
}

// sendMap creates the ConfigMap, which fails if there is one of the name, or applies it over the version that was seen. It returns
// the one that the API server stored.
func (i *Issuance) sendMap(ctx context.Context, w mapWrite) (stored *corev1.ConfigMap, err error) {
	if w.version == "" {
		stored = w.content.object()
		if err := i.Client.Create(ctx, stored, client.FieldOwner(w.content.manager)); err != nil {
			return nil, fmt.Errorf("create the ConfigMap %s: %w", w.content.name, err)
		}
		return stored, nil
	}
	live := &corev1.ConfigMap{}
	err = i.Live.Get(ctx, client.ObjectKey{Namespace: w.content.namespace, Name: w.content.name}, live)
	if err != nil {
		return nil, fmt.Errorf("read the ConfigMap %s: %w", w.content.name, err)
	}
	if live.ResourceVersion == w.version && createdBy(live, w.content.manager) { // another version is refused by the apply
		if !w.content.marks(live) { // the account of the operator must not write one without label and owner
			marked := w.content.applyConfiguration(w.version)
			marked.Annotations = nil // so that the rest comes, also if this is cut short
			if live, err = i.applyMap(ctx, marked, w.content.manager); err != nil {
				return nil, err
			}
		}
		if w.version, err = i.adopt(ctx, live, w.content.manager); err != nil {
			return nil, fmt.Errorf("adopt the fields of the ConfigMap %s: %w", w.content.name, err)
		}
	}
	return i.applyMap(ctx, w.content.applyConfiguration(w.version), w.content.manager)
}

func (i *Issuance) applyMap(ctx context.Context, ac *corev1ac.ConfigMapApplyConfiguration, manager string) (stored *corev1.ConfigMap, err error) {
	applied := &appliedMap{ConfigMapApplyConfiguration: ac}
	if err := i.Client.Apply(ctx, applied, client.FieldOwner(manager), client.ForceOwnership); err != nil {
		return nil, fmt.Errorf("apply the ConfigMap %s: %w", *ac.Name, err)
	}
	return &applied.answer, nil
}

// appliedMap is a ConfigMap for an apply, and the answer, as appliedSecret.
type appliedMap struct {
	*corev1ac.ConfigMapApplyConfiguration
	answer corev1.ConfigMap
}

// UnmarshalJSON is part of json.Unmarshaler.
func (a *appliedMap) UnmarshalJSON(text []byte) error { return json.Unmarshal(text, &a.answer) }

// removeMap removes the ConfigMap that was seen, unless what comes in its place is not sent yet.
func (i *Issuance) removeMap(ctx context.Context, s subject, r mapRemoval) error {
	if r.next != nil {
		if err := i.mayWrite(s, *r.next); err != nil {
			return err
		}
	}
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace(), Name: r.name}}
	err := i.Client.Delete(ctx, cm, client.Preconditions{UID: &r.uid, ResourceVersion: &r.version})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete the ConfigMap %s: %w", r.name, err)
	}
	return nil
}
