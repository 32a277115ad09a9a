// SPDX-License-Identifier: Apache-2.0

package backchannel

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// errInside is the reason that a refused address has. Which address it was stands in no log line: whoever may declare a client
// could find out by it what names inside the cluster lead to.
var errInside = errors.New("the host has an address inside the cluster or its network; list the network in backChannelLogout.allowedNetworks if the server may go there")

// inside are the networks that lead to nobody on the Internet, by the registries of special-purpose addresses of the IANA (RFC 6890),
// and multicast. 169.254.169.254 and fd00:ec2::254, where clouds have their metadata, are among them.
var inside = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
	"192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
	// Azure's wire server answers the machines of a cluster at a public address. It gives out what they start with.
	"168.63.129.16/32",
	// Of IPv6 only 2000::/3 is in use on the Internet. In it lie what carries an IPv4 address (Teredo, 6to4) and what is for documents.
	"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
)

// internet6 is what the Internet uses of IPv6 (RFC 4291 §2.4).
var internet6 = netip.MustParsePrefix("2000::/3")

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

// mayGo reports whether a connection to the address may be made: it is one of the Internet, or in an allowed network.
func mayGo(a netip.Addr, allowed []netip.Prefix) bool {
	a = a.Unmap().WithZone("")
	contains := func(p netip.Prefix) bool { return p.Contains(a) }
	switch {
	case !a.IsValid():
		return false
	case slices.ContainsFunc(allowed, contains):
		return true
	case a.Is6() && !internet6.Contains(a):
		return false
	default:
		return !slices.ContainsFunc(inside, contains)
	}
}

// control refuses a connection when its address is known and nothing was sent: the name was looked up just now, so no other answer
// can come between.
func control(allowed []netip.Prefix) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("the address to connect to cannot be read: %w", err)
		}
		if !mayGo(to.Addr(), allowed) {
			return errInside
		}
		return nil
	}
}
