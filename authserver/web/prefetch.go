// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"strings"
)

// refusePrefetch refuses what a browser sends before anybody has opened the page. The browser drops
// the refusal, and sends the request again when the person follows the link.
func refusePrefetch(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if isPrefetch(r) {
			return notServedInAdvance
		}
		return h(w, r)
	}
}

// purposeHeaders say why a browser sends a request: the first is the Fetch standard's, then those of
// older Chromium, of Safari, and of older Firefox.
var purposeHeaders = []string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"}

// isPrefetch reports whether a request is a prefetch, a prerendering or a preview.
func isPrefetch(r *http.Request) bool {
	for _, name := range purposeHeaders {
		for _, value := range r.Header[name] { // the names are in canonical form
			for purpose := range strings.FieldsFuncSeq(value, separatesPurposes) {
				switch strings.ToLower(purpose) {
				case "prefetch", "prerender", "preview":
					return true
				}
			}
		}
	}
	return false
}

func separatesPurposes(c rune) bool { return strings.ContainsRune(";, \t", c) }
