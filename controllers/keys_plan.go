// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/internal/apiclient"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// keySecretNames are the key Secrets, in the order in which they are made.
func keySecretNames() []string {
	return []string{credential.OperatorKeySecret, credential.SharedKeySecret, credential.AuthserverKeysSecret}
}

// keysSeen is what the cluster holds.
type keysSeen struct {
	secrets map[string]*corev1.Secret // by name; absent ones are not in it
	issued  bool                      // some client lives on these keys
	// apiServer is what the API server's clock showed; zero: unknown.
	apiServer time.Time
}

// keysInput is what a plan may not find out itself.
type keysInput struct {
	namespace    string
	now          time.Time
	apiServer    time.Time         // what the API server's clock showed just now; zero: unknown
	root, shared credential.Key    // spent if the Secret has to be made
	next         credential.SetKey // spent if the set has to be made or rotated
	// signing makes a signing key. It is called for those that are missing: an RSA key takes a while.
	signing func(credential.SigningAlgorithm) credential.SigningKey
}

// earlier returns the earlier of the two clocks. A key that is active too early can be used;
// one that is active too late cannot.
func (in keysInput) earlier() time.Time {
	if !in.apiServer.IsZero() && in.apiServer.Before(in.now) {
		return in.apiServer
	}
	return in.now
}

// keysPlan is what is to be done. Either there is a problem, and nothing is written
// and no key is used, or the keys are those of pair once the writes are done.
type keysPlan struct {
	problem string
	missing string           // the Secret the problem is about
	create  []*corev1.Secret // in this order
	set     keySetPlan
	pair    keyPair
}

// planKeys decides about the three key Secrets. A key is made only while nothing
// depends on it: a new key in place of a lost one would end every client secret or
// every token without a word.
func planKeys(seen keysSeen, in keysInput) keysPlan {
	for _, name := range keySecretNames() {
		if seen.secrets[name] == nil && seen.issued {
			return keysPlan{missing: name, problem: lostKey(in.namespace, name)}
		}
	}
	root, makeRoot, err := planKey(seen, in.namespace, credential.OperatorKeySecret, credential.RootDataKey, in.root)
	if err != nil {
		return keysPlan{missing: credential.OperatorKeySecret, problem: damagedKey(in.namespace, credential.OperatorKeySecret, err)}
	}
	shared, makeShared, err := planKey(seen, in.namespace, credential.SharedKeySecret, credential.SharedDataKey, in.shared)
	if err != nil {
		return keysPlan{missing: credential.SharedKeySecret, problem: damagedKey(in.namespace, credential.SharedKeySecret, err)}
	}
	set, err := planKeySet(seen.secrets[credential.AuthserverKeysSecret], in)
	if err != nil {
		return keysPlan{missing: credential.AuthserverKeysSecret, problem: damagedKey(in.namespace, credential.AuthserverKeysSecret, err)}
	}
	missing := slices.DeleteFunc([]*corev1.Secret{makeRoot, makeShared, set.create}, func(s *corev1.Secret) bool { return s == nil })
	return keysPlan{pair: keyPair{root: root, shared: shared}, create: missing, set: set}
}

// planKey reads a Secret that holds a single key. If there is none, it returns the fresh key and
// the Secret to make.
func planKey(seen keysSeen, namespace, name, dataKey string, fresh credential.Key) (credential.Key, *corev1.Secret, error) {
	if seen.secrets[name] == nil {
		// Immutable: an edit by mistake is refused. To delete it is still possible.
		secret := keySecret(namespace, name, map[string][]byte{dataKey: fresh.Bytes()})
		secret.Immutable = new(true)
		return fresh, secret, nil
	}
	key, err := credential.ParseKey(seen.secrets[name].Data[dataKey])
	if err != nil {
		return credential.Key{}, nil, fmt.Errorf("its data key %q: %w", dataKey, err)
	}
	return key, nil, nil
}

// keySetPlan is what is to be done with the authorization server's keys: nothing, or make the
// first ones, or rotate them, or make the signing keys that are missing.
type keySetPlan struct {
	create *corev1.Secret
	write  map[string][]byte
	// rotated says that write differs by more than signing keys.
	rotated bool
	// signing are the entries of the signing keys that are made, by kid.
	signing map[string]string
	skew    string // why the keys are not rotated
}

// planKeySet decides about the set. Signing keys that are missing are made whatever the clocks show:
// which ones these are does not depend on the time.
func planKeySet(seen *corev1.Secret, in keysInput) (keySetPlan, error) {
	if seen == nil {
		set, _ := credential.KeySet{}.Rotated(in.earlier(), in.next)
		set, _ = set.Completed(in.signing)
		return keySetPlan{
			create:  keySecret(in.namespace, credential.AuthserverKeysSecret, set.Data()),
			signing: set.SigningEntries(),
		}, nil
	}
	set, err := credential.ParseKeySet(seen.Data)
	if err != nil {
		return keySetPlan{}, err
	}
	var plan keySetPlan
	wanted, rotated := set.Rotated(in.now, in.next)
	if !in.apiServer.IsZero() && in.now.Sub(in.apiServer).Abs() > apiclient.MaxSkew {
		wanted, rotated = set, false
		plan.skew = clockSkew(in.now, in.apiServer)
	}
	wanted, signing := wanted.Completed(in.signing)
	if !rotated && !signing {
		return plan, nil
	}
	plan.write, plan.rotated, plan.signing = wanted.Data(), rotated, wanted.SigningEntries()
	for kid := range set.SigningEntries() {
		delete(plan.signing, kid)
	}
	return plan, nil
}

func keySecret(namespace, name string, data map[string][]byte) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name,
			Labels: map[string]string{"app.kubernetes.io/managed-by": fieldManager},
		},
		Type: corev1.SecretTypeOpaque,
		Data: data,
	}
}

func clockSkew(operator, apiServer time.Time) string {
	return fmt.Sprintf("The clock of the operator shows %s, the clock of the API server shows %s. "+
		"Set the wrong one. The keys of the tokens are not rotated until the clocks are less than %s apart.",
		operator.UTC().Format(time.RFC3339), apiServer.UTC().Format(time.RFC3339), apiclient.MaxSkew)
}

func lostKey(namespace, name string) string {
	return fmt.Sprintf("The Secret %s/%s is missing, and there are clients whose secrets or tokens depend on it. "+
		"Restore it from a backup; until then no client is changed and no key is made. "+
		"If it is lost for good, make it by hand with 32 random bytes for each key, and reset the credentials of every client that then says KeyMismatch.",
		namespace, name)
}

func damagedKey(namespace, name string, err error) string {
	return fmt.Sprintf("The Secret %s/%s cannot be used: %s. Restore it from a backup; until then no client is changed and no key is made.",
		namespace, name, err)
}
