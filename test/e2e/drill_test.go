// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/oauth2"
)

// holdings are what people and applications have when something is lost.
type holdings struct {
	client       *app // with the secret of the time before
	api          *app
	access, self string // access tokens: a person's, and the client's own
	refresh      string
}

// grant has Bob allow the client.
func (d *drill) grant(client *app) *oauth2.Token {
	d.t.Helper()
	address, verifier := client.request()
	code := d.w.person(d.t, d.issuer).authorize(address, d.w.Bob.Name, d.w.Bob.Password).Get("code")
	tokens, err := client.redeem(d.t, code, verifier)
	d.must(err)
	return tokens
}

func (d *drill) holdings() *holdings {
	d.t.Helper()
	h := &holdings{client: d.app("print-oauth"), api: d.app("storage-resource-server")}
	tokens := d.grant(h.client)
	h.access, h.refresh = tokens.AccessToken, tokens.RefreshToken
	own, err := h.client.alone(d.t)
	d.must(err)
	h.self = own.AccessToken
	return h
}

// stillServes checks everything that a client has, but for its Secret.
func (d *drill) stillServes(h *holdings, when string) {
	d.t.Helper()
	if _, err := h.client.alone(d.t); err != nil {
		d.t.Errorf("%s: the old client secret: %v", when, err)
	}
	for name, token := range map[string]string{"a person's": h.access, "the client's own": h.self} {
		if !h.api.active(d.t, token) {
			d.t.Errorf("%s: the old access token, %s, is not active", when, name)
		}
	}
	next, err := h.client.refresh(d.t, h.refresh)
	if err != nil {
		d.t.Fatalf("%s: the old refresh token: %v", when, err)
	}
	h.refresh = next.RefreshToken
}

// restored waits until the client's Secret is what it was and the server takes it, and checks the rest.
func (d *drill) restored(h *holdings, what string) {
	d.t.Helper()
	d.eventually(what+" is restored: the Secret has the old value", func() bool {
		return d.secret(drillTeam, "print-oauth", "client-secret") == h.client.ClientSecret
	})
	d.eventually(what+" is restored: the server knows the client", func() bool {
		_, err := h.client.alone(d.t)
		return err == nil
	})
	d.stillServes(h, what+" is restored")
}

// refusesToMake checks that an operator that starts without a key makes none and says what to do.
func (d *drill) refusesToMake(key string) {
	d.t.Helper()
	d.startOperator()
	d.eventually("the operator says that a key is missing", func() bool {
		status, text := d.get("http://" + d.probes + "/readyz")
		return status == http.StatusInternalServerError && strings.Contains(text, "[-]keys failed")
	})
	d.eventually("an Event says so too", func() bool {
		said := d.kubectl("get", "events", "--namespace", drillSystem, "--field-selector", "reason=KeyMissing", "--output", "jsonpath={.items[*].message}")
		return strings.Contains(said, key+" is missing") && strings.Contains(said, "Restore it from a backup")
	})
	log, err := os.ReadFile(d.operatorLog())
	d.must(err)
	if !strings.Contains(string(log), key+" is missing") || !strings.Contains(string(log), "Restore it from a backup") {
		d.t.Errorf("the operator's log does not say how to restore %s:\n%s", key, log)
	}
	if found := d.kubectl("get", "secret", "--namespace", drillSystem, key, "--ignore-not-found"); found != "" {
		d.t.Errorf("the operator made %s anew", key)
	}
}

// waitsForKeys starts the server anew and checks that it is not ready and tells nobody that a secret is wrong.
func (d *drill) waitsForKeys(h *holdings) {
	d.t.Helper()
	d.kill(d.t)
	d.launch(d.t)
	d.eventually("a server that starts waits for its keys alone", func() bool {
		status, text := d.get(d.issuer + "/readyz")
		return status == http.StatusServiceUnavailable && strings.TrimSpace(text) == "keys"
	})
	_, err := h.client.alone(d.t)
	d.answered(err, http.StatusServiceUnavailable)
}

// answered checks the status of a refusal.
func (d *drill) answered(err error, want int) {
	d.t.Helper()
	refused, ok := asRetrieveError(err)
	if !ok || refused.Response.StatusCode != want {
		d.t.Errorf("got %v, want the status %d", err, want)
	}
}

// What docs/operations.md says under "Restore drill", with the commands that stand there.
func TestRestoreDrill(t *testing.T) {
	d := newDrill(t)
	h := d.holdings()
	d.follow("kubectl get secret -n gatehouse-system $key -o yaml")
	clients, apis := d.copyOf("oauthclients"), d.copyOf("resourceservers")

	t.Run("each key alone", func(t *testing.T) { d.in(t, func() { d.loseEachKey(h) }) })
	t.Run("the clients alone", func(t *testing.T) { d.in(t, func() { d.loseClients(h, clients) }) })
	t.Run("the store alone", func(t *testing.T) { d.in(t, func() { d.loseStore(h) }) })
	t.Run("all three", func(t *testing.T) { d.in(t, func() { d.loseAll(h, append(clients, apis...)) }) })
}

// in has the drill fail a part of the test for a while.
func (d *drill) in(t *testing.T, part func()) {
	if d.t.Failed() {
		t.Fatal("what came before has failed")
	}
	whole := d.t
	defer func() { d.t = whole }()
	d.t = t
	part()
}

