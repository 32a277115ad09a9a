// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/adminapi"
)

const (
	// refusalsEvery is how often the server is asked what it refused, unless Refusals says it.
	refusalsEvery = time.Minute
	// refusalEventEvery is how often a client has an Event for one reason at most.
	refusalEventEvery = 10 * time.Minute
	// maxRefusalNote bounds the text of an Event, in bytes. The API server takes 1024.
	maxRefusalNote = 1000
)

// RefusalSource reads which requests the authorization server refused lately. adminapi.Client is one. What could be read comes
// beside an error about the rest.
type RefusalSource interface {
	Refused(ctx context.Context) ([]adminapi.Refusal, error)
}

// Refusals has Events on OAuthClients say which requests the authorization server refused because they differ from what the
// client declares. The leader asks. What is older than its first question is old news, which the leader before has told: also where a
// replica tells of it later.
type Refusals struct {
	// Client reads OAuthClients from the cache.
	Client client.Client
	Source RefusalSource
	Class  v1alpha1.ClassName
	Events EventRecorder
	// Every is how often the server is asked. Zero: once a minute.
	Every time.Duration
	// Now is the clock.
	Now func() time.Time

	mu    sync.Mutex
	began time.Time // of the first poll; zero: there was none
	known map[refusalKey]toldRefusal
}

type refusalKey struct {
	uid    types.UID
	reason string
}

// toldRefusal is the newest refusal that was told, and when it was.
type toldRefusal struct{ at, told time.Time }

// Start polls until ctx ends. Only the leader runs it.
func (r *Refusals) Start(ctx context.Context) error {
	log, failing := ctrl.Log.WithName("refusals"), false
	tick := time.NewTicker(cmp.Or(r.Every, refusalsEvery))
	defer tick.Stop()
	for {
		err := r.poll(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			log.Error(err, "Not every replica of the authorization server says what it refused. It is asked again, and Events about it may be missing.")
		}
		failing = err != nil
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// poll asks once, and tells what is new.
func (r *Refusals) poll(ctx context.Context) error {
	began := r.begin()
	found, err := r.Source.Refused(ctx)
	newest := map[refusalKey]*adminapi.Refusal{}
	for n := range found {
		item := &found[n]
		if item.Mismatch == nil || refusalAdvice[item.Mismatch.Reason] == "" || !item.At.After(began) {
			continue
		}
		key := refusalKey{types.UID(item.ClientUID), item.Mismatch.Reason}
		if old := newest[key]; old == nil || item.At.After(old.At) {
			newest[key] = item
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.Now()
	for key, item := range newest {
		before, known := r.known[key]
		switch {
		case known && (!item.At.After(before.at) || now.Sub(before.told) < refusalEventEvery):
		case r.tell(ctx, item):
			r.known[key] = toldRefusal{item.At, now}
		}
	}
	if err == nil { // what no replica remembers any more cannot be told twice
		for key, told := range r.known {
			if newest[key] == nil && now.Sub(told.told) >= refusalEventEvery {
				delete(r.known, key)
			}
		}
	}
	return err
}

// begin returns when the first poll began. The instant is that of this clock, and those of refusals are of the replicas' clocks.
func (r *Refusals) begin() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil {
		r.began, r.known = r.Now(), map[refusalKey]toldRefusal{}
	}
	return r.began
}

// tell makes the Event, and reports whether there is an object that it is about.
func (r *Refusals) tell(ctx context.Context, item *adminapi.Refusal) bool {
	oc := &v1alpha1.OAuthClient{}
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: item.Namespace, Name: item.Client}, oc)
	if err != nil || string(oc.UID) != item.ClientUID || oc.Spec.ClassName != r.Class {
		return false
	}
	r.Events.Eventf(oc, nil, corev1.EventTypeWarning, item.Mismatch.Reason, "Authorize", "%s", refusalNote(item))
	return true
}

// refusalAdvice says what happened and what to do, by the reason.
var refusalAdvice = map[string]string{
	adminapi.CallbackDiffers: "A login was refused: its callback is none of spec.callbackURLs, which are compared character for character. Correct the application or the list.",
	adminapi.PKCEMissing:     "A login was refused: it had no code challenge (PKCE, RFC 7636). Have the application send code_challenge with code_challenge_method=S256.",
	adminapi.ScopeNotAllowed: "A request was refused: it asked for a scope that the client may not have. Put it into spec.scopes, and have the API's ResourceServer open it; or correct the application.",
}

// refusalNote is the text of the Event: both values come cleaned from the server, and are cleaned again and cut here.
func refusalNote(item *adminapi.Refusal) string {
	m := item.Mismatch
	note := refusalAdvice[m.Reason]
	if len(m.Asked) > 0 {
		note += " Asked for: " + strings.Join(m.Asked, ", ") + "."
	}
	if len(m.Declared) > 0 {
		note += " Declared: " + strings.Join(m.Declared, ", ") + "."
	}
	note = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, note)
	end := fmt.Sprintf(" Request %.64s: kubectl gatehouse why tells more.", item.RequestID)
	return note[:min(len(note), maxRefusalNote-len(end))] + end
}
