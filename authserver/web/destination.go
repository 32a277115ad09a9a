// SPDX-License-Identifier: Apache-2.0

package web

import (
	"html/template"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/callback"
)

// destination is where a callback leads, in words for a person. The zero value leads nowhere:
// the answer is shown.
type destination struct {
	Name string // host or scheme
	Note string // what that is, if it is no web site
}

func destinationOf(uri string) destination {
	switch callback.Classify(uri) {
	case callback.HTTPS:
		return destination{Name: callback.Host(uri)}
	case callback.Loopback:
		return destination{Name: callback.LoopbackHost(uri), Note: "a program that runs on this computer"}
	case callback.PrivateUse:
		return destination{Name: callback.Scheme(uri), Note: "an app on this device that opens such links"}
	default:
		return destination{}
	}
}

// wayOut leads from a page to a client: by a link or, where there are fields, by a form.
type wayOut struct {
	Address template.URL
	Fields  []formField
}

type formField struct{ Name, Value string }

// isForm reports whether a form leads to the client. Nil is none.
func (w *wayOut) isForm() bool { return w != nil && len(w.Fields) > 0 }

// leading is what a page shows that may lead to a client.
type leading interface {
	wayOut() *wayOut // nil: it does not
}

func (v loginView) wayOut() *wayOut    { return v.Cancel }
func (v choiceView) wayOut() *wayOut   { return v.Cancel }
func (v factorView) wayOut() *wayOut   { return v.Cancel }
func (v totpView) wayOut() *wayOut     { return v.Cancel }
func (v refusedView) wayOut() *wayOut  { return v.Back }
func (v errorView) wayOut() *wayOut    { return v.Back }
func (v formPostView) wayOut() *wayOut { return v.Way }

// linkTo returns the way back to a client, with what the client is to be told; nil if there is none.
// Templates would refuse the private-use schemes of native applications.
func linkTo(r authserver.Return, to string) *wayOut {
	if to == "" || callback.Classify(r.Callback) == callback.Invalid {
		return nil
	}
	if r.FormPost {
		return &wayOut{Address: template.URL(r.Callback), Fields: fieldsOf(r, to)} //nolint:gosec // as below
	}
	return &wayOut{Address: template.URL(to)} //nolint:gosec // a callback in a form that callback.Classify accepts runs no script
}
