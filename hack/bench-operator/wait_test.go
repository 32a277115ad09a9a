// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

func TestAStepThatHangsEndsAndSaysWhereItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := step(t.Context(), 10, "writing Secrets", func(ctx context.Context, so *progress) error {
			so.begin("Secrets are written", 10)
			so.done.Add(4)
			<-ctx.Done()
			return ctx.Err()
		})
		for _, part := range []string{"writing Secrets", "Secrets are written, 4 of 10", "it took longer than " + patience(10).String()} {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("the error does not say %q: %v", part, err)
			}
		}
	})
}

func TestWorkInParallelEndsAtTheFirstError(t *testing.T) {
	broken := errors.New("broken")
	var calls atomic.Int64
	err := inParallel(t.Context(), 1_000_000, &progress{}, func(ctx context.Context, n int) error {
		calls.Add(1)
		if n == 5 {
			return broken
		}
		if n > 5 {
			<-ctx.Done()
		}
		return nil
	})
	if !errors.Is(err, broken) || calls.Load() > 5+2*people {
		t.Errorf("error %v after %d calls", err, calls.Load())
	}
	var so progress
	if err := inParallel(t.Context(), 100, &so, func(context.Context, int) error { return nil }); err != nil || so.done.Load() != 100 {
		t.Errorf("error %v after %d calls", err, so.done.Load())
	}
}
