// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// set reads the keys of the tokens.
func (s *fixture) set() credential.KeySet {
	s.t.Helper()
	set, err := credential.ParseKeySet(s.secret(credential.AuthserverKeysSecret).Data)
	s.must(err)
	return set
}

// throwOut removes an entry, as docs/operations.md says.
func (s *fixture) throwOut(entry string) {
	s.t.Helper()
	patch := fmt.Sprintf(`[{"op":"remove","path":"/data/%s"}]`, entry)
	s.must(s.api.Patch(s.t.Context(), s.secret(credential.AuthserverKeysSecret), client.RawPatch(types.JSONPatchType, []byte(patch))))
}

func TestASigningKeyThatIsThrownOutIsReplacedByAnotherAtOnce(t *testing.T) {
	for _, row := range []struct {
		name string
		skew time.Duration // of the API server's clock
	}{
		{name: "right clocks"},
		{name: "an operator a year ahead", skew: -365 * 24 * time.Hour},
		{name: "an operator a year behind", skew: 365 * 24 * time.Hour},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, r := newKeysFixture(t)
			s.look(r)
			now := s.clock.Now()
			r.APIServerTime = func() time.Time { return now.Add(row.skew) }
			leaked, _ := s.set().SigningKey(credential.RS256, now)
			before := s.set().SigningEntries()
			s.throwOut(before[leaked.ID])
			s.writes.reset()
			for range 3 {
				s.look(r)
			}
			s.wantWrites("patch gatehouse-authserver-keys")
			made, there := s.set().SigningKey(credential.RS256, now)
			if !there || made.ID == leaked.ID {
				t.Fatalf("signs with %q, was %q", made.ID, leaked.ID)
			}
			if _, there := s.set().FindSigning(leaked.ID); there {
				t.Error("the key is still there")
			}
			want := maps.Clone(before)
			delete(want, leaked.ID)
			want[made.ID] = before[leaked.ID]
			if !maps.Equal(want, s.set().SigningEntries()) {
				t.Errorf("entries %v, want %v", s.set().SigningEntries(), want)
			}
			if len(s.set().Keys) != 1 {
				t.Error("the keys of the tokens were changed")
			}
		})
	}
}

func TestOfTwoOperatorsAtOnceOneReplacesASigningKey(t *testing.T) {
	s, r := newKeysFixture(t)
	s.look(r)
	thrown, _ := s.set().SigningKey(credential.ES256, s.clock.Now())
	s.throwOut(s.set().SigningEntries()[thrown.ID])
	plans, sets := make([]keysPlan, 2), make([]*corev1.Secret, 2)
	for i := range plans {
		seen, err := r.observe(t.Context())
		s.must(err)
		sets[i] = seen.secrets[credential.AuthserverKeysSecret]
		plans[i] = planKeys(seen, keysInput{namespace: s.ns, now: s.clock.Now(), next: credential.NewSetKey(s.clock.Now()), signing: s.signing.New})
	}
	s.must(r.apply(t.Context(), plans[0], sets[0]))
	if err := r.apply(t.Context(), plans[1], sets[1]); !apierrors.IsConflict(err) {
		t.Errorf("error %v, want a conflict", err)
	}
	made, _ := s.set().SigningKey(credential.ES256, s.clock.Now())
	if _, ours := plans[0].set.signing[made.ID]; !ours || len(s.set().SigningEntries()) != 3 {
		t.Errorf("%d signing keys, made by the first operator: %v", len(s.set().SigningEntries()), ours)
	}
	s.writes.reset()
	s.look(r) // the second operator, again
	s.wantWrites()
}

// The operator is told of it: nothing else would have it look within this test.
func TestTheOperatorSeesAtOnceThatASigningKeyIsThrownOut(t *testing.T) {
	s := newFixture(t)
	s.keysEvery = time.Hour
	s.start()
	for range 2 {
		leaked, _ := s.set().SigningKey(credential.ES256, s.clock.Now())
		s.throwOut(s.set().SigningEntries()[leaked.ID])
		s.eventually("another is made", func() bool {
			made, there := s.set().SigningKey(credential.ES256, s.clock.Now())
			return there && made.ID != leaked.ID
		})
	}
}

// N199, of the operator: its log names kid and entry of a key that it makes, and no key.
func TestN199TheOperatorTellsTheKidOfASigningKeyAndNotTheKey(t *testing.T) {
	s, r := newKeysFixture(t)
	var logged bytes.Buffer
	ctx := logr.NewContext(t.Context(), funcr.New(func(prefix, args string) { fmt.Fprintln(&logged, prefix, args) }, funcr.Options{}))
	look := func(ctx context.Context) {
		_, err := r.Reconcile(ctx, ctrl.Request{})
		s.must(err)
	}
	look(ctx)
	first := s.set()
	thrown, _ := first.SigningKey(credential.PS256, s.clock.Now())
	s.throwOut(first.SigningEntries()[thrown.ID])
	look(ctx)
	all := s.set().SigningEntries()
	maps.Copy(all, first.SigningEntries())
	if len(all) != 4 {
		t.Fatalf("%d signing keys were made, want 4", len(all))
	}
	for kid, entry := range all {
		if want := fmt.Sprintf(`"entry"=%q "kid"=%q`, entry, kid); strings.Count(logged.String(), want) != 1 {
			t.Errorf("the log does not say %s once", want)
		}
	}
	data := s.secret(credential.AuthserverKeysSecret).Data
	for entry := range data {
		if strings.HasSuffix(entry, "S256") {
			bad := maps.Clone(data)
			bad[entry] = data[entry][:len(data[entry])-1]
			s.edit(credential.AuthserverKeysSecret, func(o *corev1.Secret) { o.Data = bad })
			look(ctx)
			if err := r.Ready(nil); err == nil || !strings.Contains(err.Error(), entry) {
				t.Errorf("readyz says %v, want the entry %s", err, entry)
			}
		}
	}
	said := logged.String() + strings.Join(s.events.all(), "\n") + r.Ready(nil).Error()
	for entry, value := range data {
		end := value[len(value)-20:]
		for _, form := range []string{string(end), hex.EncodeToString(end), base64.StdEncoding.EncodeToString(value)[20:]} {
			if strings.Contains(strings.ToLower(said), strings.ToLower(form)) {
				t.Errorf("the entry %s is told", entry)
			}
		}
	}
}
