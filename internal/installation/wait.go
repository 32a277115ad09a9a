// SPDX-License-Identifier: Apache-2.0

package installation

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/controlplane/process"
)

const (
	// sayEvery is how often a wait tells how long it has lasted.
	sayEvery = 10 * time.Second
	// lookEvery is how often a wait looks. An operator that shows its metrics counts its clients.
	lookEvery = 250 * time.Millisecond
	// logTail is how much of a program's log an error shows, in bytes.
	logTail = 4000
)

// Eventually waits until the condition holds, and says what it waits for. What the caller bounds it bounds.
func (i *Installation) Eventually(ctx context.Context, what string, condition func() (bool, error)) error {
	begin, tick := i.now(), time.NewTicker(lookEvery)
	defer tick.Stop()
	told := begin
	for {
		if done, err := condition(); done || err != nil {
			return err
		}
		if i.now().Sub(told) > sayEvery {
			told = i.now()
			i.say("  waiting until %s, for %s so far", what, told.Sub(begin).Round(time.Second))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w", what, context.Cause(ctx))
		}
	}
}

// mind calls Fail when a program ends by itself.
func (i *Installation) mind(p *process.Process, log string) {
	if i.fail == nil {
		return
	}
	go func() {
		<-p.Done()
		if !p.Asked() {
			i.fail(fmt.Errorf("the %s has ended by itself; the end of its log:\n%s", log, i.tail(log)))
		}
	}()
}

// mindCluster does so for the control plane.
func (i *Installation) mindCluster() {
	if i.fail == nil {
		return
	}
	failed := i.cluster.Failed()
	go func() {
		select {
		case err := <-failed:
			i.fail(fmt.Errorf("the control plane: %w", err))
		case <-i.stopped:
		}
	}()
}

// tail is the end of a program's log.
func (i *Installation) tail(log string) string {
	text, _ := os.ReadFile(filepath.Join(i.Dir, log+".log")) //nolint:gosec // a folder of our own
	return string(text[max(0, len(text)-logTail):])
}

func isReady(ctx context.Context, address string) (bool, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", nil)
	if err != nil {
		return false, fmt.Errorf("ask whether the authserver is ready: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false, nil //nolint:nilerr // it starts
	}
	return response.StatusCode == http.StatusOK, response.Body.Close()
}
