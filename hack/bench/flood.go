// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
	"github.com/gatehouse-dev/gatehouse/internal/installation"
)

// floodTimes is how many measurements a flood takes: a minute, if nobody chose.
const floodTimes = 15

// flood has somebody who never logs in begin as many authorizations as the load can send. No row may come of it.
func (b *bench) flood(ctx context.Context) ([]table, error) {
	t := table{title: fmt.Sprintf("Anonymous authorize requests for %s, over %d connections of one address.", b.duration*floodTimes, b.connections),
		head: []string{"store", "a second", "p99", "rows before", "after", "kB of the store before", "after", "MB resident before", "after",
			"client credentials meanwhile: p50", "p99", "no row"}}
	grew := false
	for _, kind := range b.stores {
		cells, rows, err := b.floodOn(ctx, kind)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", kind, err)
		}
		t.rows = append(t.rows, cells)
		grew = grew || rows > 0
	}
	if grew {
		return []table{t}, errors.New("requests of somebody who has not logged in have left rows")
	}
	return []table{t}, nil
}

// held is what a server keeps.
type held struct {
	rows     int
	bytes    int64
	resident float64 // MB
}

func (b *bench) held(ctx context.Context, s *site) (h held, err error) {
	if h.rows, h.bytes, err = b.kept(ctx, s); err != nil {
		return h, err
	}
	h.resident, err = resident(ctx, s.Metrics)
	return h, err
}

// floodOn floods a server on a store of this kind. It returns a row of the table, and how many rows the store has
// more than before. It may have fewer: the server sweeps.
func (b *bench) floodOn(ctx context.Context, kind string) (cells []string, rows int, err error) {
	s, err := b.newSite(ctx, kind, 1)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, b.End(s.Process)) }()
	before, err := b.held(ctx, s)
	if err != nil {
		return nil, 0, err
	}
	say("flooding for %s", b.duration*floodTimes)
	p := &named{load: probe(b.issuing(s.target, b.connections))}
	r, err := crowded(ctx, b.duration*floodTimes, b.beginning(s), []*named{p})
	if err != nil {
		return nil, 0, err
	}
	after, err := b.held(ctx, s)
	if err != nil {
		return nil, 0, err
	}
	rows = after.rows - before.rows
	return []string{kind, number(r.perSecond), short(r.p99), fmt.Sprint(before.rows), fmt.Sprint(after.rows),
		number(float64(before.bytes >> 10)), number(float64(after.bytes >> 10)),
		fmt.Sprintf("%.0f", before.resident), fmt.Sprintf("%.0f", after.resident),
		short(p.beside[0].p50), short(p.beside[0].p99), yes(rows <= 0)}, rows, nil
}

// beginning begins authorizations, as a browser that keeps no cookie.
func (b *bench) beginning(s *site) *load {
	sum := sha256.Sum256([]byte(codeVerifier))
	query := url.Values{
		"response_type": {"code"}, "client_id": {b.secrets[photoPrint].id}, "redirect_uri": {callback + photoPrint}, "scope": {scope}, "state": {"af0ifjsldkj"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	request := fmt.Appendf(nil, "GET %s?%s HTTP/1.1\r\nHost: %s\r\n\r\n", oauth2.PathAuthorize, query.Encode(), host)
	l := &load{target: s.target, status: http.StatusSeeOther, from: []string{otherAddress}}
	for range b.connections {
		l.next = append(l.next, same(request, ""))
	}
	return l
}

// resident is the resident memory of a program, in MB.
func resident(ctx context.Context, metrics string) (float64, error) {
	m, err := installation.OfProgram(ctx, metrics)
	return m.Sum("process_resident_memory_bytes") / (1 << 20), err
}
