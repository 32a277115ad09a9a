// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// measurement is one row of the report.
type measurement struct {
	name    string
	aim     float64 // of the floor; 0: none
	addr    string
	tls     *tls.Config
	next    []requester // one for each connection
	results []result
}

// requester makes the next request of one connection, as it goes over the wire, from
// the last answer's body (nil before the first).
type requester func(answer []byte) ([]byte, error)

type result struct {
	perSecond float64
	p50, p99  time.Duration
}

// load keeps every connection busy for the duration: a request, its answer, the next.
// The sender is as plain as can be, because it takes its share of the same cores.
func load(ctx context.Context, m *measurement, duration time.Duration) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, duration+10*time.Second)
	defer cancel()
	latencies := make([][]time.Duration, len(m.next))
	errs := make([]error, len(m.next))
	var wg sync.WaitGroup
	begin := time.Now()
	for n, next := range m.next {
		wg.Go(func() { latencies[n], errs[n] = busy(ctx, m, next, begin.Add(duration)) })
	}
	wg.Wait()
	took := time.Since(begin)
	if err := errors.Join(errs...); err != nil {
		return result{}, err
	}
	all := slices.Concat(latencies...)
	slices.Sort(all)
	return result{
		perSecond: float64(len(all)) / took.Seconds(), p50: all[len(all)/2], p99: all[len(all)*99/100],
	}, nil
}

func busy(ctx context.Context, m *measurement, next requester, until time.Time) (latencies []time.Duration, err error) {
	conn, err := (&tls.Dialer{Config: m.tls}).DialContext(ctx, "tcp", m.addr)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close() }() // every answer has been read
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
	defer stop()
	reader := bufio.NewReader(conn)
	var answer []byte
	for time.Now().Before(until) {
		request, err := next(answer)
		if err != nil {
			return nil, err
		}
		begin := time.Now()
		if answer, err = exchange(conn, reader, request); err != nil {
			return nil, err
		}
		latencies = append(latencies, time.Since(begin))
	}
	return latencies, nil
}

// exchange sends a request and returns the body of its 200 answer.
func exchange(conn net.Conn, r *bufio.Reader, request []byte) ([]byte, error) {
	if _, err := conn.Write(request); err != nil {
		return nil, fmt.Errorf("send: %w", err)
	}
	status, err := r.ReadSlice('\n')
	if err != nil {
		return nil, fmt.Errorf("receive: %w", err)
	}
	ok := bytes.HasPrefix(status, []byte("HTTP/1.1 200"))
	first, length := string(bytes.TrimSpace(status)), -1
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return nil, fmt.Errorf("receive: %w", err)
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return nil, fmt.Errorf("receive: %w", err)
			}
		}
	}
	if length < 0 {
		return nil, errors.New("the answer has no Content-Length")
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, fmt.Errorf("receive: %w", err)
	}
	if !ok {
		return nil, fmt.Errorf("the answer is %s: %s", first, body)
	}
	return body, nil
}
