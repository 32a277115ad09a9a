// SPDX-License-Identifier: Apache-2.0

package callback

import (
	"strconv"
	"strings"
)

// LoopbackHost returns host and port of a loopback URL; empty for other forms.
func LoopbackHost(uri string) string {
	rest, _, ok := cutLoopback(uri)
	if !ok {
		return ""
	}
	return strings.TrimSuffix(strings.TrimPrefix(uri, "http://"), rest)
}

// LoopbackPort returns the port of a loopback URL; 0 for one without a port, and for other
// forms.
func LoopbackPort(uri string) uint16 {
	_, port, ok := cutPort(LoopbackHost(uri))
	if !ok {
		return 0
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return 0
	}
	return uint16(number)
}

// WithLoopbackPort returns a loopback URL with another port; with 0 it has none. URLs of
// other forms stay as they are.
func WithLoopbackPort(uri string, port uint16) string {
	rest, host, ok := cutLoopback(uri)
	switch {
	case !ok:
		return uri
	case port == 0:
		return "http://" + host + rest
	default:
		return "http://" + host + ":" + strconv.Itoa(int(port)) + rest
	}
}

// cutLoopback splits an http URL on a loopback host into what follows the authority and the
// host. The authority must be nothing but the host and a decimal port.
func cutLoopback(raw string) (rest, host string, ok bool) {
	after, found := strings.CutPrefix(raw, "http://")
	if !found {
		return "", "", false
	}
	authority := upTo(after, "/?#\\")
	host, _, ok = cutPort(authority)
	if !ok || host != "127.0.0.1" && host != "[::1]" && host != "localhost" {
		return "", "", false
	}
	return after[len(authority):], host, true
}
