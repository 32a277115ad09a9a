// SPDX-License-Identifier: Apache-2.0

//go:build acceptance

package acceptance

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/freeport"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// apacheConfiguration takes what stands in the Secret from environment variables: ${NAME}.
const apacheConfiguration = `
ServerRoot %[1]s
ServerName localhost
Listen %[2]s
PidFile %[1]s/apache.pid
ErrorLog /dev/stderr
LogLevel warn
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authn_core_module /usr/lib/apache2/modules/mod_authn_core.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule authz_user_module /usr/lib/apache2/modules/mod_authz_user.so
LoadModule socache_shmcb_module /usr/lib/apache2/modules/mod_socache_shmcb.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
LoadModule auth_openidc_module /usr/lib/apache2/modules/mod_auth_openidc.so
SSLEngine on
SSLCertificateFile %[3]s
SSLCertificateKeyFile %[4]s
OIDCProviderMetadataURL ${ISSUER}/.well-known/openid-configuration
OIDCClientID ${CLIENT_ID}
OIDCClientSecret ${CLIENT_SECRET}
OIDCCryptoPassphrase ${CRYPTO_PASSPHRASE}
OIDCRedirectURI https://%[2]s/oidc
OIDCScope "openid profile email groups offline_access"
OIDCPKCEMethod S256
OIDCCABundlePath %[5]s
OIDCRefreshAccessTokenBeforeExpiry 3599 logout_on_error
OIDCRemoteUserClaim preferred_username
OIDCPassClaimsAs headers
<Location />
	AuthType openid-connect
	Require claim groups:family
	ProxyPass http://%[6]s/
</Location>
<Location /bye>
	AuthType None
	Require all granted
</Location>
`

func TestApacheAcrossAKeyRotation(t *testing.T) {
	w := start(t)
	at, folder := freeport.For(t), w.apacheFolder(t)
	origin := "https://" + at
	w.apply(t, "mod-auth-openidc", origin)
	file := filepath.Join(folder, "httpd.conf")
	config := fmt.Appendf(nil, apacheConfiguration, folder, at, w.certificate("tls.crt"), w.certificate("tls.key"), filepath.Join(folder, "ca.crt"), claims(t))
	if os.Geteuid() == 0 { // it starts as root and serves as this user
		config = append(config, "User www-data\nGroup www-data\n"...)
	}
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	variables := w.variables(t, "mod-auth-openidc", map[string]string{
		"ISSUER": "issuer", "CLIENT_ID": "client-id", "CLIENT_SECRET": "client-secret", "CRYPTO_PASSPHRASE": "crypto-passphrase",
	})
	run(t, "apache2", variables, debian(t, "apache2"), "-X", "-f", file)
	w.await(t, origin+"/", http.StatusUnauthorized) // who does not say that HTML is fine is no browser

	bob := w.browser(t)
	bob.open(origin + "/reports")
	bob.logIn()
	bob.allow()
	bob.reads("user=bob", "mail=bob@photos.example", "groups=family")

	first := bob.text()
	bob.eventually("the access token is another one", func() bool {
		bob.open(origin + "/reports")
		bob.reads("user=bob")
		return bob.text() != first
	})

	old := w.throwOutSigningKey(t)
	other := w.browser(t) // who comes now gets an ID token from another key, which Apache does not know yet
	other.open(origin + "/reports")
	other.logIn()
	other.reads("user=bob", "groups=family")
	if slices.Contains(w.published(t), old) {
		t.Errorf("the key %s is still published", old)
	}

	other.open(origin + "/oidc?logout=" + url.QueryEscape(origin+"/bye"))
	other.reads("user= ")
	// Apache keeps its session in a cookie. The answer to a request for a page's icon can put it back after the logout; the next page then
	// finds that its tokens have ended.
	other.eventually("Apache has no session", func() bool {
		other.open(origin + "/reports")
		return !strings.Contains(other.text(), "Logged Out")
	})
	other.logIn() // for he is signed out of Gatehouse too
	other.reads("user=bob")

	w.dismiss(t, "mod-auth-openidc", origin+"/oidc")
	other.eventually("the session has ended and a new login is refused", func() bool {
		other.open(origin + "/reports")
		return strings.Contains(other.text(), refusal)
	})
	third := w.browser(t)
	third.open(origin + "/reports")
	third.logIn()
	third.refused()
}

// apacheFolder is one that the user of Apache can read, with the certificate authority.
func (w *environment) apacheFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "gatehouse-apache-") //nolint:usetesting // nobody but root reads what is below t.TempDir()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	ca, err := os.ReadFile(w.CA)
	if err == nil {
		err = errors.Join(os.Chmod(folder, 0o755), os.WriteFile(filepath.Join(folder, "ca.crt"), ca, 0o644))
	}
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// claims is what stands behind Apache. It shows what it is told of the person.
func claims(t *testing.T) (address string) {
	t.Helper()
	return echo(t, func(header http.Header) string {
		return fmt.Sprintf("user=%s mail=%s groups=%s token=%.20s", header.Get("OIDC_CLAIM_preferred_username"), header.Get("OIDC_CLAIM_email"),
			header.Get("OIDC_CLAIM_groups"), header.Get("OIDC_access_token"))
	})
}

// published are the IDs of the keys in the JWKS.
func (w *environment) published(t *testing.T) (kids []string) {
	t.Helper()
	res, err := w.client(t).Get(w.Issuer + "/oauth2/keys")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var set struct{ Keys []struct{ Kid, Alg string } }
	if err := json.NewDecoder(res.Body).Decode(&set); err != nil {
		t.Fatalf("read the JWKS: %v", err)
	}
	for _, key := range set.Keys {
		if key.Alg == "RS256" {
			kids = append(kids, key.Kid)
		}
	}
	return kids
}

// throwOutSigningKey removes the key for RS256, as docs/operations.md says, and waits until another one is published.
func (w *environment) throwOutSigningKey(t *testing.T) (old string) {
	t.Helper()
	before := w.published(t)
	if len(before) != 1 {
		t.Fatalf("%d keys for RS256 are published, want 1", len(before))
	}
	var secret struct{ Data map[string]string }
	text := w.kubectl(t, "", "get", "secret", "gatehouse-authserver-keys", "--namespace=gatehouse-system", "--output=json")
	if err := json.Unmarshal([]byte(text), &secret); err != nil {
		t.Fatal(err)
	}
	for entry := range secret.Data {
		if strings.HasSuffix(entry, ".RS256") {
			w.kubectl(t, "", "patch", "secret", "gatehouse-authserver-keys", "--namespace=gatehouse-system", "--type=json",
				"--patch", `[{"op":"remove","path":"/data/`+entry+`"}]`)
		}
	}
	testenv.Eventually(t, limit, "another key is published", func() bool {
		now := w.published(t)
		return len(now) == 1 && now[0] != before[0]
	})
	return before[0]
}
