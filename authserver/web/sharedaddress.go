// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"hash/maphash"
	"log/slog"
	"net/netip"
	"sync"
	"time"
)

const (
	// manyAccounts is how many accounts log in from one address within an hour before the
	// server warns: it may be a load balancer's.
	manyAccounts = 50
	// maxSharedAddresses bounds the memory: what comes after that many addresses in an hour
	// is not looked at.
	maxSharedAddresses = 4096
	sharedPeriod       = time.Hour
)

// sharedAddresses notices addresses behind which many accounts log in. It keeps no name,
// only a hash that means nothing outside of this process.
type sharedAddresses struct {
	log     *slog.Logger
	metrics boundMetrics
	now     func() time.Time
	seed    maphash.Seed

	mu       sync.Mutex
	since    time.Time
	accounts map[network]map[uint64]struct{} // nil: warned already
}

func newSharedAddresses(log *slog.Logger, m *Metrics, now func() time.Time) *sharedAddresses {
	return &sharedAddresses{log: log, metrics: m.boundMetrics, now: now, seed: maphash.MakeSeed(), accounts: map[network]map[uint64]struct{}{}}
}

// note is told of each login.
func (s *sharedAddresses) note(ctx context.Context, address, account string) {
	a, err := netip.ParseAddr(address)
	if err != nil || !s.isMany(networkOf(a), maphash.String(s.seed, account)) {
		return
	}
	s.metrics.sharedAddresses.Inc()
	s.log.WarnContext(ctx, "many accounts log in from one address: if it belongs to a proxy or a load balancer, the clients' addresses are lost; "+
		"see \"Behind a proxy\" in docs/configuration.md", "address", address, "accounts", manyAccounts)
}

// isMany reports whether this login makes many accounts of one address. It says so once an hour.
func (s *sharedAddresses) isMany(from network, account uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.now(); now.Sub(s.since) >= sharedPeriod {
		s.since, s.accounts = now, map[network]map[uint64]struct{}{}
	}
	seen, known := s.accounts[from]
	switch {
	case known && seen == nil:
		return false
	case !known && len(s.accounts) >= maxSharedAddresses:
		return false
	case !known:
		seen = map[uint64]struct{}{}
		s.accounts[from] = seen
	}
	seen[account] = struct{}{}
	if len(seen) < manyAccounts {
		return false
	}
	s.accounts[from] = nil
	return true
}
