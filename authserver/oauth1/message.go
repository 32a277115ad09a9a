// SPDX-License-Identifier: Apache-2.0

package oauth1

import (
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/httpsyntax"
)

const (
	// maxMessage bounds the parts of a request together, in bytes.
	maxMessage = 96 << 10
	// maxParams bounds what is sorted before anybody is known.
	maxParams = 1000
)

// Message is what a signature covers of an HTTP request, as its receiver saw it. A
// resource server that asks whether a request is signed hands over just this.
type Message struct {
	redacted
	// Method is the HTTP method.
	Method string
	// URL is absolute, with the path and query as they were sent.
	URL string
	// Authorization is the header's value; empty if there was none.
	Authorization string
	// Form is the body if it is a form (httpsyntax.IsForm), otherwise empty: other bodies are not
	// signed (RFC 5849 §3.4.1.3.1).
	Form string
}

// MessageOf takes from a request what its signature covers. The origin is how clients
// address this server, "https://auth.example"; if it is empty, TLS and the Host header
// tell. The body is read if it is a form, up to the bound that the caller has set with
// http.MaxBytesReader. The error is an authserver.Refusal.
func MessageOf(r *http.Request, origin string) (Message, error) {
	authorization := r.Header["Authorization"]
	if len(authorization) > 1 || len(r.Header["Content-Type"]) > 1 {
		return Message{}, reject("a header is given twice")
	}
	if origin == "" {
		origin = originOf(r)
	}
	m := Message{Method: r.Method, URL: origin + requestTarget(r)}
	if len(authorization) == 1 {
		m.Authorization = authorization[0]
	}
	if r.Body == nil || !httpsyntax.IsForm(r.Header.Get("Content-Type")) {
		return m, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxMessage+1))
	if err != nil {
		return Message{}, reject("the body is too large or was cut off")
	}
	m.Form = string(body)
	return m, nil
}

func originOf(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// requestTarget returns path and query as the client spelled them, which is how it signed them.
func requestTarget(r *http.Request) string {
	if r.RequestURI == "" { // a request that was made, not received
		return r.URL.RequestURI()
	}
	return httpsyntax.PathAndQuery(r.RequestURI)
}

// location is an absolute URL, cut but not decoded.
type location struct {
	scheme string // http or https
	host   string // in lower case, with a port that is not the scheme's own
	path   string
	query  string
}

var authorityForm = regexp.MustCompile(`^(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._~-]+)(:[0-9]{0,5})?$`)

// parseURL cuts an absolute URL as RFC 5849 §3.4.1.2 wants it.
func parseURL(raw string) (location, bool) {
	var l location
	if strings.ContainsFunc(raw, func(c rune) bool { return c <= ' ' || c == 0x7f || c == '#' }) {
		return l, false
	}
	scheme, rest, found := strings.Cut(raw, "://")
	l.scheme = strings.ToLower(scheme)
	port, known := map[string]string{"http": ":80", "https": ":443"}[l.scheme]
	if !found || !known {
		return l, false
	}
	rest, l.query, _ = strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	l.path = "/" + path
	parts := authorityForm.FindStringSubmatch(authority)
	if parts == nil {
		return l, false
	}
	l.host = strings.ToLower(parts[1])
	if parts[2] != ":" && parts[2] != port {
		l.host += parts[2]
	}
	return l, true
}

func (l location) baseURI() string { return l.scheme + "://" + l.host + l.path }
