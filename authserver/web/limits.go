// SPDX-License-Identifier: Apache-2.0

package web

import (
	"cmp"
	"net/netip"
	"sync"
)

// Limits bound what clients may hold of a server, in all and for each address. A field that
// is 0 takes its default. An IPv6 address stands for its /64. Trusted proxies have no bound
// of their own: many clients come through them.
type Limits struct {
	Connections           int
	ConnectionsPerAddress int
	// Requests are those that are being answered.
	Requests           int
	RequestsPerAddress int
}

// The defaults. With all of them reached at once a server stays below 0.8 of the memory that
// config/authserver/deployment.yaml gives it: a test floods it.
const (
	DefaultConnections           = 2048
	DefaultConnectionsPerAddress = 256
	DefaultRequests              = 1024
	DefaultRequestsPerAddress    = 256

	// maxUnread bounds the bytes that all connections together have sent of requests whose
	// header is not complete.
	maxUnread = 16 << 20
	// manyUnread is more than a handshake takes: with less nobody is closed for maxUnread.
	manyUnread = maxUnread / (4 * DefaultConnections)
	// maxBodies and maxBodiesPerAddress bound the bodies that are being read or held.
	maxBodies           = 8 << 20
	maxBodiesPerAddress = 1 << 20
)

func (l Limits) withDefaults() Limits {
	return Limits{
		Connections:           cmp.Or(l.Connections, DefaultConnections),
		ConnectionsPerAddress: cmp.Or(l.ConnectionsPerAddress, DefaultConnectionsPerAddress),
		Requests:              cmp.Or(l.Requests, DefaultRequests),
		RequestsPerAddress:    cmp.Or(l.RequestsPerAddress, DefaultRequestsPerAddress),
	}
}

// network is what counts as one address: a client has a whole IPv6 /64 for itself. The zero
// network is bounded only together with all others.
type network = netip.Prefix

func networkOf(a netip.Addr) network {
	if !a.IsValid() {
		return network{}
	}
	bits := 64
	if a.Is4() {
		bits = 32
	}
	p, _ := a.Prefix(bits) // an address has that many bits
	return p
}

// quota bounds an amount in all and for each network.
type quota struct {
	total, each int64

	mu   sync.Mutex
	held int64
	by   map[network]int64
}

func newQuota(total, each int64) *quota {
	return &quota{total: total, each: each, by: map[network]int64{}}
}

// take reports whether there is room for n more, and takes it. The less room there is, the
// less of it one network may hold, a third of what is free: a few that hold all they may leave
// room for others. Whoever holds nothing may take what is free.
func (q *quota) take(from network, n int64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	free := q.total - q.held
	if n > free || from.IsValid() && q.by[from] > 0 && q.by[from]+n > min(q.each, free/3) {
		return false
	}
	q.held += n
	if from.IsValid() {
		q.by[from] += n
	}
	return true
}

// give returns what was taken.
func (q *quota) give(from network, n int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.held -= n
	if !from.IsValid() {
		return
	}
	if q.by[from] -= n; q.by[from] <= 0 {
		delete(q.by, from)
	}
}
