// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/httpsyntax"
)

const (
	headerRequestID = "X-Request-Id"
	maxRequestID    = 64
	// processName is how much of a random name tells one process from the others.
	processName = 10
)

// requestInfo is what is known of a request before anything of it is read.
type requestInfo struct {
	id      string
	address string  // of the client
	bounded network // what the client counts for
	start   time.Time
	audited auditedLines
	refusal refusedNote
	// idHeader is the header that tells the ID.
	idHeader [1]string
	traced   bool
	profile  authserver.Profile // what a handler has learnt; empty: the route says it
}

type requestInfoKey struct{}

// withRequestInfo returns a context that carries info.
func withRequestInfo(ctx context.Context, info *requestInfo) context.Context {
	return context.WithValue(ctx, requestInfoKey{}, info)
}

// requestInfoOf returns what ctx carries; nil if ctx belongs to no request.
func requestInfoOf(ctx context.Context) *requestInfo {
	info, _ := ctx.Value(requestInfoKey{}).(*requestInfo)
	return info
}

// requestID returns the ID of the request that ctx belongs to; empty if to none.
func requestID(ctx context.Context) string {
	if info := requestInfoOf(ctx); info != nil {
		return info.id
	}
	return ""
}

// clientAddress returns the address of the client whose request ctx belongs to, without
// a port, as far as it can be trusted; empty if ctx belongs to no request.
func clientAddress(ctx context.Context) string {
	if info := requestInfoOf(ctx); info != nil {
		return info.address
	}
	return ""
}

// requestIDs names requests: a random name for this process and a number. An ID opens
// nothing, so it need not be hard to guess.
type requestIDs struct {
	prefix string
	last   atomic.Uint64
}

func newRequestIDs(random string) *requestIDs {
	return &requestIDs{prefix: strings.ToLower(bounded(random, processName)) + "-"}
}

// of returns the ID that a trusted proxy has given the request, or a new one.
func (ids *requestIDs) of(r *http.Request, proxied bool) string {
	if given := r.Header[headerRequestID]; proxied && len(given) == 1 && isRequestID(given[0]) {
		return given[0]
	}
	return ids.prefix + strconv.FormatUint(ids.last.Add(1), 36)
}

// isRequestID reports whether s is a name as proxies make them.
func isRequestID(s string) bool {
	for n := range len(s) {
		c := s[n]
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return s != "" && len(s) <= maxRequestID
}

// bounded cuts text to at most limit bytes, between two characters.
func bounded(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}

// sanitise cuts text to at most limit bytes and leaves of it only printable ASCII.
func sanitise(text string, limit int) string {
	text = bounded(text, limit)
	if !strings.ContainsFunc(text, func(r rune) bool { return !httpsyntax.IsPrintableASCII(r) }) {
		return text
	}
	return strings.Map(func(r rune) rune {
		if !httpsyntax.IsPrintableASCII(r) {
			return '?'
		}
		return r
	}, text)
}
