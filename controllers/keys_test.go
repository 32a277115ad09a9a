// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
	"github.com/gatehouse-dev/gatehouse/internal/credential/credentialtest"
)

func TestPlanOfTheKeys(t *testing.T) {
	const ns = "gatehouse-system"
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	next := credential.SetKey{ID: "000000ff", Key: fixed(9)}
	set, _ := credential.KeySet{}.Rotated(now.Add(-time.Hour), credential.SetKey{ID: "00000001", Key: fixed(3)})
	old, _ := credential.KeySet{}.Rotated(now.Add(-60*24*time.Hour), credential.SetKey{ID: "00000001", Key: fixed(3)})
	var pool credentialtest.SigningKeys
	set, old = pool.Complete(set), pool.Complete(old)
	without256, other := set.Data(), pool.New(credential.PS256)
	delete(without256, "00000001.20260501T110000Z.RS256")
	short, moved := maps.Clone(set.Data()), maps.Clone(set.Data())
	short["00000001.20260501T110000Z.RS256"] = []byte("hunter2")
	moved["00000001.20260501T110000Z.ES256"] = other.DER()
	operator := keySecret(ns, credential.OperatorKeySecret, map[string][]byte{credential.RootDataKey: fixed(1).Bytes()})
	shared := keySecret(ns, credential.SharedKeySecret, map[string][]byte{credential.SharedDataKey: fixed(2).Bytes()})
	tokens := keySecret(ns, credential.AuthserverKeysSecret, set.Data())
	all := func(change ...*corev1.Secret) map[string]*corev1.Secret {
		secrets := map[string]*corev1.Secret{operator.Name: operator, shared.Name: shared, tokens.Name: tokens}
		for _, s := range change {
			secrets[s.Name] = s
		}
		return secrets
	}
	without := func(name string) map[string]*corev1.Secret {
		secrets := all()
		delete(secrets, name)
		return secrets
	}
	for _, row := range []struct {
		name    string
		seen    keysSeen
		create  []string
		rotated bool
		signing int    // how many are made
		problem string // in its words
		pair    keyPair
	}{
		{name: "first start: all are made", create: keySecretNames(), signing: 3, pair: keyPair{root: fixed(7), shared: fixed(8)}},
		{name: "all there: nothing", seen: keysSeen{secrets: all(), issued: true}, pair: keyPair{root: fixed(1), shared: fixed(2)}},
		{name: "stopped after the first: the others are made", seen: keysSeen{secrets: map[string]*corev1.Secret{operator.Name: operator}},
			create: keySecretNames()[1:], signing: 3, pair: keyPair{root: fixed(1), shared: fixed(8)}},
		{name: "root key gone, nobody needs it: made", seen: keysSeen{secrets: without(operator.Name)},
			create: []string{operator.Name}, pair: keyPair{root: fixed(7), shared: fixed(2)}},
		{name: "root key gone: refused", seen: keysSeen{secrets: without(operator.Name), issued: true}, problem: operator.Name},
		{name: "shared key gone: refused", seen: keysSeen{secrets: without(shared.Name), issued: true}, problem: shared.Name},
		{name: "keys of the tokens gone: refused", seen: keysSeen{secrets: without(tokens.Name), issued: true}, problem: tokens.Name},
		{name: "all gone: refused", seen: keysSeen{issued: true}, problem: operator.Name},
		{name: "root key too short: refused", problem: "32 bytes",
			seen: keysSeen{secrets: all(keySecret(ns, operator.Name, map[string][]byte{"root": []byte("short")}))}},
		{name: "root key under another name: refused", problem: operator.Name,
			seen: keysSeen{secrets: all(keySecret(ns, operator.Name, map[string][]byte{"key": fixed(1).Bytes()}))}},
		{name: "keys of the tokens unreadable: refused", problem: tokens.Name,
			seen: keysSeen{secrets: all(keySecret(ns, tokens.Name, map[string][]byte{"x": nil}))}},
		{name: "one damaged, one missing: nothing is made", problem: tokens.Name,
			seen: keysSeen{secrets: map[string]*corev1.Secret{tokens.Name: keySecret(ns, tokens.Name, nil)}}},
		{name: "keys of the tokens too old: rotated", seen: keysSeen{secrets: all(keySecret(ns, tokens.Name, old.Data())), issued: true},
			rotated: true, signing: 3, pair: keyPair{root: fixed(1), shared: fixed(2)}},
		{name: "a signing key is missing: made", seen: keysSeen{secrets: all(keySecret(ns, tokens.Name, without256)), issued: true},
			signing: 1, pair: keyPair{root: fixed(1), shared: fixed(2)}},
		{name: "N198: a signing key is malformed: refused", problem: `"00000001.20260501T110000Z.RS256": it is no private key`,
			seen: keysSeen{secrets: all(keySecret(ns, tokens.Name, short)), issued: true}},
		{name: "N198: a signing key is of another kind: refused", problem: `"00000001.20260501T110000Z.ES256": a key of ES256 is an ECDSA key`,
			seen: keysSeen{secrets: all(keySecret(ns, tokens.Name, moved)), issued: true}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := planKeys(row.seen, keysInput{namespace: ns, now: now, root: fixed(7), shared: fixed(8), next: next, signing: pool.New})
			var create []string
			for _, s := range got.create {
				create = append(create, s.Name)
			}
			if diff := cmp.Diff(row.create, create); diff != "" {
				t.Errorf("made (-want +got)\n%s", diff)
			}
			if got.set.rotated != row.rotated || len(got.set.signing) != row.signing || strings.Contains(got.problem, "hunter2") {
				t.Errorf("rotated %v, %d signing keys made", got.set.rotated, len(got.set.signing))
			}
			if wants := row.rotated || row.signing > 0 && !slices.Contains(row.create, tokens.Name); (got.set.write != nil) != wants {
				t.Errorf("the set is written: %v, want %v", got.set.write != nil, wants)
			}
			if !got.pair.root.Equal(row.pair.root) || !got.pair.shared.Equal(row.pair.shared) {
				t.Error("other keys than wanted")
			}
			if (got.problem != "") != (row.problem != "") || !strings.Contains(got.problem, row.problem) {
				t.Errorf("problem %q, want one with %q", got.problem, row.problem)
			}
			if got.problem != "" && !strings.Contains(got.problem, "backup") {
				t.Errorf("problem %q does not say how to restore", got.problem)
			}
		})
	}
}

