// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// idleFor is how long a connection may rest: servers and firewalls close those that rest longer without a word.
const idleFor = time.Minute

// connections are those that searches use, bound as the account of the configuration.
type connections struct {
	servers *servers
	open    func(context.Context) (*conn, error)
	turns   chan struct{} // holds as many as are in use

	mu     sync.Mutex
	idle   []resting
	closed bool
}

type resting struct {
	*conn
	since time.Time
}

func newConnections(most int, s *servers, open func(context.Context) (*conn, error)) *connections {
	return &connections{servers: s, open: open, turns: make(chan struct{}, most)}
}

// use asks a question on a connection. One that rested may have ended meanwhile: then it is asked once more
// on a new one.
func (c *connections) use(ctx context.Context, question func(*conn) error) error {
	select {
	case c.turns <- struct{}{}:
		defer func() { <-c.turns }()
	case <-ctx.Done():
		return fmt.Errorf("wait for a connection to LDAP: %w: %w", authserver.ErrUnavailable, context.Cause(ctx))
	}
	for {
		opened, rested, err := c.take(ctx)
		if err != nil {
			return err
		}
		err = opened.ask(ctx, func() error { return question(opened) })
		if err == nil || !isBroken(err) {
			c.give(opened)
			c.servers.answered(ctx, opened.server)
			return err
		}
		opened.end()
		if !rested || ctx.Err() != nil {
			return c.servers.failedToAnswer(ctx, opened.server, err)
		}
	}
}

func (c *connections) take(ctx context.Context) (opened *conn, rested bool, err error) {
	c.mu.Lock()
	for len(c.idle) > 0 {
		last := c.idle[len(c.idle)-1]
		c.idle = c.idle[:len(c.idle)-1]
		if c.servers.now().Sub(last.since) < idleFor && !last.IsClosing() {
			c.mu.Unlock()
			return last.conn, true, nil
		}
		go last.end()
	}
	c.mu.Unlock()
	opened, err = c.open(ctx)
	return opened, false, err
}

func (c *connections) give(opened *conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		go opened.end()
		return
	}
	c.idle = append(c.idle, resting{opened, c.servers.now()})
}

func (c *connections) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, one := range c.idle {
		one.end()
	}
	c.idle = nil
}
