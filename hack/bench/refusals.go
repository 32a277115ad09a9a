// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// refusalRounds is how often each kind of client is refused. The kinds take turns, so that
// whatever else the machine does meets all of them.
const refusalRounds = 3000

// refused are the clients whose refusals must not be told apart. The last one is nobody's.
var refused = []string{"known", "public", "suspended", "of another profile", "without a credential", "unknown"}

// addRefused adds a client for each state that a refusal must not tell.
func (c *clients) addRefused() {
	for n, name := range refused[:len(refused)-1] {
		client := *c.byID[appID]
		client.UID, client.ID = fmt.Sprintf("22222222-0000-4000-8000-%012d", n), name
		switch name {
		case "public":
			client.Public, client.Credentials = true, nil
		case "suspended":
			client.Suspended = true
		case "of another profile":
			client.Profile = authserver.ProfileIntegrationCloud
		case "without a credential":
			client.Credentials = nil
		}
		c.byID[client.ID] = &client
	}
}

// silent writes no audit log.
type silent struct{}

// Record is of authserver.Auditor.
func (silent) Record(context.Context, authserver.Event) {}

// refusals measures how long a refusal takes for each kind of client, by secret and by
// signature, with the audit log and without, and prints the medians beside each other.
func (b *bench) refusals(ctx context.Context, w io.Writer) error {
	unaudited := b.config
	unaudited.Auditor = silent{}
	without, err := authserver.New(unaudited)
	if err != nil {
		return err
	}
	without.UseKeys(b.keys)
	_, _ = fmt.Fprintf(w, "\nHow long a refusal takes (median of %d, the kinds in turn):\n%-22s %16s %16s %16s %16s\n",
		refusalRounds, "client", "secret", "without audit", "signature", "without audit")
	took := map[string][][]time.Duration{}
	for range refusalRounds {
		for _, name := range refused {
			for n, ask := range []func() error{
				func() error { return bySecret(ctx, b.auth, name) }, func() error { return bySecret(ctx, without, name) },
				func() error { return bySignature(ctx, b.auth, name) }, func() error { return bySignature(ctx, without, name) },
			} {
				begin := time.Now()
				if err := ask(); err == nil {
					return fmt.Errorf("the client %s is not refused", name)
				}
				if took[name] == nil {
					took[name] = make([][]time.Duration, 4)
				}
				took[name][n] = append(took[name][n], time.Since(begin))
			}
		}
	}
	for _, name := range refused {
		_, _ = fmt.Fprintf(w, "%-22s", name)
		for _, times := range took[name] {
			slices.Sort(times)
			_, _ = fmt.Fprintf(w, " %16s", times[len(times)/2].Round(100*time.Nanosecond))
		}
		_, _ = fmt.Fprintln(w)
	}
	return nil
}

func bySecret(ctx context.Context, auth *authserver.Server, id string) error {
	_, err := auth.AuthenticateClient(ctx, authserver.ProfileOAuth2, authserver.ClientSecret{ID: id, Secret: "ghs_wrong"})
	return err
}

func bySignature(ctx context.Context, auth *authserver.Server, id string) error {
	_, err := auth.AuthenticateSigned(ctx, authserver.SignedRequest{
		Profile: authserver.ProfileOAuth1, ClientID: id, Method: "HMAC-SHA1", Nonce: "n", Timestamp: time.Now().Unix(),
		Matches: func(string, string) bool { return false },
	})
	return err
}