// keysReconciler is a keys controller for a system namespace of its own.
func (s *fixture) keysReconciler(c client.WithWatch) *KeysReconciler {
	return &KeysReconciler{Client: c, Live: c, Namespace: s.ns, Keys: s.keys, NewSigningKey: s.signing.New, Events: s.events, Now: s.clock.Now}
}

func newKeysFixture(t *testing.T) (*fixture, *KeysReconciler) {
	t.Helper()
	s := newFixture(t)
	s.keys = &Keys{}
	s.r.Keys = s.keys
	return s, s.keysReconciler(s.writes.watch(s.api))
}

func (s *fixture) look(r *KeysReconciler) {
	s.t.Helper()
	result, err := r.Reconcile(s.t.Context(), ctrl.Request{})
	s.must(err)
	if result.RequeueAfter != keysEvery {
		s.t.Errorf("looks again after %s, want %s", result.RequeueAfter, keysEvery)
	}
	if pair, ok := s.keys.current(); ok {
		s.pair = pair
	}
}

// keyData returns what the three key Secrets hold.
func (s *fixture) keyData() map[string]map[string][]byte {
	s.t.Helper()
	data := map[string]map[string][]byte{}
	for _, name := range keySecretNames() {
		data[name] = s.secret(name).Data
	}
	return data
}

func TestTheKeysAreMadeAtFirstStartAndThenKept(t *testing.T) {
	s, r := newKeysFixture(t)
	s.look(r)
	s.wantWrites("create gatehouse-operator-key", "create gatehouse-shared-key", "create gatehouse-authserver-keys")
	s.must(r.Ready(nil))
	before, pair := s.keyData(), s.pair
	s.clock.advance(29 * 24 * time.Hour)
	s.look(r)
	s.wantWrites()

	s.keys = &Keys{} // another operator
	s.look(s.keysReconciler(s.writes.watch(s.api)))
	s.wantWrites()
	if diff := cmp.Diff(before, s.keyData()); diff != "" {
		t.Error("the keys were changed")
	}
	if !s.pair.root.Equal(pair.root) || !s.pair.shared.Equal(pair.shared) {
		t.Error("the other operator uses other keys")
	}
}