func (d *drill) loseEachKey(h *holdings) {
	for _, key := range []string{"gatehouse-operator-key", "gatehouse-shared-key", "gatehouse-authserver-keys"} {
		d.kubectl("delete", "secret", "--namespace", drillSystem, key)
		d.refusesToMake(key)
		d.stillServes(h, key+" is lost")
		if key == "gatehouse-operator-key" {
			d.kubectl("delete", "secret", "--namespace", drillTeam, "print-oauth")
		} else {
			d.waitsForKeys(h)
		}
		d.follow("age -d")
		d.await(d.t) // the server takes the key without a restart
		d.restored(h, key)
		if key == "gatehouse-operator-key" {
			status, text := d.get("http://" + d.probes + "/readyz") // it has made the Secret, without a restart
			if status != http.StatusOK {
				d.t.Errorf("the operator has its key and is not ready: %d %s", status, text)
			}
		}
	}
	d.startOperator() // sooner than it looks again
}

func (d *drill) loseClients(h *holdings, clients []row) {
	lose := func() {
		d.kubectl("delete", "oauthclient", "--namespace", drillTeam, "print")
		d.eventually("the client's Secret is gone", func() bool { return d.secret(drillTeam, "print-oauth", "client-secret") == "" })
		d.eventually("the client is unknown", func() bool {
			_, err := h.client.alone(d.t)
			refused, ok := asRetrieveError(err)
			return ok && refused.ErrorCode == "invalid_client"
		})
	}
	lose()
	if h.api.active(d.t, h.access) || h.api.active(d.t, h.self) {
		d.t.Error("a token of a client that is gone is active")
	}

	d.apply()
	other := d.app("print-oauth")
	if other.ClientID != h.client.ClientID || other.ClientSecret == h.client.ClientSecret {
		d.t.Error("a client that was applied anew has the old secret, or another client ID")
	}
	_, err := h.client.alone(d.t)
	refusedWith(d.t, err, "invalid_client")
	d.eventually("the server knows the client that was applied anew", func() bool {
		_, err := other.alone(d.t)
		return err == nil
	})
	_, err = other.refresh(d.t, h.refresh)
	refusedWith(d.t, err, "invalid_grant")
	lose()

	d.putBack(clients)
	d.restored(h, "the client, with its UID,")
}

// removeStore removes the store's files.
func (d *drill) removeStore() {
	d.t.Helper()
	files, err := filepath.Glob(filepath.Join(d.dir, "gatehouse.db*"))
	d.must(err)
	if len(files) == 0 {
		d.t.Fatal("there is no store to lose")
	}
	for _, file := range files {
		d.must(os.Remove(file))
	}
}

func (d *drill) loseStore(h *holdings) {
	revoked := d.grant(h.client)
	d.follow("authserver backup --store")
	newer, err := h.client.refresh(d.t, h.refresh) // after the backup
	d.must(err)
	if status := h.client.revoke(d.t, revoked.RefreshToken); status != http.StatusOK {
		d.t.Fatalf("revocation answers %d", status)
	}

	d.kill(d.t)
	d.removeStore()
	d.start(d.t)
	_, err = h.client.refresh(d.t, newer.RefreshToken)
	refusedWith(d.t, err, "invalid_grant")
	if h.api.active(d.t, h.access) {
		d.t.Error("a token of a grant that is lost is active")
	}
	if _, err := h.client.alone(d.t); err != nil || !h.api.active(d.t, h.self) {
		d.t.Errorf("without its store the server does not serve client credentials: %v", err)
	}

	d.kill(d.t)
	d.follow("authserver restore --store")
	d.start(d.t)
	_, err = h.client.refresh(d.t, newer.RefreshToken) // the store does not know it
	refusedWith(d.t, err, "invalid_grant")
	d.restored(h, "the store")
	if !h.api.active(d.t, revoked.AccessToken) {
		d.t.Error("the store is restored: a grant that was revoked after the backup is not alive; the documents say that it is")
	}
	if status := h.client.revoke(d.t, revoked.RefreshToken); status != http.StatusOK || h.api.active(d.t, revoked.AccessToken) {
		d.t.Errorf("the grant cannot be revoked again: %d", status)
	}
}

func (d *drill) loseAll(h *holdings, objects []row) {
	d.must(os.Remove(filepath.Join(d.dir, "backup-gatehouse.db")))
	d.follow("authserver backup --store")
	root := d.secret(drillSystem, "gatehouse-operator-key", "root")
	d.kill(d.t)
	d.stopOperator()
	d.kubectl("delete", "oauthclients,resourceservers", "--namespace", drillTeam, "--all")
	d.kubectl("delete", "secret", "--namespace", drillSystem, "--all")
	d.removeStore()
	d.eventually("the Secrets are gone", func() bool {
		return d.secret(drillTeam, "print-oauth", "client-secret")+d.secret(drillTeam, "storage-resource-server", "client-secret") == ""
	})

	// With no client that depends on them, an operator makes keys.
	d.startOperator()
	d.eventually("the operator makes new keys", func() bool {
		made := d.kubectl("get", "secrets", "--namespace", drillSystem, "--output", "name")
		return strings.Count(made, "secret/gatehouse-") == 3
	})
	if d.secret(drillSystem, "gatehouse-operator-key", "root") == root {
		d.t.Fatal("the operator made the old key, so this test shows nothing")
	}
	d.start(d.t)
	_, err := h.client.alone(d.t)
	refusedWith(d.t, err, "invalid_client")

	d.stopOperator()
	d.kill(d.t)
	d.follow("kubectl delete secret -n gatehouse-system")
	d.follow("age -d")
	d.putBack(objects)
	d.follow("authserver restore --store")
	d.startOperator()
	d.start(d.t)
	d.restored(h, "everything")
}
