// SPDX-License-Identifier: Apache-2.0

// Package callback knows the forms of callback URLs: what the API accepts, which address
// in the network a URL leads to, and which loopback URLs differ by their port alone.
//
// The rule on v1alpha1.CallbackURL says the same in CEL. The programs ask here again,
// because an object can come past the API server's rules, for instance from a backup. The
// forms are cut by hand, so that no leniency of a URL parser is part of a rule. There is no
// I/O here and nothing of Kubernetes.
package callback

import (
	"net/netip"
	"slices"
	"strings"
)

// Kind is the form of a callback URL.
type Kind int

// The forms. Only an HTTPS address is a claim: the other two name no address in the network.
const (
	Invalid    Kind = iota
	HTTPS           // https, canonical
	Loopback        // http on 127.0.0.1, [::1] or localhost (RFC 8252 §7.3)
	PrivateUse      // a scheme of a native application (RFC 8252 §7.1)
)

const maxLength = 512

// Classify returns the form of the URL; Invalid is one that the API refuses.
func Classify(raw string) Kind {
	if len(raw) > maxLength || !hasOnlyURLCharacters(raw) || hasDotSegment(raw) || hasAnswerParameter(raw) {
		return Invalid
	}
	scheme, rest, found := strings.Cut(raw, ":")
	switch {
	case !found || !isScheme(scheme):
		return Invalid
	case scheme == "https":
		return classifyHTTPS(rest)
	case scheme == "http":
		if _, _, ok := cutLoopback(raw); ok && !badPath(pathOf(rest)) {
			return Loopback
		}
		return Invalid
	case strings.HasPrefix(rest, "/") && !slices.Contains(dangerousSchemes, scheme):
		if authority, ok := strings.CutPrefix(rest, "//"); ok && strings.Contains(upTo(authority, "/?"), "@") {
			return Invalid
		}
		return PrivateUse
	default:
		return Invalid
	}
}

// dangerousSchemes run code or open files in a browser, or are nobody's private use.
var dangerousSchemes = []string{
	"javascript", "data", "vbscript", "file", "blob", "about", "filesystem", "view-source", "ftp", "ws", "wss", "mailto",
	"tel", "sms", "urn", "jar", "content", "intent", "chrome", "resource",
}

func classifyHTTPS(rest string) Kind {
	after, found := strings.CutPrefix(rest, "//")
	if !found {
		return Invalid
	}
	authority := upTo(after, "/?")
	host, port, ok := cutPort(authority)
	if !ok || port == "443" || !isHost(host) || badPath(pathOf(rest)) {
		return Invalid
	}
	return HTTPS
}

// Address returns what an https callback URL claims: scheme, host, port and normalised path,
// without the query. The path of an address has no repeated slash, no slash at its end and no
// parameters behind a semicolon, because many applications route all of these alike; an
// encoded slash, backslash or semicolon counts as one. ok is false for URLs that are nobody's
// claim.
func Address(raw string) (address string, ok bool) {
	if Classify(raw) != HTTPS {
		return "", false
	}
	after := strings.TrimPrefix(raw, "https://")
	authority := upTo(after, "/?")
	path := separators.Replace(upTo(after[len(authority):], "?"))
	var segments []string
	for segment := range strings.SplitSeq(path, "/") {
		if segment = upTo(segment, ";"); segment != "" {
			segments = append(segments, segment)
		}
	}
	if address = "https://" + authority + "/" + strings.Join(segments, "/"); address == raw {
		return raw, true // most are their own address, and share its memory
	}
	return address, true
}

var separators = strings.NewReplacer("%2F", "/", "%5C", "/", "%3B", ";")

// Host returns host and port of an https callback URL as the URL spells them; empty for
// other forms.
func Host(raw string) string {
	after, found := strings.CutPrefix(raw, "https://")
	if !found {
		return ""
	}
	return upTo(after, "/?#")
}

// HostWithoutPort returns the host of an https callback URL as the URL spells it; empty for other forms.
func HostWithoutPort(raw string) string {
	host, _, _ := cutPort(Host(raw))
	return host
}

// Origin returns what stands before the path of a URL: scheme, host and port, or the private-use scheme alone.
func Origin(raw string) string {
	scheme, rest, found := strings.Cut(raw, ":")
	if !found {
		return ""
	}
	return raw[:len(scheme)+1+len(rest)-len(pathOf(rest))]
}

// Scheme returns the scheme of the URL.
func Scheme(raw string) string { return upTo(raw, ":") }

