// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	toolswatch "k8s.io/client-go/tools/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// ledger sees every version of every client and Secret of the installation's namespaces, and
// remembers what was minted.
type ledger struct {
	mu      sync.Mutex
	changed chan struct{} // closed at the next change
	clients map[client.ObjectKey]*v1alpha1.OAuthClient
	secrets map[client.ObjectKey]*corev1.Secret
	minted  map[types.UID]*minted // by client
	faults  []string              // what must never be seen
}

// minted is what one client ever had.
type minted struct {
	name      client.ObjectKey
	verifiers map[string]string // by credential ID
	secrets   map[string]bool   // client secrets in its Secrets
}

// watchAll has a ledger see everything from now on.
func (i *installation) watchAll() *ledger {
	i.t.Helper()
	l := &ledger{
		changed: make(chan struct{}), clients: map[client.ObjectKey]*v1alpha1.OAuthClient{},
		secrets: map[client.ObjectKey]*corev1.Secret{}, minted: map[types.UID]*minted{},
	}
	api, err := client.NewWithWatch(i.Config, client.Options{Scheme: i.Scheme})
	i.must(err)
	for _, team := range i.teams {
		l.watch(i.t, api, &v1alpha1.OAuthClientList{}, team)
		l.watch(i.t, api, &corev1.SecretList{}, team)
	}
	return l
}

// watch sees the objects of one kind in one namespace, which has none yet. It goes on where a
// watch breaks, and misses nothing.
func (l *ledger) watch(t *testing.T, api client.WithWatch, list client.ObjectList, namespace string) {
	t.Helper()
	if err := api.List(t.Context(), list, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	w, err := toolswatch.NewRetryWatcherWithContext(t.Context(), list.GetResourceVersion(), lister(
		func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return api.Watch(ctx, list.DeepCopyObject().(client.ObjectList), &client.ListOptions{Namespace: namespace, Raw: &options})
		}))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for event := range w.ResultChan() {
			l.see(event)
		}
	}()
}

// lister makes a function a watcher.
type lister func(context.Context, metav1.ListOptions) (watch.Interface, error)

// WatchWithContext is part of cache.WatcherWithContext.
func (f lister) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	return f(ctx, options)
}

func (l *ledger) see(event watch.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch o := event.Object.(type) {
	case *v1alpha1.OAuthClient:
		l.seeClient(o)
		keep(l.clients, event.Type, client.ObjectKeyFromObject(o), o)
	case *corev1.Secret:
		l.seeSecret(o)
		keep(l.secrets, event.Type, client.ObjectKeyFromObject(o), o)
	default:
		l.faults = append(l.faults, fmt.Sprintf("the watch says %v", describe(event.Object)))
	}
	close(l.changed)
	l.changed = make(chan struct{})
}

func describe(o runtime.Object) string {
	if status, ok := o.(*metav1.Status); ok {
		return status.Message
	}
	return fmt.Sprintf("%T", o)
}

func keep[T any](in map[client.ObjectKey]T, kind watch.EventType, key client.ObjectKey, o T) {
	if kind == watch.Deleted {
		delete(in, key)
		return
	}
	in[key] = o
}

func (l *ledger) seeClient(oc *v1alpha1.OAuthClient) {
	m := l.mintedFor(oc.UID)
	m.name = client.ObjectKeyFromObject(oc)
	if n := len(oc.Status.Credentials); n > 1 {
		l.faults = append(l.faults, fmt.Sprintf("%s has %d credentials", m.name, n))
	}
	for _, c := range oc.Status.Credentials {
		if before, there := m.verifiers[c.ID]; there && before != c.Verifier {
			l.faults = append(l.faults, fmt.Sprintf("%s has two client secrets of one credential", m.name))
		}
		m.verifiers[c.ID] = c.Verifier
	}
}

func (l *ledger) seeSecret(secret *corev1.Secret) {
	if ref := metav1.GetControllerOf(secret); ref != nil {
		l.mintedFor(ref.UID).secrets[string(secret.Data[v1alpha1.KeyClientSecret])] = true
	}
}

func (l *ledger) mintedFor(uid types.UID) *minted {
	if l.minted[uid] == nil {
		l.minted[uid] = &minted{verifiers: map[string]string{}, secrets: map[string]bool{}}
	}
	return l.minted[uid]
}

// await waits until the condition holds, which is asked at each change.
func (l *ledger) await(ctx context.Context, what string, condition func(*ledger) bool) error {
	for {
		l.mu.Lock()
		holds, changed := condition(l), l.changed
		l.mu.Unlock()
		if holds {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w", what, context.Cause(ctx))
		}
	}
}

// issued returns the client secret of a client that is ready: its status is of the spec and
// the reset it has now, and its Secret is there. The caller holds the lock.
func (l *ledger) issued(key client.ObjectKey, uid types.UID) (secret string, ready bool) {
	oc := l.clients[key]
	if oc == nil || oc.UID != uid || oc.Status.ObservedGeneration != oc.Generation ||
		oc.Status.LastHandledReset != oc.Annotations[v1alpha1.AnnotationResetCredentials] ||
		!meta.IsStatusConditionTrue(oc.Status.Conditions, string(v1alpha1.ConditionReady)) {
		return "", false
	}
	s := l.secrets[client.ObjectKey{Namespace: key.Namespace, Name: v1alpha1.SecretNameOf(oc)}]
	if s == nil || !metav1.IsControlledBy(s, oc) || oc.Status.SecretName != s.Name {
		return "", false
	}
	return string(s.Data[v1alpha1.KeyClientSecret]), true
}

// countIssued returns how many clients are ready.
func (l *ledger) countIssued() (n int) {
	for key, oc := range l.clients {
		if _, ready := l.issued(key, oc.UID); ready {
			n++
		}
	}
	return n
}

// check checks what was ever minted: for each client as many credentials as wanted says, and
// each client secret belongs to one of them.
func (l *ledger) check(t *testing.T, shared credential.Key, wanted func(types.UID) int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.faults {
		t.Error(f)
	}
	for uid, m := range l.minted {
		if want := wanted(uid); len(m.verifiers) != want || len(m.secrets) > want {
			t.Errorf("%s: %d credentials and %d client secrets were minted, want %d", m.name, len(m.verifiers), len(m.secrets), want)
		}
		for secret := range m.secrets {
			if !m.made(shared, uid, secret) {
				t.Errorf("%s: a Secret held a client secret that is of none of its credentials", m.name)
			}
		}
	}
	for key, oc := range l.clients {
		secret, ready := l.issued(key, oc.UID)
		if !ready {
			continue // another check says so
		}
		c := oc.Status.Credentials[0]
		if !credential.Verify(shared, string(oc.UID), c.ID, secret, c.Verifier) {
			t.Errorf("%s is ready, and what its Secret holds is not accepted", key)
		}
	}
}

func (m *minted) made(shared credential.Key, uid types.UID, secret string) bool {
	for id, verifier := range m.verifiers {
		if credential.Verify(shared, string(uid), id, secret, verifier) {
			return true
		}
	}
	return false
}

// ownedSecrets returns the names of the Secrets that a client of the namespaces owns. The
// caller holds the lock.
func (l *ledger) ownedSecrets() (names []string) {
	for key, secret := range l.secrets {
		if metav1.GetControllerOf(secret) != nil {
			names = append(names, key.String())
		}
	}
	slices.Sort(names)
	return names
}
