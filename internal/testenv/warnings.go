// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"slices"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Warnings collects the warnings that the API server answers with.
type Warnings struct {
	mu    sync.Mutex
	found []string
}

// Client returns an administrator's client whose warnings are collected.
func (w *Warnings) Client(tb testing.TB, e *Env) client.Client {
	tb.Helper()
	config := rest.CopyConfig(e.Config)
	config.WarningHandler = w
	c, err := client.New(config, client.Options{Scheme: e.Scheme})
	if err != nil {
		tb.Fatalf("testenv: make a client: %v", err)
	}
	return c
}

// HandleWarningHeader implements rest.WarningHandler.
func (w *Warnings) HandleWarningHeader(_ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.found = append(w.found, text)
}

// Take returns what was collected since the last call, sorted.
func (w *Warnings) Take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := w.found
	w.found = nil
	slices.Sort(found)
	return found
}
