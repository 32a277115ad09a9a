// SPDX-License-Identifier: Apache-2.0

package web

import (
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// formPostScript is the only script that stands in a page. It does what the button beside it does.
const formPostScript = template.JS(`document.forms[0].submit()`)

// formPostHash is how the content policy allows it (CSP3 §2.3.1, hash-source).
var formPostHash = func() string {
	sum := sha256.Sum256([]byte(formPostScript))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}()

// formPostView is the page that posts an answer to a client.
type formPostView struct {
	Destination destination
	Way         *wayOut
	Script      template.JS
}

// leave sends the browser to a client with an answer, which stands in the query of the address: by a redirect or, with
// response_mode=form_post, by a form that sends itself (OAuth 2.0 Form Post Response Mode §2).
func (s *Site) leave(w http.ResponseWriter, r *http.Request, to authserver.Return, address string) error {
	way := linkTo(to, address)
	if !to.FormPost || way == nil {
		redirect(w, r, address)
		return nil
	}
	// Not the callback alone: Chromium holds the redirects of the client to the policy too, and then shows nothing.
	allowReturn(w, to.Callback)
	h := w.Header()
	h.Set("Content-Security-Policy", h.Get("Content-Security-Policy")+"; script-src "+formPostHash)
	return s.render(w, http.StatusOK, pagePost, formPostView{Destination: destinationOf(to.Callback), Way: way, Script: formPostScript})
}

// fieldsOf returns what an address has that the callback has not: the answer.
func fieldsOf(to authserver.Return, address string) []formField {
	text := strings.TrimLeft(strings.TrimPrefix(address, to.Callback), "?&")
	values, _ := url.ParseQuery(text) // it was made by url.Values.Encode
	var out []formField
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for _, value := range values[name] {
			out = append(out, formField{name, value})
		}
	}
	return out
}
