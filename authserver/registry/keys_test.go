// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/gatehouse-dev/gatehouse/internal/credential"
	"github.com/gatehouse-dev/gatehouse/internal/credential/credentialtest"
)

// handed is what a callback was told.
type handed struct {
	shared credential.Key
	set    credential.KeySet
}

// newKeys returns a Keys that watches nothing, what it handed on, and what it logged.
func newKeys(t *testing.T) (*Keys, *[]handed, *bytes.Buffer) {
	t.Helper()
	var all []handed
	var logged bytes.Buffer
	k, err := NewKeys(&rest.Config{Host: "https://127.0.0.1:1"}, "gatehouse-system", slog.New(slog.NewTextHandler(&logged, nil)),
		func(shared credential.Key, set credential.KeySet) { all = append(all, handed{shared, set}) })
	if err != nil {
		t.Fatal(err)
	}
	return k, &all, &logged
}

func secret(name string, data map[string][]byte) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "gatehouse-system", Name: name}, Data: data}
}

func sharedSecret(key credential.Key) *corev1.Secret {
	return secret(credential.SharedKeySecret, map[string][]byte{credential.SharedDataKey: key.Bytes()})
}

func setSecret(keys ...credential.SetKey) *corev1.Secret {
	return secret(credential.AuthserverKeysSecret, credential.KeySet{Keys: keys}.Data())
}

// tell lets the keeper of the Secret's name have it, as its watch would.
func tell(k *Keys, s *corev1.Secret) { keySecret{keys: k, name: s.Name}.upsert(s) }

func TestKeysAreHandedOnWhenBothAreThereAndWhenOneChanges(t *testing.T) {
	k, all, _ := newKeys(t)
	shared, other := credential.NewKey(), credential.NewKey()
	first, second := credential.NewSetKey(start), credential.NewSetKey(start.Add(day))
	one, two := credential.KeySet{Keys: []credential.SetKey{first}}, credential.KeySet{Keys: []credential.SetKey{first, second}}
	for _, row := range []struct {
		name   string
		secret *corev1.Secret
		want   []handed
	}{
		{name: "one of them", secret: setSecret(first)},
		{name: "both", secret: sharedSecret(shared), want: []handed{{shared, one}}},
		{name: "told again", secret: sharedSecret(shared), want: []handed{{shared, one}}},
		{name: "told again, the other", secret: setSecret(first), want: []handed{{shared, one}}},
		{name: "the set is rotated", secret: setSecret(first, second), want: []handed{{shared, one}, {shared, two}}},
		{name: "the shared key is restored from a backup", secret: sharedSecret(other), want: []handed{{shared, one}, {shared, two}, {other, two}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			tell(k, row.secret)
			if diff := cmp.Diff(row.want, *all, cmp.AllowUnexported(handed{})); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if k.Synced() != (len(row.want) > 0) {
				t.Errorf("Synced = %v", k.Synced())
			}
		})
	}
}

func TestAKeyThatIsBrokenOrGoneIsSaidAndTheLastGoodOneStays(t *testing.T) {
	good := credential.NewKey()
	set := credential.NewSetKey(start)
	for _, row := range []struct {
		name string
		do   func(*Keys)
		want string // in the log
	}{
		{name: "short", do: func(k *Keys) {
			tell(k, secret(credential.SharedKeySecret, map[string][]byte{"shared": []byte("hunter2")}))
		}, want: "32 bytes"},
		{name: "empty", do: func(k *Keys) { tell(k, secret(credential.SharedKeySecret, nil)) }, want: "no entry shared"},
		{name: "empty set", do: func(k *Keys) { tell(k, secret(credential.AuthserverKeysSecret, nil)) }, want: "at least one"},
		{name: "broken set", do: func(k *Keys) {
			tell(k, secret(credential.AuthserverKeysSecret, map[string][]byte{"k": []byte("hunter2")}))
		}, want: "ID"},
		{name: "deleted", do: func(k *Keys) { keySecret{k, credential.SharedKeySecret}.remove(sharedSecret(good)) }, want: "was deleted"},
		{name: "gone after a pause", do: func(k *Keys) { keySecret{k, credential.AuthserverKeysSecret}.replace(nil) }, want: "was deleted"},
	} {
		t.Run(row.name, func(t *testing.T) {
			k, all, logged := newKeys(t)
			tell(k, sharedSecret(good))
			tell(k, setSecret(set))
			row.do(k)
			if len(*all) != 1 || !k.shared.Equal(good) || len(k.set.Keys) != 1 || !k.Synced() {
				t.Errorf("the good keys did not stay: %d hand-overs", len(*all))
			}
			if got := logged.String(); !strings.Contains(got, "level=ERROR") || !strings.Contains(got, row.want) {
				t.Errorf("logged %q, want %q", got, row.want)
			}
			if strings.Contains(logged.String(), "hunter2") {
				t.Error("a key was logged")
			}
		})
	}
}

