// SPDX-License-Identifier: Apache-2.0

//go:build acceptance

package acceptance

import (
	"maps"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/gatehouse-dev/gatehouse/internal/freeport"
	"github.com/gatehouse-dev/gatehouse/internal/postgrestest"
)

func TestMiniflux(t *testing.T) {
	w := start(t)
	at := freeport.For(t)
	origin := "https://" + at
	w.apply(t, "miniflux", origin)
	folder := w.mount(t, "miniflux")
	variables := map[string]string{
		"DATABASE_URL": postgrestest.DSN(t), "RUN_MIGRATIONS": "1", "LISTEN_ADDR": at, "BASE_URL": origin,
		"CERT_FILE": w.certificate("tls.crt"), "KEY_FILE": w.certificate("tls.key"), "SSL_CERT_FILE": w.CA,
	}
	maps.Copy(variables, map[string]string{
		"OAUTH2_PROVIDER": "oidc", "OAUTH2_OIDC_PROVIDER_NAME": "Gatehouse", "OAUTH2_USER_CREATION": "1",
		"OAUTH2_CLIENT_ID_FILE": filepath.Join(folder, "client-id"), "OAUTH2_CLIENT_SECRET_FILE": filepath.Join(folder, "client-secret"),
		"OAUTH2_OIDC_DISCOVERY_ENDPOINT": w.Issuer, "OAUTH2_REDIRECT_URL": origin + "/oauth2/oidc/callback",
	})
	run(t, "miniflux", variables, program(t, "miniflux"))
	w.await(t, origin+"/healthcheck", http.StatusOK)

	bob := w.browser(t)
	bob.open(origin + "/oauth2/oidc/redirect")
	bob.logIn()
	bob.allow()
	bob.reads("Unread", "Feeds")
	bob.open(origin + "/feeds")
	bob.do("see his name, and log out", chromedp.Click(`button.logout-button[title$=" bob"]`))
	bob.do("see the login page", chromedp.WaitVisible(`a[href="/oauth2/oidc/redirect"]`))
	bob.open(origin + "/oauth2/oidc/redirect") // he is still signed in at Gatehouse, and the same user of Miniflux
	bob.reads("Unread", "Feeds")

	w.dismiss(t, "miniflux", origin+"/oauth2/oidc/callback")
	other := w.browser(t)
	other.open(origin + "/oauth2/oidc/redirect")
	other.logIn()
	other.refused()
}
