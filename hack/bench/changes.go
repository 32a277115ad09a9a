// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

const (
	// changedClients is how many clients come and go.
	changedClients = 20
	// watched is how many clients are looked at after a change that is about all of them.
	watched = 50
	// changePatience is how long a change may take to be served.
	changePatience = 5 * time.Minute
	// longestPause is between two looks at what takes long, so that looking takes nothing of its cores.
	longestPause = 50 * time.Millisecond
)

// changes are how long a server took to serve what had changed.
type changes struct {
	made, removed    []time.Duration
	denied, allowed  time.Duration // a policy of all clients
	again            time.Duration // everything was read once more, and then a client was made
	alone, meanwhile result        // client credentials, and while everything is read again
}

// asking asks a server over one connection.
type asking struct {
	conn *tls.Conn
	r    *bufio.Reader
}

// until returns how long after begin the answer to a request has the status. It looks more rarely the longer it
// takes: the time may be too long by a twentieth.
func (a *asking) until(ctx context.Context, begin time.Time, request []byte, want int) (time.Duration, error) {
	if err := a.conn.SetDeadline(begin.Add(changePatience)); err != nil {
		return 0, fmt.Errorf("set a deadline: %w", err)
	}
	for {
		got, body, err := exchange(a.conn, a.r, request)
		switch {
		case err != nil:
			return 0, err
		case got == want:
			return time.Since(begin), nil
		case time.Since(begin) > changePatience:
			return 0, fmt.Errorf("after %s the status is %d, not %d: %s", changePatience, got, want, body)
		}
		if err := pause(ctx, min(time.Since(begin)/20, longestPause)); err != nil {
			return 0, err
		}
	}
}

// change changes clients and the policy of all of them, and has everything read again.
func (b *bench) change(ctx context.Context, r *replayed) error {
	say("changes beside %d clients", r.crowd.size)
	conn, err := (&tls.Dialer{Config: b.client}).DialContext(ctx, "tcp", r.address)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close() }() // every answer has been read
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
	defer stop()
	a := &asking{conn.(*tls.Conn), bufio.NewReader(conn)}
	for n := range 1 + changedClients {
		if err := r.comeAndGo(ctx, a, r.crowd.member(r.crowd.size+n)); err != nil {
			return err
		}
	}
	// The first one may have waited for a policy that was changed for another server.
	r.changes.made, r.changes.removed = r.changes.made[1:], r.changes.removed[1:]
	if r.changes.denied, err = b.changePolicy(ctx, r, a, false); err != nil {
		return err
	}
	if r.changes.allowed, err = b.changePolicy(ctx, r, a, true); err != nil {
		return err
	}
	return b.readAgain(ctx, r, a)
}

// comeAndGo makes a client and removes it.
func (r *replayed) comeAndGo(ctx context.Context, a *asking, m app) error {
	begin := time.Now()
	if err := r.clients.Put(r.crowd.client(m)); err != nil {
		return err
	}
	made, err := a.until(ctx, begin, m.request(), 200)
	if err != nil {
		return err
	}
	begin = time.Now()
	if err := r.clients.Remove(m.namespace, m.name); err != nil {
		return err
	}
	removed, err := a.until(ctx, begin, m.request(), 401)
	r.changes.made, r.changes.removed = append(r.changes.made, made), append(r.changes.removed, removed)
	return err
}

// changePolicy lets the namespaces use client credentials or not, and returns how long it takes until the last of
// some clients is served as it says.
func (b *bench) changePolicy(ctx context.Context, r *replayed, a *asking, allow bool) (took time.Duration, err error) {
	p := &v1alpha1.OAuthClientPolicy{}
	if err := b.API.Get(ctx, client.ObjectKey{Name: v1alpha1.DefaultPolicy}, p); err != nil {
		return 0, fmt.Errorf("read the policy: %w", err)
	}
	status := 200
	if allow {
		p.Spec.Clients.GrantTypes = append(p.Spec.Clients.GrantTypes, v1alpha1.GrantTypeClientCredentials)
	} else {
		status = 401
		p.Spec.Clients.GrantTypes = slices.DeleteFunc(p.Spec.Clients.GrantTypes, func(g v1alpha1.GrantType) bool { return g == v1alpha1.GrantTypeClientCredentials })
	}
	begin := time.Now()
	if err := b.API.Update(ctx, p); err != nil {
		return 0, fmt.Errorf("change the policy: %w", err)
	}
	for n := range min(watched, r.crowd.size) {
		if took, err = a.until(ctx, begin, r.crowd.member(n*r.crowd.size/watched).request(), status); err != nil {
			return 0, err
		}
	}
	return took, nil
}

// readAgain has the API server forget what is watched, while clients get tokens. A client that is made at once is
// served once everything has been read again.
func (b *bench) readAgain(ctx context.Context, r *replayed, a *asking) (err error) {
	some := r.busy[0].load
	if r.changes.alone, err = some.run(ctx, b.duration); err != nil {
		return err
	}
	late := r.crowd.member(r.crowd.size + 1 + changedClients)
	reading := make(chan error, 1)
	begin := time.Now()
	r.clients.Expire()
	if err := r.clients.Put(r.crowd.client(late)); err != nil {
		return err
	}
	go func() {
		var err error
		r.changes.again, err = a.until(ctx, begin, late.request(), 200)
		reading <- err
	}()
	r.changes.meanwhile, err = some.run(ctx, b.duration)
	if read := <-reading; err == nil {
		err = read
	}
	r.mostAgain = mostResident(r.PID())
	return errors.Join(err, r.clients.Remove(late.namespace, late.name)) // it has no Secret
}

func changeTable(servers []*replayed) table {
	t := table{
		title: fmt.Sprintf("How long after a change it is served. A new client and a removed one: the median of %d, and the longest. A policy of all: until the last of %d clients "+
			"is refused, and then served again. All read again: a client that is new in this moment is served; p99 is of client credentials, and in this time.", changedClients, watched),
		head: []string{"clients", "a new one", "a removed one", "a policy denies", "it allows", "all read again", "p99 alone", "p99 meanwhile"},
	}
	middle := func(d []time.Duration) string { return short(median(d)) + ", " + short(slices.Max(d)) }
	for _, r := range servers {
		c := r.changes
		t.rows = append(t.rows, []string{number(float64(r.crowd.size)), middle(c.made), middle(c.removed), short(c.denied), short(c.allowed),
			short(c.again), short(c.alone.p99), short(c.meanwhile.p99)})
	}
	return t
}

// writes lists what was written, in alphabetical order.
func writes(counted map[string]int) string {
	var out []string
	for what, n := range counted {
		out = append(out, fmt.Sprintf("%d %s", n, what))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
