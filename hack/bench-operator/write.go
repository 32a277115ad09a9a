// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

const (
	people     = 8  // who apply clients at the same time
	namespaces = 20 // that the clients are in
	class      = v1alpha1.ClassName("bare")
)

// pattern is what the operator wrote for one client. The bare writer writes the same.
type pattern struct {
	secret corev1.Secret
	status v1alpha1.OAuthClientStatus
}

func draft(round string, n int) *v1alpha1.OAuthClient {
	name := fmt.Sprintf("photoprint-%s-%d", round, n)
	return &v1alpha1.OAuthClient{
		ObjectMeta: metav1.ObjectMeta{Namespace: fmt.Sprintf("team-%d", n%namespaces), Name: name},
		Spec: v1alpha1.OAuthClientSpec{
			DisplayName:  "PhotoPrint",
			CallbackURLs: []v1alpha1.CallbackURL{v1alpha1.CallbackURL("https://" + name + ".apps.example/callback")},
		},
	}
}

// learn has the operator issue one client and keeps what it wrote.
func (b *bench) learn(ctx context.Context) error {
	err := step(ctx, 1, "what the operator writes for one client", b.learnOne)
	if err != nil {
		return err
	}
	return b.clear(ctx, "the first client", 1)
}

func (b *bench) learnOne(ctx context.Context, so *progress) error {
	for n := range namespaces {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("team-%d", n)}}
		if err := b.api.Create(ctx, ns); err != nil {
			return fmt.Errorf("make a namespace: %w", err)
		}
	}
	o, err := b.startOperator(ctx, so)
	if err != nil {
		return err
	}
	so.begin("until the client is Ready", 0)
	ready, err := b.untilReady(ctx, 1, &progress{})
	if err != nil {
		return err
	}
	oc := draft("pattern", 0)
	if err := b.api.Create(ctx, oc); err != nil {
		return fmt.Errorf("apply a client: %w", err)
	}
	if err := <-ready; err != nil {
		return err
	}
	if err := b.api.Get(ctx, client.ObjectKeyFromObject(oc), oc); err != nil {
		return fmt.Errorf("read the client: %w", err)
	}
	b.pattern.status = oc.Status
	if err := b.api.Get(ctx, client.ObjectKey{Namespace: oc.Namespace, Name: oc.Status.SecretName}, &b.pattern.secret); err != nil {
		return fmt.Errorf("read the Secret: %w", err)
	}
	return o.stop()
}

// writeBare writes what a client becomes, without an operator: no installation has its class.
func (b *bench) writeBare(ctx context.Context, round string, n int) error {
	oc := draft(round, n)
	oc.Spec.ClassName = class
	if err := b.api.Create(ctx, oc); err != nil {
		return fmt.Errorf("create the client: %w", err)
	}
	like := b.pattern.secret
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: oc.Namespace, Name: oc.Name + "-oauth", Annotations: like.Annotations,
			Labels:          map[string]string{v1alpha1.LabelOwnerUID: string(oc.UID)},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(oc, v1alpha1.GroupVersion.WithKind(v1alpha1.KindOAuthClient))},
		},
		Type: like.Type, Data: like.Data,
	}
	if err := b.api.Create(ctx, secret, client.FieldOwner("gatehouse-"+string(oc.UID))); err != nil {
		return fmt.Errorf("create the Secret: %w", err)
	}
	after := oc.DeepCopy()
	after.Status = *b.pattern.status.DeepCopy()
	after.Status.IdentityUID = string(oc.UID)
	if err := b.api.Status().Patch(ctx, after, client.MergeFrom(oc), client.FieldOwner("gatehouse-operator")); err != nil {
		return fmt.Errorf("write the status: %w", err)
	}
	return nil
}

// untilReady watches from now on, and tells once n clients have been Ready.
func (b *bench) untilReady(ctx context.Context, n int, so *progress) (<-chan error, error) {
	c := &readyCount{api: b.api, n: n, so: so, seen: map[types.UID]bool{}}
	w, err := c.begin(ctx)
	if err != nil {
		return nil, err
	}
	done := make(chan error, 1)
	go func() { done <- c.count(ctx, w) }()
	return done, nil
}

// readyCount counts the clients that have been Ready, until there are n.
type readyCount struct {
	api  client.WithWatch
	n    int
	so   *progress
	seen map[types.UID]bool
}

// begin looks at the clients that there are, and watches from there on.
func (c *readyCount) begin(ctx context.Context) (watch.Interface, error) {
	list := &v1alpha1.OAuthClientList{}
	if err := c.api.List(ctx, list); err != nil {
		return nil, fmt.Errorf("list the clients: %w", err)
	}
	for i := range list.Items {
		c.look(&list.Items[i])
	}
	w, err := c.api.Watch(ctx, &v1alpha1.OAuthClientList{}, &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.ResourceVersion}})
	if err != nil {
		return nil, fmt.Errorf("watch the clients: %w", err)
	}
	return w, nil
}

// count begins anew when the API server ends the watch, as a busy one does with a watch that is
// behind.
func (c *readyCount) count(ctx context.Context, w watch.Interface) error {
	for {
		err := c.follow(ctx, w)
		w.Stop()
		if err != nil || len(c.seen) >= c.n {
			return err
		}
		say("  the API server has ended the watch of the clients, another one begins")
		if w, err = c.begin(ctx); err != nil {
			return err
		}
	}
}

// follow looks at what the watch brings until it ends.
func (c *readyCount) follow(ctx context.Context, w watch.Interface) error {
	for len(c.seen) < c.n {
		select {
		case event, open := <-w.ResultChan():
			if !open || event.Type == watch.Error {
				return nil
			}
			if oc, ok := event.Object.(*v1alpha1.OAuthClient); ok {
				c.look(oc)
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func (c *readyCount) look(oc *v1alpha1.OAuthClient) {
	if meta.IsStatusConditionTrue(oc.Status.Conditions, string(v1alpha1.ConditionReady)) {
		c.seen[oc.UID] = true
		c.so.done.Store(int64(len(c.seen)))
	}
}

// clear removes what a round with n clients wrote, with an operator or without. Nobody collects
// garbage here.
func (b *bench) clear(ctx context.Context, round string, n int) error {
	return step(ctx, n, round+": removing what was written", b.clearAll)
}

func (b *bench) clearAll(ctx context.Context, so *progress) error {
	so.begin("namespaces are empty", namespaces)
	for n := range namespaces {
		in := client.InNamespace(fmt.Sprintf("team-%d", n))
		for _, kind := range []client.Object{&v1alpha1.OAuthClient{}, &corev1.Secret{}} {
			if err := b.api.DeleteAllOf(ctx, kind, in); err != nil {
				return fmt.Errorf("remove what a round wrote: %w", err)
			}
		}
		so.done.Add(1)
	}
	shards := &corev1.ConfigMapList{}
	if err := b.api.List(ctx, shards, client.InNamespace(system), client.MatchingLabels{"app.kubernetes.io/managed-by": "gatehouse-operator"}); err != nil {
		return fmt.Errorf("list the released claims: %w", err)
	}
	for i := range shards.Items {
		if err := b.api.Delete(ctx, &shards.Items[i]); err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("remove the released claims: %w", err)
		}
	}
	return nil
}