func TestAKeyCannotBeEditedByMistake(t *testing.T) {
	s, r := newKeysFixture(t)
	s.look(r)
	for _, name := range []string{credential.OperatorKeySecret, credential.SharedKeySecret} {
		secret := s.secret(name)
		for key := range secret.Data {
			secret.Data[key] = fixed(1).Bytes()
		}
		if err := s.api.Update(t.Context(), secret); !apierrors.IsInvalid(err) {
			t.Errorf("%s was edited: %v", name, err)
		}
	}
}

// The promise of DESIGN section 4: refused, said, nothing changed, and on with it
// once the Secret is back.
func TestAKeyThatIsGoneWhileClientsExistIsNeverMadeAnew(t *testing.T) {
	for _, row := range []struct {
		name   string
		secret string
		public bool
	}{
		{name: "root key", secret: credential.OperatorKeySecret},
		{name: "shared key", secret: credential.SharedKeySecret},
		{name: "keys of the tokens", secret: credential.AuthserverKeysSecret},
		{name: "keys of the tokens, with a Public client only", secret: credential.AuthserverKeysSecret, public: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, r := newKeysFixture(t)
			s.look(r)
			oc := s.issued("photoprint", func(oc *v1alpha1.OAuthClient) {
				if row.public {
					oc.Spec.OAuth2 = &v1alpha1.OAuth2Spec{ClientType: v1alpha1.ClientTypePublic}
				}
			})
			s.client("photoapp")
			backup, before := s.secret(row.secret), s.secret("photoprint-oauth")
			s.must(s.api.Delete(t.Context(), backup.DeepCopy()))
			s.events.reasons()

			for range 2 {
				s.look(r)
				s.clock.advance(40 * 24 * time.Hour) // nothing is rotated either
			}
			err := r.Ready(nil)
			if err == nil || !strings.Contains(err.Error(), s.ns+"/"+row.secret) || !strings.Contains(err.Error(), "backup") {
				t.Errorf("readyz says %v", err)
			}
			if events := s.events.all(); len(events) == 0 || !strings.HasPrefix(events[0], "Warning KeyMissing "+row.secret) {
				t.Errorf("events %q", events)
			}
			for _, name := range []string{"photoprint", "photoapp"} {
				_, err := s.reconcile(s.r, name)
				s.must(err)
			}
			s.wantWrites()
			s.noSecret(row.secret)
			if s.get("photoprint").ResourceVersion != oc.ResourceVersion || s.secret("photoprint-oauth").ResourceVersion != before.ResourceVersion {
				t.Error("something was changed")
			}

			backup.ResourceVersion, backup.UID = "", ""
			s.must(s.api.Create(t.Context(), backup))
			s.look(r)
			s.must(r.Ready(nil))
			s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			s.wantReady(s.settle("photoapp"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
		})
	}
}

func TestAKeyIsNotMadeOnTheWordOfACacheThatKnowsNobody(t *testing.T) {
	s, r := newKeysFixture(t)
	s.look(r)
	s.issued("photoprint")
	s.must(s.api.Delete(t.Context(), s.secret(credential.OperatorKeySecret)))
	r.Client = interceptor.NewClient(s.writes.watch(s.api), interceptor.Funcs{
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error { return nil },
	})
	s.look(r)
	s.wantWrites()
	if r.Ready(nil) == nil {
		t.Error("ready")
	}
}

func TestADamagedKeyIsSaidAndNotOverwritten(t *testing.T) {
	s, r := newKeysFixture(t)
	s.look(r)
	s.edit(credential.AuthserverKeysSecret, func(o *corev1.Secret) { o.Data = map[string][]byte{"note": []byte("x")} })
	s.writes.reset()
	s.look(r)
	s.wantWrites()
	if err := r.Ready(nil); err == nil || !strings.Contains(err.Error(), credential.AuthserverKeysSecret) {
		t.Errorf("readyz says %v", err)
	}
}

func TestTheKeysOfTheTokensAreRotatedByTime(t *testing.T) {
	s, r := newKeysFixture(t)
	s.look(r)
	s.issued("photoprint")
	first := slices.Sorted(maps.Keys(s.secret(credential.AuthserverKeysSecret).Data))
	s.clock.advance(credential.RotationPeriod - credential.PublishBefore)
	s.look(r)
	s.wantWrites("patch gatehouse-authserver-keys")
	set, err := credential.ParseKeySet(s.secret(credential.AuthserverKeysSecret).Data)
	s.must(err)
	if len(set.Keys) != 2 || !strings.HasPrefix(first[0], set.Active(s.clock.Now()).ID) {
		t.Errorf("%d keys, or the new one is active before it is known", len(set.Keys))
	}
	for range 200 { // half a year, day by day
		s.clock.advance(24 * time.Hour)
		s.look(r)
	}
	set, err = credential.ParseKeySet(s.secret(credential.AuthserverKeysSecret).Data)
	s.must(err)
	if _, there := set.Find(first[0][:8]); there || len(set.Keys) < 4 || len(set.Keys) > 6 {
		t.Errorf("%d keys after half a year", len(set.Keys))
	}
	for n, k := range set.Keys {
		if private := n >= len(set.Keys)-3; private != (len(k.Signing) == 3) || private == (len(k.Signing) == 0) {
			t.Errorf("key %d of %d has %d signing keys", n+1, len(set.Keys), len(k.Signing))
		}
	}
}

func TestOfTwoOperatorsAtOnceOneRotates(t *testing.T) {
	s, r := newKeysFixture(t)
	s.look(r)
	s.clock.advance(credential.RotationPeriod)
	plans := make([]keysPlan, 2)
	sets := make([]*corev1.Secret, 2)
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
	if set, err := credential.ParseKeySet(s.secret(credential.AuthserverKeysSecret).Data); err != nil || len(set.Keys) != 2 || len(set.SigningEntries()) != 6 {
		t.Errorf("%d keys and %d signing keys (%v), want 2 and 6", len(set.Keys), len(set.SigningEntries()), err)
	}
}

func TestWhicheverCallFailsTheKeysAreMadeOnce(t *testing.T) {
	for _, after := range []bool{false, true} {
		for n := 1; ; n++ {
			s, r := newKeysFixture(t)
			f := &fault{nth: n, after: after}
			first := s.keysReconciler(f.in(s.api))
			if _, err := first.Reconcile(t.Context(), ctrl.Request{}); f.struck == (err == nil) {
				t.Errorf("call %d: struck %v, error %v", n, f.struck, err)
			}
			if f.struck && first.Ready(nil) == nil {
				t.Errorf("call %d failed and the operator is ready", n)
			}
			s.look(r)
			s.must(r.Ready(nil))
			root, err := credential.ParseKey(s.secret(credential.OperatorKeySecret).Data[credential.RootDataKey])
			s.must(err)
			if !root.Equal(s.pair.root) {
				t.Errorf("call %d failed and the key in use is not the one in the cluster", n)
			}
			if !f.struck {
				break
			}
		}
	}
}

func TestOfTwoOperatorsAtOnceOneMakesTheKeys(t *testing.T) {
	s, _ := newKeysFixture(t)
	var group sync.WaitGroup
	operators := make([]*KeysReconciler, 4)
	for i := range operators {
		operators[i] = s.keysReconciler(s.api)
		operators[i].Keys = &Keys{}
		group.Go(func() {
			for range 5 { // one that lost a race has an error, and comes back
				if _, err := operators[i].Reconcile(t.Context(), ctrl.Request{}); err == nil {
					return
				}
			}
			t.Error("does not end")
		})
	}
	group.Wait()
	want, ok := operators[0].Keys.current()
	for _, r := range operators {
		got, _ := r.Keys.current()
		if !ok || !got.root.Equal(want.root) || !got.shared.Equal(want.shared) {
			t.Error("two operators use two keys")
		}
	}
}

func TestKeysInUseStayInUseWhileTheAPIServerIsAway(t *testing.T) {
	s, r := newKeysFixture(t)
	s.look(r)
	f := &fault{nth: 1}
	r.Live = f.in(s.api)
	if _, err := r.Reconcile(t.Context(), ctrl.Request{}); err == nil {
		t.Error("nobody will retry")
	}
	if _, ok := s.keys.current(); !ok || r.Ready(nil) != nil {
		t.Error("the keys are no longer in use")
	}
}

// replaceKey puts another key in place of one of the operator's, as somebody does with one that has leaked.
func (s *fixture) replaceKey(name, dataKey string) credential.Key {
	s.t.Helper()
	next := credential.NewKey()
	s.must(s.api.Delete(s.t.Context(), s.secret(name)))
	s.must(s.api.Create(s.t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: name}, Data: map[string][]byte{dataKey: next.Bytes()},
	}))
	return next
}

