// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func TestTheAddressIsTheNearestOneThatNoTrustedProxyHas(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, row := range []struct {
		name      string
		peer      string
		forwarded []string
		want      string
	}{
		{"no proxy, no header", "203.0.113.7:4711", nil, "203.0.113.7"},
		{"N60: the header of an untrusted peer is not looked at", "203.0.113.7:4711", []string{"198.51.100.1"}, "203.0.113.7"},
		{"N60: nor one that names a trusted proxy", "203.0.113.7:4711", []string{"10.0.0.1"}, "203.0.113.7"},
		{"a proxy names the client", "10.0.0.1:80", []string{"203.0.113.7"}, "203.0.113.7"},
		{"a proxy without the header is the client", "10.0.0.1:80", nil, "10.0.0.1"},
		{"a proxy with an empty header is the client", "10.0.0.1:80", []string{""}, "10.0.0.1"},
		{"N60: what the client wrote stands left of what the proxy did", "10.0.0.1:80", []string{"1.1.1.1, 203.0.113.7"}, "203.0.113.7"},
		{"N60: a forged trusted address does not move the boundary", "10.0.0.1:80", []string{"1.1.1.1, 10.9.9.9, 203.0.113.7"}, "203.0.113.7"},
		{"a chain of trusted proxies is walked", "10.0.0.1:80", []string{"203.0.113.7, 10.0.0.3, 10.0.0.2"}, "203.0.113.7"},
		{"N60: and what the client forged before it is not", "10.0.0.1:80", []string{"1.1.1.1, 203.0.113.7, 10.0.0.2"}, "203.0.113.7"},
		{"many headers are one list", "10.0.0.1:80", []string{"1.1.1.1", "203.0.113.7, 10.0.0.3", "10.0.0.2"}, "203.0.113.7"},
		{"N60: a header in front is the client's", "10.0.0.1:80", []string{"1.1.1.1", "203.0.113.7"}, "203.0.113.7"},
		{"a client inside the trusted network", "10.0.0.1:80", []string{"10.1.1.1, 10.0.0.2"}, "10.1.1.1"},
		{"empty elements are ignored", "10.0.0.1:80", []string{"203.0.113.7, ,\t, "}, "203.0.113.7"},
		{"N60: what cannot be read ends the walk at the proxy", "10.0.0.1:80", []string{"203.0.113.7, garbage"}, "10.0.0.1"},
		{"N60: beyond a second proxy too", "10.0.0.1:80", []string{"203.0.113.7, unknown, 10.0.0.2"}, "10.0.0.2"},
		{"garbage left of the client does not matter", "10.0.0.1:80", []string{"'; drop table, 203.0.113.7"}, "203.0.113.7"},
		{"a port is cut off", "10.0.0.1:80", []string{"203.0.113.7:61000"}, "203.0.113.7"},
		{"IPv6", "10.0.0.1:80", []string{"2001:db8::7"}, "2001:db8::7"},
		{"IPv6 in brackets", "10.0.0.1:80", []string{"[2001:db8::7]"}, "2001:db8::7"},
		{"IPv6 in brackets with a port", "10.0.0.1:80", []string{"[2001:db8::7]:443"}, "2001:db8::7"},
		{"IPv4 in brackets is garbage", "10.0.0.1:80", []string{"[203.0.113.7]"}, "10.0.0.1"},
		{"half a bracket is garbage", "10.0.0.1:80", []string{"[2001:db8::7"}, "10.0.0.1"},
		{"IPv6 proxy", "[fd00::1]:443", []string{"2001:db8::7"}, "2001:db8::7"},
		{"IPv6 proxy with a zone", "[fd00::1%eth0]:443", []string{"203.0.113.7"}, "203.0.113.7"},
		{"a zone is cut off", "[fe80::1%eth0]:443", nil, "fe80::1"},
		{"a zone in the header is cut off", "10.0.0.1:80", []string{"fe80::1%25eth0"}, "fe80::1"},
		{"IPv4 inside IPv6 is IPv4", "[::ffff:203.0.113.7]:4711", nil, "203.0.113.7"},
		{"an IPv4 proxy inside IPv6 is trusted", "[::ffff:10.0.0.1]:80", []string{"::ffff:203.0.113.7"}, "203.0.113.7"},
		{"no more hops than there can be", "10.0.0.1:80", []string{"203.0.113.7" + strings.Repeat(", 10.0.0.2", maxHops)}, "10.0.0.2"},
		{"a header of nothing but commas", "10.0.0.1:80", []string{strings.Repeat(",", 60_000)}, "10.0.0.1"},
		{"a peer without an address", "@", []string{"203.0.113.7"}, "unknown"},
		{"a peer that is no address", "gatehouse.example:80", []string{"203.0.113.7"}, "unknown"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := &Site{trustedProxies: trusted}
			r := &http.Request{RemoteAddr: row.peer, Header: http.Header{"X-Forwarded-For": row.forwarded}}
			if got, _ := s.locate(r); got != row.want {
				t.Errorf("address %q, want %q", got, row.want)
			}
		})
	}
}

func TestWithoutTrustedProxiesNoHeaderIsBelieved(t *testing.T) {
	s := &Site{}
	r := &http.Request{RemoteAddr: "10.0.0.1:80", Header: http.Header{"X-Forwarded-For": {"203.0.113.7"}}}
	if got, proxied := s.locate(r); got != "10.0.0.1" || proxied {
		t.Errorf("address %q, proxied %v; want 10.0.0.1, false", got, proxied)
	}
}

func FuzzAddress(f *testing.F) {
	f.Add("203.0.113.7:4711", "198.51.100.1", "")
	f.Add("10.0.0.1:80", "1.1.1.1, 203.0.113.7", "10.0.0.2")
	f.Add("10.0.0.1:80", "[2001:db8::7]:443, fe80::1%eth0,,", ", ,")
	f.Add("[fd00::1%eth0]:443", "[[::1]]", "::ffff:10.0.0.1")
	f.Add("@", ",", "garbage")
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	f.Fuzz(func(t *testing.T, peer, first, second string) {
		s := &Site{trustedProxies: trusted}
		got, proxied := s.locate(&http.Request{RemoteAddr: peer, Header: http.Header{"X-Forwarded-For": {first, second}}})
		address, err := netip.ParseAddr(got)
		if err != nil && got != unknownAddress || address.Zone() != "" || address.Is4In6() {
			t.Fatalf("%q is no plain address", got)
		}
		if from, ok := parsePeer(peer); !proxied && ok && address != from {
			t.Errorf("an untrusted peer at %s became %s", from, got)
		}
		if again, _ := s.locate(&http.Request{RemoteAddr: peer, Header: http.Header{"X-Forwarded-For": {"192.0.2.99, " + first, second}}}); proxied && !s.trusts(address) && again != got {
			t.Errorf("an address to the left changed %s to %s", got, again)
		}
	})
}
