// SPDX-License-Identifier: Apache-2.0

package installation

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// bare returns an installation without a control plane.
func bare(t *testing.T, fail context.CancelCauseFunc, said *[]string) *Installation {
	t.Helper()
	return &Installation{Dir: t.TempDir(), now: time.Now, fail: fail, stopped: make(chan struct{}), say: func(format string, _ ...any) { *said = append(*said, format) }}
}

func TestTheEndOfAProgramEndsEveryWait(t *testing.T) {
	var said []string
	ctx, fail := context.WithCancelCause(t.Context())
	i := bare(t, fail, &said)
	if _, err := i.Start("operator", exec.Command("sh", "-c", "echo the lease is lost >&2; exit 1")); err != nil {
		t.Fatal(err)
	}
	err := i.Eventually(ctx, "the operator leads", func() (bool, error) { return false, nil })
	for _, part := range []string{"wait until the operator leads", "the operator has ended by itself", "the lease is lost"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not say %q: %v", part, err)
		}
	}
}

func TestAProgramThatIsAskedToEndFailsNothing(t *testing.T) {
	var said []string
	ctx, fail := context.WithCancelCause(t.Context())
	i := bare(t, fail, &said)
	p, err := i.Start("operator", exec.Command("sleep", "1000"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(i.Stop(), i.Stop()); err != nil {
		t.Error(err)
	}
	<-p.Done()
	if ctx.Err() != nil {
		t.Error(context.Cause(ctx))
	}
}

func TestAWaitSaysHowLongItHasLasted(t *testing.T) {
	var said []string
	i := bare(t, nil, &said)
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		err := i.Eventually(t.Context(), "it is so", func() (bool, error) { return time.Since(begin) > 45*time.Second, nil })
		if err != nil || len(said) != 4 {
			t.Errorf("%q was said, %v", said, err)
		}
	})
}
