// SPDX-License-Identifier: Apache-2.0

package resourceserver

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/gatehouse-dev/gatehouse/internal/httpsyntax"
)

// maxForm bounds the form of a signed request, in bytes.
const maxForm = 64 << 10

// signature is the parameter that makes a request a signed one (RFC 5849 §3.1).
const signature = "oauth_signature"

// signedRequest is what Gatehouse is asked about a signed request: just what its signature covers.
// The protocol parameters stand in the Authorization header, in the form or in the query (RFC 5849
// §3.5). A request without them is anonymous.
func (g *Guard) signedRequest(r *http.Request, inHeader bool) (url.Values, error) {
	form, err := readForm(r)
	if !inHeader && !holdsSignature(r.URL.RawQuery) && !holdsSignature(form) {
		return nil, anonymous()
	}
	if err != nil {
		return nil, err
	}
	question := url.Values{"method": {r.Method}, "url": {g.signedURL(r)}}
	if inHeader { // what another scheme says is not for Gatehouse to know
		question.Set("authorization", r.Header.Get("Authorization"))
	}
	if form != "" {
		question.Set("body", form)
	}
	return question, nil
}

// holdsSignature reports whether a form or a query has a signature, good or bad.
func holdsSignature(text string) bool {
	found := httpsyntax.ParseForm(text, func(name string) bool { return name == signature })
	return len(found.Values)+len(found.Malformed) > 0
}

// signedURL is the URL as its client spelled it (RFC 5849 §3.4.1.2): net/url would decode and
// encode it anew.
func (g *Guard) signedURL(r *http.Request) string {
	base := g.config.ExternalURL
	if base == "" {
		base = "http://" + r.Host
		if r.TLS != nil {
			base = "https://" + r.Host
		}
	}
	if r.RequestURI == "" { // not from a server
		return base + r.URL.RequestURI()
	}
	return base + httpsyntax.PathAndQuery(r.RequestURI)
}

// readForm returns the body if it is a form, which a signature covers, and leaves it to be read
// again. What is returned with an error is as much of it as was read.
func readForm(r *http.Request) (form string, err error) {
	if len(r.Header["Content-Type"]) > 1 {
		return "", malformed(signed, "there is more than one Content-Type header")
	}
	if r.Body == nil || !httpsyntax.IsForm(r.Header.Get("Content-Type")) {
		return "", nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxForm+1))
	if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong || len(body) > maxForm {
		return string(body), tooLarge()
	}
	if err != nil {
		return string(body), malformed(signed, "the body was cut off")
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{bytes.NewReader(body), r.Body}
	return string(body), nil
}