// Whoever replaces a key and asks at once gets a client secret of the new key, from an operator that has not looked at its keys since.
func TestNoClientSecretIsMadeOfAKeyThatWasReplaced(t *testing.T) {
	for name, row := range map[string]struct {
		before bool // there is the client already
		change func(*v1alpha1.OAuthClient)
		key    string
		data   string
		form   func(*v1alpha1.OAuthClient)
	}{
		"a reset":            {true, reset("1"), credential.OperatorKeySecret, credential.RootDataKey, of(v1alpha1.ProfileOAuth2)},
		"a reset of OAuth1":  {true, reset("1"), credential.SharedKeySecret, credential.SharedDataKey, of(v1alpha1.ProfileOAuth1)},
		"a rotation":         {true, rotation("1"), credential.OperatorKeySecret, credential.RootDataKey, of(v1alpha1.ProfileOAuth2)},
		"a new client":       {false, nil, credential.OperatorKeySecret, credential.RootDataKey, of(v1alpha1.ProfileOAuth2)},
		"one that had none":  {true, func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials = v1alpha1.CredentialsSpec{} }, credential.OperatorKeySecret, credential.RootDataKey, inlineKeys(firstJWKS)},
		"a key that is gone": {true, reset("1"), "", "", of(v1alpha1.ProfileOAuth2)},
	} {
		t.Run(name, func(t *testing.T) {
			s, r := newKeysFixture(t)
			s.look(r)
			s.keys.source = r.readPair
			if row.before {
				s.issued("photoprint", row.form)
			}
			if row.key != "" {
				s.replaceKey(row.key, row.data)
			} else {
				s.must(s.api.Delete(t.Context(), s.secret(credential.OperatorKeySecret)))
			}
			if row.before {
				s.update("photoprint", row.change)
			} else {
				s.client("photoprint", row.form)
			}
			s.writes.take()
			for range 3 {
				if result, err := s.reconcile(s.r, "photoprint"); err != nil || result.RequeueAfter != keysLag {
					t.Errorf("result %v, error %v", result, err)
				}
			}
			s.wantWrites()
			if row.key == "" {
				return
			}
			s.look(r)
			s.settle("photoprint")
			oc := s.settle("photoprint")
			c := oc.Status.Credentials[len(oc.Status.Credentials)-1]
			want := derive(input{subject: s.subject("photoprint"), keys: s.pair}, c.ID)
			if name == "a rotation" { // of a key that is gone the old one cannot be made again
				want = s.valueOf("photoprint")
			}
			if s.valueOf("photoprint") != want || !s.accepts(oc, want) {
				t.Error("the client secret is not one of the new key")
			}
		})
	}
}

