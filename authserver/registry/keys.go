// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"

	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// UseKeys is told the keys when both are there, and again when one of them has changed.
type UseKeys func(shared credential.Key, set credential.KeySet)

// Keys watches the two Secrets that hold the authorization server's keys, by name: the
// right to get, list and watch just these two is enough.
type Keys struct {
	log       *slog.Logger
	namespace string
	use       UseKeys
	watches   []*watch
	there     chan struct{} // closed when both keys were handed on

	mu     sync.Mutex
	shared credential.Key
	set    credential.KeySet
}

// NewKeys returns a Keys that hands the keys of the namespace to use, once Run runs. Calls
// of use do not overlap.
func NewKeys(config *rest.Config, namespace string, log *slog.Logger, use UseKeys) (*Keys, error) {
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("prepare to watch the keys: %w", err)
	}
	client, err := newClient(config, scheme, corev1.SchemeGroupVersion)
	if err != nil {
		return nil, fmt.Errorf("prepare to watch the keys: %w", err)
	}
	k := &Keys{log: log, namespace: namespace, use: use, there: make(chan struct{})}
	for _, name := range []string{credential.SharedKeySecret, credential.AuthserverKeysSecret} {
		from := source{resource: "secrets", namespace: namespace, kind: &corev1.Secret{},
			selector: fields.OneTermEqualSelector("metadata.name", name)}
		k.watches = append(k.watches, newWatch(client, from, keySecret{keys: k, name: name}, log))
	}
	return k, nil
}

// Run watches the keys until ctx ends. A Secret that is deleted or holds no key is logged,
// and the last good one stays in use.
func (k *Keys) Run(ctx context.Context) {
	var running sync.WaitGroup
	for _, w := range k.watches {
		running.Go(func() { w.run(ctx) })
	}
	running.Wait()
}

// Synced reports whether both keys were handed on.
func (k *Keys) Synced() bool {
	select {
	case <-k.there:
		return true
	default:
		return false
	}
}

// WaitForSync returns nil once both keys were handed on, or ctx's error. It logs every few
// seconds which Secrets it waits for.
func (k *Keys) WaitForSync(ctx context.Context) error {
	return await(ctx, k.there, func() {
		k.log.WarnContext(ctx, "waiting for the keys, which the operator makes", "namespace", k.namespace, "secrets", k.missing())
	})
}

func (k *Keys) missing() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var names []string
	if k.shared.IsZero() {
		names = append(names, credential.SharedKeySecret)
	}
	if len(k.set.Keys) == 0 {
		names = append(names, credential.AuthserverKeysSecret)
	}
	return names
}

// keySecret keeps one of the two Secrets.
type keySecret struct {
	keys *Keys
	name string
}

func (s keySecret) upsert(secret *corev1.Secret) {
	// The selector lets only this name through; a key must not depend on that alone.
	if secret.Name != s.name || secret.Namespace != s.keys.namespace {
		return
	}
	if err := s.keys.take(s.name, secret.Data); err != nil {
		s.keys.log.Error("a Secret with keys is malformed; the keys read before stay in use",
			"namespace", secret.Namespace, "secret", s.name, "err", err)
	}
}

func (s keySecret) remove(*corev1.Secret) { s.keys.lost(s.name) }

func (s keySecret) replace(all []*corev1.Secret) {
	for _, secret := range all {
		s.upsert(secret)
	}
	if len(all) == 0 {
		s.keys.lost(s.name)
	}
}

// lost tells of a Secret that is gone. Before it was there for the first time, WaitForSync
// does.
func (k *Keys) lost(name string) {
	if !slices.Contains(k.missing(), name) {
		k.log.Error("a Secret with keys was deleted; the keys read before stay in use; restore it from a backup",
			"namespace", k.namespace, "secret", name)
	}
}

// take reads one Secret and hands the keys on if that changes them.
func (k *Keys) take(name string, data map[string][]byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	shared, set := k.shared, k.set
	var err error
	if name == credential.SharedKeySecret {
		shared, err = readShared(data)
	} else {
		set, err = credential.ParseKeySet(data)
	}
	if err != nil {
		return err
	}
	if shared.Equal(k.shared) && equalSets(set, k.set) {
		return nil
	}
	k.shared, k.set = shared, set
	if shared.IsZero() || len(set.Keys) == 0 {
		return nil
	}
	k.use(shared, set)
	k.log.Info("keys are in use", "namespace", k.namespace, "set", len(set.Keys), "signing", set.SigningEntries())
	select {
	case <-k.there:
	default:
		close(k.there)
	}
	return nil
}

func readShared(data map[string][]byte) (credential.Key, error) {
	raw, found := data[credential.SharedDataKey]
	if !found {
		return credential.Key{}, errors.New("it has no entry " + credential.SharedDataKey)
	}
	return credential.ParseKey(raw)
}

func equalSets(a, b credential.KeySet) bool {
	return slices.EqualFunc(a.Keys, b.Keys, func(x, y credential.SetKey) bool {
		return x.ID == y.ID && x.NotBefore.Equal(y.NotBefore) && x.Key.Equal(y.Key) &&
			slices.EqualFunc(x.Signing, y.Signing, credential.SigningKey.Equal)
	})
}
