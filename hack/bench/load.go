// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// target is where requests go.
type target struct {
	address string
	tls     *tls.Config
	pid     int // of the process that serves
}

// load is what several connections send to a target.
type load struct {
	target
	next []requester // one for each connection
	from []string    // the IP addresses that connections come from, in turn; nil: any
	// prepare, where it is set, makes so many requests of each connection ready before the clock starts, so
	// that what a client has to compute is not measured.
	prepare func(each int) error
	// status is what every answer must have; 0: 200.
	status int
	// busy is a status that is counted and no error.
	busy int
	// pace is the time from one request of a connection to its next; 0: the next follows the answer.
	pace time.Duration

	rate float64 // of the last run, of each connection
}

// requester makes the next request of one connection, as it goes over the wire, from the last answer's body (nil
// before the first).
type requester func(answer []byte) ([]byte, error)

// result is what one run of a load, or of another program, showed.
type result struct {
	perSecond float64
	p50, p99  time.Duration // 0: not known
	cost      time.Duration // processor time of the server for a request; 0: not known
	busy      int
	size      int // of an answer's body
}

// run keeps every connection busy for the duration: a request, its answer, the next. The connections are made
// before the clock starts. The sender is as plain as can be, because it takes its share of the same cores.
func (l *load) run(ctx context.Context, duration time.Duration) (result, error) {
	if l.prepare != nil {
		if err := l.prepare(int(l.rate*1.3*duration.Seconds()) + 8); err != nil {
			return result{}, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, duration+30*time.Second)
	defer cancel()
	connections, err := l.dial(ctx)
	defer func() {
		for _, c := range connections {
			_ = c.Close() // every answer has been read
		}
	}()
	if err != nil {
		return result{}, err
	}
	stop := context.AfterFunc(ctx, func() {
		for _, c := range connections {
			_ = c.SetDeadline(time.Now())
		}
	})
	defer stop()
	counts, errs := make([]counted, len(l.next)), make([]error, len(l.next))
	var wg sync.WaitGroup
	begin, used := time.Now(), processorTime(l.pid)
	for n := range l.next {
		wg.Go(func() { counts[n], errs[n] = l.send(ctx, connections[n], l.next[n], begin, begin.Add(duration)) })
	}
	wg.Wait()
	took, used := time.Since(begin), processorTime(l.pid)-used
	if err := errors.Join(errs...); err != nil {
		return result{}, err
	}
	return l.sum(counts, took, used)
}

func (l *load) sum(counts []counted, took, used time.Duration) (result, error) {
	var r result
	var all []time.Duration
	for _, c := range counts {
		all = append(all, c.latencies...)
		r.busy, r.size = r.busy+c.busy, max(r.size, c.size)
	}
	if len(all) == 0 {
		return r, errors.New("no request was answered")
	}
	slices.Sort(all)
	r.perSecond, r.p50, r.p99 = float64(len(all))/took.Seconds(), all[len(all)/2], all[len(all)*99/100]
	r.cost = used / time.Duration(len(all))
	l.rate = r.perSecond / float64(len(l.next))
	return r, nil
}

func (l *load) dial(ctx context.Context) (connections []*tls.Conn, err error) {
	dialer := tls.Dialer{Config: l.tls, NetDialer: &net.Dialer{}}
	for n := range l.next {
		if l.from != nil {
			dialer.NetDialer = &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(l.from[n%len(l.from)])}}
		}
		c, err := dialer.DialContext(ctx, "tcp", l.address)
		if err != nil {
			return connections, fmt.Errorf("connect: %w", err)
		}
		connections = append(connections, c.(*tls.Conn))
	}
	return connections, nil
}

// counted is what one connection saw.
type counted struct {
	latencies  []time.Duration
	busy, size int
}

// send sends one connection's requests until the time is over, and one at least.
func (l *load) send(ctx context.Context, conn net.Conn, next requester, begin, until time.Time) (c counted, err error) {
	want := status(l.status)
	reader := bufio.NewReader(conn)
	var answer []byte
	for due, first := begin, true; first || time.Now().Before(until); due, first = due.Add(l.pace), false {
		request, err := next(answer)
		if err != nil {
			return c, err
		}
		sent := l.await(ctx, due)
		got, body, err := exchange(conn, reader, request)
		if err != nil {
			return c, err
		}
		if got == l.busy {
			c.busy++
			answer = nil
			continue
		}
		if got != want {
			return c, fmt.Errorf("an answer has the status %d, not %d: %s", got, want, body)
		}
		c.latencies = append(c.latencies, time.Since(sent))
		c.size, answer = len(body), body
	}
	_, err = next(answer) // looks at the last answer too
	return c, err
}

// await waits until a paced request is due, and returns since when its answer is waited for. When the answer
// before came too late that is the time when it was due, so that slow answers are not measured more rarely
// than fast ones.
func (l *load) await(ctx context.Context, due time.Time) time.Time {
	now := time.Now()
	wait := due.Sub(now)
	switch {
	case l.pace == 0:
		return now
	case wait <= 0:
		return due
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return time.Now()
}

func status(of int) int {
	if of == 0 {
		return 200
	}
	return of
}
