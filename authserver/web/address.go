// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"net/netip"
	"strings"
)

const (
	// unknownAddress stands for a peer without an IP address.
	unknownAddress = "unknown"
	// maxHops is how many entries of X-Forwarded-For are looked at.
	maxHops = 16
)

// locate returns the client's address without a port, as far as it can be trusted, and
// whether the request came through a trusted proxy. Only then are its forwarding headers
// looked at: anybody can send them.
func (s *Site) locate(r *http.Request) (address string, proxied bool) {
	peer, ok := parsePeer(r.RemoteAddr)
	if !ok {
		return unknownAddress, false
	}
	if !s.trusts(peer) {
		return peer.String(), false
	}
	return s.forwardedFor(peer, r.Header["X-Forwarded-For"]).String(), true
}

// forwardedFor walks from the peer away through the addresses that proxies have noted,
// and returns the first one that is no trusted proxy. Each proxy appends the address it
// was called from, so what is left of that address was written by anybody. Where an
// entry cannot be read, the last proxy that could be is the answer.
func (s *Site) forwardedFor(peer netip.Addr, headers []string) netip.Addr {
	hops := 0
	for n := len(headers) - 1; n >= 0; n-- {
		rest := headers[n]
		for more := true; more; hops++ {
			var entry string
			entry, rest, more = cutLast(rest)
			if entry == "" {
				continue // RFC 9110 §5.6.1.2: empty list elements are ignored
			}
			address, ok := parseHop(entry)
			if !ok || hops >= maxHops {
				return peer
			}
			peer = address
			if !s.trusts(peer) {
				return peer
			}
		}
	}
	return peer
}

// cutLast takes the last element off a list.
func cutLast(list string) (last, rest string, more bool) {
	if n := strings.LastIndexByte(list, ','); n >= 0 {
		return strings.Trim(list[n+1:], " \t"), list[:n], true
	}
	return strings.Trim(list, " \t"), "", false
}

func (s *Site) trusts(a netip.Addr) bool {
	for _, prefix := range s.trustedProxies {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}

// parsePeer reads what net/http says of the peer: an address and a port.
func parsePeer(text string) (netip.Addr, bool) {
	peer, err := netip.ParseAddrPort(text)
	return plain(peer.Addr()), err == nil
}

// parseHop reads an entry of X-Forwarded-For: an address, by some proxies with a port,
// or in the brackets of a URL.
func parseHop(text string) (netip.Addr, bool) {
	if inner, ok := strings.CutPrefix(text, "["); ok {
		if inner, ok := strings.CutSuffix(inner, "]"); ok {
			address, err := netip.ParseAddr(inner)
			return plain(address), err == nil && address.Is6()
		}
	}
	if address, err := netip.ParseAddr(text); err == nil {
		return plain(address), true
	}
	return parsePeer(text)
}

// plain removes what would make one host look like two: the form of an IPv4 address
// inside IPv6, and the zone, which names an interface of this machine.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }
