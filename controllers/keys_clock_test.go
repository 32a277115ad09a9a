// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/internal/apiclient"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
	"github.com/gatehouse-dev/gatehouse/internal/credential/credentialtest"
)

// N103: the plan compares the operator's clock with the API server's before it rotates.
func TestN103WithTwoClocksThatDisagreeNothingIsRotated(t *testing.T) {
	const ns = "gatehouse-system"
	const year = 365 * 24 * time.Hour
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	old, _ := credential.KeySet{}.Rotated(now.Add(-60*24*time.Hour), credential.SetKey{ID: "00000001", Key: fixed(3)})
	var pool credentialtest.SigningKeys
	old = pool.Complete(old)
	secrets := map[string]*corev1.Secret{}
	for name, data := range map[string]map[string][]byte{
		credential.OperatorKeySecret:    {credential.RootDataKey: fixed(1).Bytes()},
		credential.SharedKeySecret:      {credential.SharedDataKey: fixed(2).Bytes()},
		credential.AuthserverKeysSecret: old.Data(),
	} {
		secrets[name] = keySecret(ns, name, data)
	}
	for _, row := range []struct {
		name      string
		apiServer time.Time
		rotated   bool
	}{
		{"the same", now, true},
		{"a minute apart", now.Add(-time.Minute), true},
		{"not known", time.Time{}, true},
		{"the operator is a year ahead", now.Add(-year), false},
		{"the operator is a year behind", now.Add(year), false},
		{"just too far apart", now.Add(apiclient.MaxSkew + time.Second), false},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := planKeys(keysSeen{secrets: secrets, issued: true}, keysInput{
				namespace: ns, now: now, apiServer: row.apiServer, next: credential.SetKey{ID: "000000ff", Key: fixed(9)}, signing: pool.New,
			})
			if p.set.rotated != row.rotated || (p.set.write != nil) != row.rotated || (p.set.skew == "") != row.rotated || p.problem != "" {
				t.Errorf("rotated %v, skew %q, problem %q", p.set.rotated, p.set.skew, p.problem)
			}
			if !p.pair.root.Equal(fixed(1)) {
				t.Error("the keys are not in use")
			}
			first := planKeys(keysSeen{}, keysInput{namespace: ns, now: now, apiServer: row.apiServer,
				root: fixed(7), shared: fixed(8), next: credential.NewSetKey(now), signing: pool.New})
			set, err := credential.ParseKeySet(first.create[2].Data)
			if err != nil || set.Keys[0].NotBefore.After(now) || !row.apiServer.IsZero() && set.Keys[0].NotBefore.After(row.apiServer) {
				t.Errorf("the first key is active from %v on (%v)", set.Keys, err)
			}
		})
	}
}

// N103, on a real API server: a year ahead, then right again.
func TestN103AnOperatorAYearAheadSaysSoAndChangesNoKey(t *testing.T) {
	s, r := newKeysFixture(t)
	apiServer := apiclient.NewClock()
	config := rest.CopyConfig(s.env.Config)
	config.Wrap(apiServer.Wrap)
	live, err := client.New(config, client.Options{Scheme: s.env.Scheme})
	s.must(err)
	r.Live, r.APIServerTime = live, apiServer.Last
	right := func() time.Time {
		s.must(live.Get(t.Context(), client.ObjectKey{Name: s.ns}, &corev1.Namespace{}))
		return apiServer.Last()
	}
	s.clock.advance(right().Sub(s.clock.Now()))
	s.look(r)
	before := s.keyData()[credential.AuthserverKeysSecret]
	s.writes.reset()
	s.events.reasons()

	for _, wrong := range []time.Duration{365 * 24 * time.Hour, -365 * 24 * time.Hour} {
		s.clock.advance(right().Add(wrong).Sub(s.clock.Now()))
		for range 3 {
			s.look(r)
		}
		events := s.events.all()
		if len(events) != 1 || !strings.HasPrefix(events[0], "Warning KeyClockSkew gatehouse-authserver-keys") {
			t.Errorf("events %q, want one", events)
		}
		s.clock.advance(skewEvery)
		s.look(r)
		if again := len(s.events.all()); again != 2 {
			t.Errorf("%d events an hour later, want a second one", again)
		}
		s.must(r.Ready(nil))
		s.events.reasons()
		s.clock.advance(right().Sub(s.clock.Now()))
		s.look(r)
		if events := s.events.all(); len(events) != 0 {
			t.Errorf("events with the right clock: %q", events)
		}
	}
	s.wantWrites()
	after := s.keyData()[credential.AuthserverKeysSecret]
	if len(after) != len(before) || !slices.EqualFunc(keysOf(before), keysOf(after), strings.EqualFold) {
		t.Errorf("the keys were changed: %v, %v", keysOf(before), keysOf(after))
	}
}

func keysOf(data map[string][]byte) []string {
	var names []string
	for name := range data {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
