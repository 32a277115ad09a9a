// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/gatehouse-dev/gatehouse/internal/installation"
)

// loggingIn are as many people as a server lets wait, who log in again and again, each at an address of their own.
const loggingIn = 16

// logins measures how long others wait while people log in as often as the server lets them.
func (b *bench) logins(ctx context.Context) (_ []table, err error) {
	s, err := b.newSite(ctx, sqlite, 1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.End(s.Process)) }()
	all := []*named{
		{name: "client credentials", load: probe(b.issuing(s.target, b.connections))},
		{name: "introspection", load: probe(b.introspecting(s))},
		{name: "refresh", load: probe(b.refreshing(s, s.grants))},
	}
	people := b.loggingIn(s)
	var done []result
	for round := range b.rounds {
		say("round %d of %d: probes alone, and beside %d people who log in", round+1, b.rounds, len(people.next))
		if err := quiet(ctx, b.duration, all); err != nil {
			return nil, err
		}
		r, err := crowded(ctx, b.duration, people, all)
		if err != nil {
			return nil, err
		}
		done = append(done, r)
	}
	rates := each(done, perSecond)
	title := fmt.Sprintf("Password logins of %d people at once, SQLite: %.1f a second (%.1f to %.1f), each after %s at the median; %d were told to come back.",
		len(people.next), median(rates), slices.Min(rates), slices.Max(rates), short(median(each(done, p50))),
		median(each(done, func(r result) int { return r.busy })))
	return []table{probeTable(title, all)}, nil
}

// loggingIn are people who log in.
func (b *bench) loggingIn(s *site) *load {
	l := &load{target: s.target, status: http.StatusSeeOther, busy: http.StatusServiceUnavailable}
	for n, person := range b.people[:min(loggingIn, len(b.people))] {
		form := url.Values{"username": {person}, "password": {installation.Password}}.Encode()
		request := fmt.Appendf(nil, "POST /login HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s",
			host, len(form), form)
		l.next, l.from = append(l.next, same(request, "")), append(l.from, fmt.Sprintf("127.6.2.%d", n+1))
	}
	return l
}
