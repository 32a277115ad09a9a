// SPDX-License-Identifier: Apache-2.0

package backchannel

import (
	"errors"
	"net/netip"
	"testing"
)

// N241: which addresses count as inside.
func TestN241AddressesInside(t *testing.T) {
	for _, text := range []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.0.1", "169.254.169.254", "172.16.0.1",
		"172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.1.1.1",
		"168.63.129.16", "::ffff:168.63.129.16", "64:ff9b::a83f:8110", "64:ff9b:1::a83f:8110", "64:ff9b:1:ffff::1", "2002:a83f:8110::1", "2001:0:a83f:8110::1",
		"240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:10.1.2.3", "::ffff:169.254.169.254", "::7f00:1", "64:ff9b::a00:1", "64:ff9b::7f00:1", "64:ff9b:1::1",
		"100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "2002:7f00:1::", "2002:a00:1::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fd12::1",
		"fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
	} {
		if mayGo(netip.MustParseAddr(text), nil) {
			t.Errorf("%s is reached", text)
		}
	}
	for _, text := range []string{"1.1.1.1", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "172.15.255.255", "172.32.0.1", "192.0.1.1", "223.255.255.255", "168.63.129.15", "168.63.129.17", "2606:4700::1111", "2a00:1450::1", "::ffff:1.1.1.1"} {
		if !mayGo(netip.MustParseAddr(text), nil) {
			t.Errorf("%s is not reached", text)
		}
	}
	allowed := []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd12::/16")}
	for text, want := range map[string]bool{"10.1.2.3": true, "::ffff:10.1.2.3": true, "10.2.0.1": false, "fd12::5": true, "fd13::5": false, "fd12::5%eth0": true, "127.0.0.1": false} {
		if got := mayGo(netip.MustParseAddr(text), allowed); got != want {
			t.Errorf("%s: %t, want %t", text, got, want)
		}
	}
	if mayGo(netip.Addr{}, allowed) {
		t.Error("no address is reached")
	}
	if err := control(nil)("tcp4", "10.0.0.1:443", nil); !errors.Is(err, errInside) {
		t.Errorf("a connection to 10.0.0.1: %v", err)
	}
	if err := control(nil)("tcp4", "nonsense", nil); err == nil {
		t.Error("a connection to nonsense")
	}
}
