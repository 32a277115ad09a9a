// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"

	"github.com/gatehouse-dev/gatehouse/internal/devenv/flows"
)

// demo runs all flows.
func demo(ctx context.Context, d *dev) error {
	if err := flows.Run(ctx, d.env, d.script); err != nil {
		return err
	}
	d.script.Println("\nAll %d steps did what they say, in %.1fs. Now try `make run`, and be Bob yourself.",
		d.script.Steps(), d.script.Elapsed().Seconds())
	return nil
}

// serve says how to look around, and waits until the person has had enough. That is a good end.
func serve(ctx context.Context, d *dev) error {
	s := d.env
	d.script.Println(`
  PhotoPrint    %s
                Its certificate, and Gatehouse's, are signed by %s; a browser asks before it trusts them.
  Bob           %s  %s   may use PhotoPrint: a RoleBinding of config/samples says so
  Alice         %s  %s   may not
  Account page  %s/account
  Shell         . %s   and then: $KUBECTL get oauthclients -A
  Logs          %s

Everything serves. Ctrl-C stops it.`,
		s.PhotoPrintURL, d.folder.Shown("tls", "ca.crt"), pad(s.Bob.Name), s.Bob.Password, pad(s.Alice.Name), s.Alice.Password,
		s.Issuer, d.folder.Shown("env"), d.folder.Shown("logs"))
	<-ctx.Done()
	if _, asked := errors.AsType[interrupted](context.Cause(ctx)); !asked {
		return context.Cause(ctx)
	}
	d.script.Println("\nStopping.")
	return nil
}

// walkthroughs checks the walkthroughs in docs.
func walkthroughs(ctx context.Context, d *dev) error {
	return flows.CheckWalkthroughs(ctx, d.env, d.folder.Path(), d.script)
}

// pad makes names align.
func pad(name string) string { return (name + "     ")[:5] }
