// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/callback"
)

// protect sets the headers of everything that people see. But for the page that posts an answer and those that ask for a passkey, pages hold no script, no style
// of their own and nothing from elsewhere, and no other page may frame them (RFC 9700
// §4.16) or keep them.
func (s *Site) protect(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Security-Policy", contentPolicy("'self'"))
	h.Set("X-Frame-Options", "DENY") // for browsers that do not know frame-ancestors
	h.Set("X-Content-Type-Options", "nosniff")
	// Not no-referrer: with that, browsers send "Origin: null" with our own forms, and
	// one without Sec-Fetch-Site would be taken for another site.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Strict-Transport-Security", "max-age=31536000")
	h.Set("Cache-Control", "no-store")
}

// isolateWindow cuts the page off from the window that opened it. Pages of an interaction are
// left out: an application may open them in a window of its own, and wait there for
// what its callback says.
func isolateWindow(w http.ResponseWriter) {
	w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
}

// allowReturn allows the page's forms to end at a client. Chromium applies form-action to
// every redirect that follows a post, and the last ones belong to the client: the callback,
// and wherever that one sends the browser next. So schemes are named, and no hosts.
func allowReturn(w http.ResponseWriter, uri string) {
	targets := "'self' https:"
	switch callback.Classify(uri) {
	case callback.Loopback:
		targets += " http:"
	case callback.PrivateUse:
		targets += " " + callback.Scheme(uri) + ":"
	case callback.Invalid: // not known before the owner has logged in, or there is none
		targets += " http:"
	case callback.HTTPS:
	}
	w.Header().Set("Content-Security-Policy", contentPolicy(targets))
}

// allowForm does the same where a form on the page leads back to the client.
func allowForm(w http.ResponseWriter, to authserver.Return) {
	if to.FormPost {
		allowReturn(w, to.Callback)
	}
}

func contentPolicy(formTargets string) string {
	return "default-src 'none'; style-src 'self'; img-src 'self'; form-action " + formTargets +
		"; frame-ancestors 'none'; base-uri 'none'"
}
