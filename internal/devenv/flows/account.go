// SPDX-License-Identifier: Apache-2.0

package flows

import (
	"context"
	"fmt"
	"net/http"
)

// account is Bob's account page, where grants of all profiles stand.
type account struct {
	*flow
	print      *cloudPrint
	album      *cloudAlbum
	integrator *integrator
}

func (a *account) section() section {
	return section{"All of them: what Bob allowed is one list, whatever the protocol", []step{
		{"revoked", a.revoke},
		{"in vain", a.callInVain},
	}}
}

// revoke: Bob takes back all of it. The apps worked until then.
func (a *account) revoke(ctx context.Context) (string, error) {
	for _, call := range []func(context.Context) (string, error){a.print.identify, a.album.identify, a.integrator.callAPI} {
		if _, err := call(ctx); err != nil {
			return "", fmt.Errorf("before it was revoked: %w", err)
		}
	}
	p, err := a.bob.open(ctx, a.Issuer+"/account")
	if err != nil {
		return "", err
	}
	if err := p.shows(http.StatusOK, "CloudPrint", "CloudAlbum", "Integrator"); err != nil {
		return "", err
	}
	for range 3 {
		if p, err = a.bob.submit(ctx, p, "/account/revoke", nil); err != nil {
			return "", err
		}
	}
	return "Bob finds CloudPrint, CloudAlbum and Integrator on his account page, and takes it back", p.shows(http.StatusOK, "No application has access")
}

// callInVain: no token of any protocol is worth anything any more.
func (a *account) callInVain(ctx context.Context) (string, error) {
	for app, call := range map[string]func(context.Context) (reply, error){
		"CloudPrint": a.print.who, "CloudAlbum": a.album.who, "Integrator": a.integrator.photos,
	} {
		answer, err := call(ctx)
		if err == nil && answer.status != http.StatusUnauthorized {
			err = fmt.Errorf("%s is answered with %d", app, answer.status)
		}
		if err != nil {
			return "", err
		}
	}
	return "getUserIdentity and PhotoStorage refuse what they have", nil
}