// While the keys cannot be read, nothing is made of those that were.
func TestNoClientSecretIsMadeWhileTheKeysCannotBeRead(t *testing.T) {
	s, r := newKeysFixture(t)
	s.look(r)
	s.keys.source = func(context.Context) (keyPair, error) { return keyPair{}, errFault }
	s.client("photoprint")
	if _, err := s.reconcile(s.r, "photoprint"); !errors.Is(err, errFault) {
		t.Errorf("error %v", err)
	}
	s.noSecret("photoprint-oauth")
	s.keys.source = r.readPair
	s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	s.keys.source = func(context.Context) (keyPair, error) { return keyPair{}, errFault }
	s.settle("photoprint") // what makes none reads none
}

// A thousand clients that are applied at once cost no thousand readings of the keys.
func TestThoseWhoAskForTheKeysAtATimeShareAReading(t *testing.T) {
	pair, readings := keyPair{root: fixed(1), shared: fixed(2)}, 0
	k := &Keys{source: func(context.Context) (keyPair, error) {
		readings++
		return pair, nil
	}}
	ask := func(since int64, want bool, all int) {
		t.Helper()
		if got, err := k.areCurrent(t.Context(), keyPair{root: fixed(1), shared: fixed(2)}, since); err != nil || got != want || readings != all {
			t.Errorf("current: %t (%v), after %d readings; want %t after %d", got, err, readings, want, all)
		}
	}
	early := k.readings()
	ask(early, true, 1)
	ask(early, true, 1)
	pair.root = fixed(3)
	ask(early, true, 1) // it was read after that
	ask(k.readings(), false, 2)
	ask(early, false, 2)
}
