// SPDX-License-Identifier: Apache-2.0

package resourceserver

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
)

// maxForm bounds the body of a signed request, in bytes.
const maxForm = 64 << 10

const formType = "application/x-www-form-urlencoded"

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
	target := r.RequestURI
	if !strings.HasPrefix(target, "/") { // absolute form (RFC 9112 §3.2.2), or not from a server
		target = r.URL.RequestURI()
	}
	return base + target
}

// signedForm returns the body if the signature covers it, and leaves it to be read again.
func signedForm(r *http.Request) (form string, err error) {
	if len(r.Header["Content-Type"]) > 1 {
		return "", malformed(signed, "there is more than one Content-Type header")
	}
	// An error may be about the media type's parameters only. Request.ParseForm takes the body for
	// a form then, so it has to be covered.
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if media != formType || r.Body == nil {
		return "", nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxForm+1))
	if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong || len(body) > maxForm {
		return "", tooLarge()
	}
	if err != nil {
		return "", malformed(signed, "the body was cut off")
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{bytes.NewReader(body), r.Body}
	return string(body), nil
}
