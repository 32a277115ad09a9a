// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

func TestUsesAreWrittenForEachTickAndAtTheEnd(t *testing.T) {
	var log bytes.Buffer
	written, failures := make(chan bool), make(chan error)
	u := &uses{log: slog.New(slog.NewTextHandler(&log, nil)), flush: func(ctx context.Context) error {
		written <- ctx.Err() == nil
		return <-failures
	}}
	ctx, cancel := context.WithCancel(t.Context())
	tick, ended := make(chan time.Time), make(chan struct{})
	go func() {
		u.Watch(ctx, tick)
		close(ended)
	}()
	for _, failure := range []error{nil, errors.New("the store is away"), errors.New("the store is away"), nil} {
		tick <- time.Time{}
		if !<-written {
			t.Error("a write has a context that has ended")
		}
		failures <- failure
	}
	cancel()
	if !<-written {
		t.Error("the last write has a context that has ended")
	}
	failures <- nil
	<-ended
	if n := strings.Count(log.String(), "the store is away"); n != 1 {
		t.Errorf("two failures in a row are logged %d times: %s", n, log.String())
	}
}

func TestEachKindOfFailureOfUsesIsSaid(t *testing.T) {
	var log bytes.Buffer
	var err error
	u := &uses{log: slog.New(slog.NewTextHandler(&log, nil)), flush: func(context.Context) error { return err }}
	for _, err = range []error{authserver.ErrUsesMissed, errors.New("away"), errors.New("away"), authserver.ErrUsesMissed, nil, errors.New("away")} {
		u.write(t.Context())
	}
	if got := log.String(); strings.Count(got, "err=away") != 2 || strings.Count(got, "does not count") != 2 {
		t.Errorf("the log says %s", got)
	}
}

func TestThatUsesWereMissedIsSaidForWhatItIs(t *testing.T) {
	var log bytes.Buffer
	u := &uses{log: slog.New(slog.NewTextHandler(&log, nil)), flush: func(context.Context) error { return authserver.ErrUsesMissed }}
	u.write(t.Context())
	u.write(t.Context())
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "131072 credentials") || !strings.Contains(got, "waitForUse") || strings.Contains(got, "nothing is lost") {
		t.Errorf("the log says %s", got)
	}
}
