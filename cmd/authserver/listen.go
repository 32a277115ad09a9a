// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver/web"
)

// listening is a server that answers on a port.
type listening struct {
	cancel context.CancelFunc
	ended  chan struct{}
	err    error // set when ended is closed
}

// begin serves on the listener until stop is called. The end of ctx does not end it:
// what ends first is decided by the caller.
func begin(ctx context.Context, server *http.Server, on net.Listener, drain time.Duration) *listening {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l := &listening{cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(l.ended)
		l.err = web.Serve(ctx, server, on, drain)
	}()
	return l
}

// stop ends it and returns when it has ended, with what went wrong.
func (l *listening) stop() error {
	if l.ended == nil { // it never began
		return nil
	}
	l.cancel()
	<-l.ended
	return l.err
}