// Matches reports whether a request may send a browser to uri because registered is a
// callback URL of its client: character for character (RFC 9700 §2.1), but that the port of
// a loopback URL is free (RFC 8252 §7.3).
func Matches(registered, uri string) bool {
	if registered == uri {
		return true
	}
	rest, host, ok := cutLoopback(registered)
	if !ok {
		return false
	}
	otherRest, otherHost, ok := cutLoopback(uri)
	return ok && rest == otherRest && host == otherHost
}

// cutPort splits an authority; the port has 1 to 5 digits without a leading zero, or is absent.
func cutPort(authority string) (host, port string, ok bool) {
	at := strings.LastIndexByte(authority, ':')
	if at < 0 || strings.HasSuffix(authority, "]") {
		return authority, "", authority != ""
	}
	host, port = authority[:at], authority[at+1:]
	if host == "" || port == "" || len(port) > 5 || port[0] == '0' {
		return "", "", false
	}
	_, err := netip.ParseAddrPort("127.0.0.1:" + port)
	return host, port, err == nil
}

// isHost reports whether host is a name in lower case or an IP address in its one standard
// form (RFC 5952). An IPv4 address has no second form inside IPv6, and a zone names an
// interface of one machine.
func isHost(host string) bool {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		addr, err := netip.ParseAddr(inner)
		return ok && err == nil && addr.Is6() && !addr.Is4In6() && addr.Zone() == "" && addr.String() == inner
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if !isLabel(label) {
			return false
		}
	}
	if last := labels[len(labels)-1]; looksNumeric(last) {
		addr, err := netip.ParseAddr(host)
		return err == nil && addr.Is4() && addr.String() == host
	}
	return true
}

func isLabel(label string) bool {
	if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	return strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// looksNumeric reports whether browsers read a host that ends in this label as an IPv4 address.
func looksNumeric(label string) bool {
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}

func isScheme(s string) bool {
	return s != "" && s[0] >= 'a' && s[0] <= 'z' && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789+.-") == ""
}

// hasOnlyURLCharacters reports whether raw holds only characters of a URL, none of them a
// wildcard, a fragment or a backslash, and nothing encoded that need not be.
func hasOnlyURLCharacters(raw string) bool {
	const allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~:/?[]@!$&'()+,;=%-"
	for i := 0; i < len(raw); i++ {
		if strings.IndexByte(allowed, raw[i]) < 0 {
			return false
		}
		if raw[i] != '%' {
			continue
		}
		if i+2 >= len(raw) {
			return false
		}
		high, low := hexValue(raw[i+1]), hexValue(raw[i+2])
		if high < 0 || low < 0 || needsNoEncoding(byte(high<<4|low)) {
			return false
		}
	}
	return true
}

// hexValue returns the value of a hexadecimal digit in upper case, or -1.
func hexValue(c byte) int { return strings.IndexByte("0123456789ABCDEF", c) }

// needsNoEncoding reports whether b is a control character, which no URL may hold, or an
// unreserved one (RFC 3986 §2.3), which is written as it is.
func needsNoEncoding(b byte) bool {
	letter := b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9'
	return b < 0x20 || b == 0x7f || letter || strings.IndexByte("-._~", b) >= 0
}

// hasDotSegment reports whether the part before the query has a segment . or ..
func hasDotSegment(raw string) bool {
	path := strings.ReplaceAll(upTo(raw, "?"), "%2F", "/")
	segments := strings.Split(path, "/")
	return slices.Contains(segments[1:], ".") || slices.Contains(segments[1:], "..")
}

// answerParameters are what the server adds to a callback.
var answerParameters = []string{
	"code", "state", "iss", "error", "error_description", "error_uri", "oauth_token", "oauth_verifier", "oauth_problem", "oauth_error",
}

// hasAnswerParameter reports whether one of them stands behind a ? or &.
func hasAnswerParameter(raw string) bool {
	at := strings.IndexAny(raw, "?&")
	for at >= 0 {
		rest := raw[at+1:]
		if slices.Contains(answerParameters, upTo(rest, "=&")) {
			return true
		}
		next := strings.IndexAny(rest, "?&")
		if next < 0 {
			return false
		}
		at += 1 + next
	}
	return false
}

// pathOf returns what follows the authority of the rest of a URL after its scheme.
func pathOf(rest string) string {
	after := strings.TrimPrefix(rest, "//")
	return after[len(upTo(after, "/?")):]
}

// badPath reports whether what follows the authority begins with neither a path nor a query.
func badPath(path string) bool { return path != "" && path[0] != '/' && path[0] != '?' }

// upTo returns s up to the first of the characters.
func upTo(s, chars string) string {
	if at := strings.IndexAny(s, chars); at >= 0 {
		return s[:at]
	}
	return s
}