// N198, of the server: a signing key that is wrong leaves all keys as they were, and the log says which
// entry it is. N199: it does not say what is in it.
func TestN198ASigningKeyThatIsWrongLeavesTheKeysInUse(t *testing.T) {
	var pool credentialtest.SigningKeys
	set := pool.Complete(credential.KeySet{Keys: []credential.SetKey{credential.NewSetKey(start)}})
	of := func(algorithm credential.SigningAlgorithm) []byte {
		return set.Data()[set.Keys[0].Entry()+"."+string(algorithm)]
	}
	for _, row := range []struct {
		name  string
		entry credential.SigningAlgorithm
		value []byte
	}{
		{name: "malformed", entry: credential.RS256, value: []byte("hunter2")},
		{name: "of another algorithm", entry: credential.ES256, value: pool.New(credential.RS256).DER()},
		{name: "shared by two algorithms", entry: credential.PS256, value: of(credential.RS256)},
		{name: "of an algorithm that there is not", entry: "EdDSA", value: of(credential.ES256)},
	} {
		t.Run(row.name, func(t *testing.T) {
			k, all, logged := newKeys(t)
			tell(k, sharedSecret(credential.NewKey()))
			tell(k, setSecret(set.Keys...))
			bad := set.Data()
			bad[set.Keys[0].Entry()+"."+string(row.entry)] = row.value
			logged.Reset()
			tell(k, secret(credential.AuthserverKeysSecret, bad))
			if len(*all) != 1 || len(k.set.Published(start)) != 3 || !k.Synced() {
				t.Errorf("the good keys did not stay: %d hand-overs", len(*all))
			}
			got := logged.String()
			if !strings.Contains(got, "level=ERROR") || !strings.Contains(got, set.Keys[0].Entry()) || !strings.Contains(got, "the keys read before stay in use") {
				t.Errorf("logged %q", got)
			}
			if strings.Contains(got, "hunter2") || strings.Contains(got, "asn1") {
				t.Errorf("logged %q, which may quote a key", got)
			}
		})
	}
}

func TestSigningKeysAreHandedOnWhenTheyChange(t *testing.T) {
	var pool credentialtest.SigningKeys
	bare := credential.KeySet{Keys: []credential.SetKey{credential.NewSetKey(start)}}
	first := pool.Complete(bare)
	thrown := credential.KeySet{Keys: slices.Clone(first.Keys)}
	thrown.Keys[0].Signing = thrown.Keys[0].Signing[1:]
	second := pool.Complete(thrown)
	k, all, logged := newKeys(t)
	tell(k, sharedSecret(credential.NewKey()))
	for n, set := range []credential.KeySet{bare, first, thrown, second} {
		for range 2 { // told again: nothing new
			tell(k, setSecret(set.Keys...))
		}
		if len(*all) != n+1 || !cmp.Equal((*all)[n].set, set) {
			t.Fatalf("after set %d: %d hand-overs", n+1, len(*all))
		}
		for kid, entry := range set.SigningEntries() {
			if !strings.Contains(logged.String(), kid+":"+entry) {
				t.Errorf("the log does not say that %s is the entry %s", kid, entry)
			}
		}
	}
}

func TestASecretOfAnotherNameOrNamespaceIsNoKey(t *testing.T) {
	k, _, _ := newKeys(t)
	foreign := sharedSecret(credential.NewKey())
	foreign.Namespace = "evil"
	tell(k, foreign)
	keySecret{k, credential.SharedKeySecret}.upsert(setSecret(credential.NewSetKey(start)))
	if diff := cmp.Diff([]string{credential.SharedKeySecret, credential.AuthserverKeysSecret}, k.missing()); diff != "" {
		t.Errorf("missing (-want +got)\n%s", diff)
	}
}

func TestSecretsThatWereNeverThereAreWaitedForNotComplainedAbout(t *testing.T) {
	k, all, logged := newKeys(t)
	keySecret{k, credential.SharedKeySecret}.replace(nil)
	keySecret{k, credential.AuthserverKeysSecret}.replace([]*corev1.Secret{setSecret(credential.NewSetKey(start))})
	if len(*all) != 0 || k.Synced() || logged.Len() != 0 {
		t.Errorf("%d hand-overs, logged %q", len(*all), logged)
	}
	if diff := cmp.Diff([]string{credential.SharedKeySecret}, k.missing()); diff != "" {
		t.Errorf("missing (-want +got)\n%s", diff)
	}
}
