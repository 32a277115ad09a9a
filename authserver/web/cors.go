// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"strings"
)

const (
	// exposedHeaders are those of an answer that a script of another site may read, beside the ones that
	// it may always read (Fetch, "CORS-safelisted response-header name").
	exposedHeaders = "Allow, Date, Retry-After, WWW-Authenticate, X-Request-Id"
	// preflightAge is how long a browser may remember a preflight, in seconds. None keeps it longer.
	preflightAge = "7200"
	// maxRequestedHeaders and maxRequestedBytes bound what a preflight may ask for.
	maxRequestedHeaders = 64
	maxRequestedBytes   = 2 << 10
)

// Values of headers. They are shared and never changed.
var headerAnyOrigin, headerExposed = []string{"*"}, []string{exposedHeaders}

// anyOrigin lets scripts of other sites read the answer: a Public client may be a page in
// a browser. No cookie plays a part at these endpoints, so nothing of the person's is
// lent to the script, and Access-Control-Allow-Credentials is never sent.
func anyOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header["Access-Control-Allow-Origin"], header["Access-Control-Expose-Headers"] = headerAnyOrigin, headerExposed
		next.ServeHTTP(w, r)
	})
}

// isPreflight reports whether a browser asks if a script of another site may send a request.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}

// answerOptions allows the methods of the path, and every header that a preflight asks for. What
// asks for the way into a private network (Access-Control-Request-Private-Network) gets no answer to that.
func (m methods) answerOptions(w http.ResponseWriter, r *http.Request) error {
	allowed := strings.Join(m.allowed, ", ")
	w.Header().Set("Allow", allowed)
	allowRequest(w, r, allowed)
	return nil
}

func allowRequest(w http.ResponseWriter, r *http.Request, allowed string) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", allowed)
	h.Set("Access-Control-Max-Age", preflightAge)
	h.Set("Vary", "Access-Control-Request-Headers")
	if names := requestedHeaders(r.Header["Access-Control-Request-Headers"]); len(names) > 0 {
		h.Set("Access-Control-Allow-Headers", strings.Join(names, ", "))
	}
	w.WriteHeader(http.StatusNoContent)
}

// requestedHeaders returns the names in the lists of a preflight. Cookies are never among them, and
// what is beyond the bounds or no name of a header field (RFC 9110 §5.1) is left out.
func requestedHeaders(lists []string) []string {
	var names []string
	size := 0
	for _, list := range lists {
		for name := range strings.SplitSeq(list, ",") {
			name = strings.ToLower(strings.Trim(name, " \t"))
			if size += len(name) + len(", "); size > maxRequestedBytes || len(names) == maxRequestedHeaders {
				return names
			}
			if isHeaderName(name) && !strings.HasPrefix(name, "cookie") && !strings.HasPrefix(name, "set-cookie") {
				names = append(names, name)
			}
		}
	}
	return names
}

// isHeaderName reports whether name is a token (RFC 9110 §5.6.2).
func isHeaderName(name string) bool {
	for n := range len(name) {
		c := name[n]
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return name != ""
}
