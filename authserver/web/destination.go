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

// linkTo returns a link back to a client, with what the client is to be told; empty if there
// is no way back. Templates would refuse the private-use schemes of native applications.
func linkTo(r authserver.Return, to string) template.URL {
	if to == "" || callback.Classify(r.Callback) == callback.Invalid {
		return ""
	}
	return template.URL(to) //nolint:gosec // a callback in a form that callback.Classify accepts runs no script
}
