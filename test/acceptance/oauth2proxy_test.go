// SPDX-License-Identifier: Apache-2.0

//go:build acceptance

package acceptance

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/gatehouse-dev/gatehouse/internal/freeport"
)

// pages is what stands behind the proxy. It shows what it is told of the person.
func pages(t *testing.T) (address string) {
	t.Helper()
	return echo(t, func(header http.Header) string {
		return fmt.Sprintf("mail=%s groups=%s token=%.20s", header.Get("X-Email"), header.Get("X-Groups"), header.Get("X-Access-Token"))
	})
}

// oauth2Proxy starts oauth2-proxy for the origin and returns where it listens. Its chart hands the Secret to it as variables.
func (w *environment) oauth2Proxy(t *testing.T, origin string, arguments ...string) (address string) {
	t.Helper()
	address = freeport.For(t)
	variables := w.variables(t, "oauth2-proxy", map[string]string{
		"OAUTH2_PROXY_CLIENT_ID": "client-id", "OAUTH2_PROXY_CLIENT_SECRET": "client-secret", "OAUTH2_PROXY_COOKIE_SECRET": "cookie-secret",
	})
	command := append([]string{
		program(t, "oauth2-proxy"), "--provider=oidc", "--oidc-issuer-url=" + w.Issuer, "--provider-ca-file=" + w.CA, "--redirect-url=" + origin + "/oauth2/callback",
		"--scope=openid profile email groups offline_access", "--code-challenge-method=S256", "--email-domain=*",
		"--http-address=" + address, "--upstream=static://202", "--reverse-proxy=true", "--trusted-proxy-ip=127.0.0.1/32",
		"--set-xauthrequest", "--pass-access-token", "--skip-provider-button",
		"--whitelist-domain=" + strings.TrimPrefix(w.Issuer, "https://"), // where it may send people once they have logged out
		"--cookie-csrf-per-request",                                      // a browser asks for the page and its icon at once, and both begin a login
	}, arguments...)
	run(t, "oauth2-proxy", variables, command...)
	w.await(t, "http://"+address+"/ready", http.StatusOK)
	return address
}

// nginxConfiguration asks oauth2-proxy about each request, as the documentation of oauth2-proxy has it.
const nginxConfiguration = `
pid %[1]s/nginx.pid;
daemon off;
error_log stderr;
events {}
http {
	access_log off;
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
	proxy_buffer_size 16k; proxy_buffers 4 16k;
	server {
		listen %[2]s ssl;
		ssl_certificate %[3]s;
		ssl_certificate_key %[4]s;
		ssl_protocols TLSv1.2 TLSv1.3;
		proxy_set_header Host $http_host;
		proxy_set_header X-Forwarded-Proto https;
		location /oauth2/ {
			proxy_pass http://%[5]s;
			proxy_set_header X-Auth-Request-Redirect $request_uri;
			proxy_set_header X-Forwarded-Proto https;
			proxy_set_header Host $http_host;
		}
		location = /oauth2/auth {
			internal;
			proxy_pass http://%[5]s;
			proxy_set_header X-Forwarded-Uri $request_uri;
			proxy_set_header X-Forwarded-Proto https;
			proxy_set_header Host $http_host;
			proxy_set_header Content-Length "";
			proxy_pass_request_body off;
		}
		location / {
			auth_request /oauth2/auth;
			error_page 401 =302 /oauth2/start?rd=$request_uri;
			auth_request_set $email $upstream_http_x_auth_request_email;
			auth_request_set $groups $upstream_http_x_auth_request_groups;
			auth_request_set $token $upstream_http_x_auth_request_access_token;
			auth_request_set $session $upstream_http_set_cookie;
			add_header Set-Cookie $session;
			proxy_set_header X-Email $email;
			proxy_set_header X-Groups $groups;
			proxy_set_header X-Access-Token $token;
			proxy_pass http://%[6]s;
		}
	}
}
`

func TestOAuth2ProxyBehindNginx(t *testing.T) {
	w := start(t)
	at := freeport.For(t)
	origin := "https://" + at
	w.apply(t, "oauth2-proxy", origin)
	proxy, folder := w.oauth2Proxy(t, origin, "--cookie-refresh=1s"), t.TempDir()
	config := fmt.Appendf(nil, nginxConfiguration, folder, at, w.certificate("tls.crt"), w.certificate("tls.key"), proxy, pages(t))
	if err := os.WriteFile(filepath.Join(folder, "nginx.conf"), config, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "nginx", nil, debian(t, "nginx"), "-p", folder, "-c", filepath.Join(folder, "nginx.conf"))
	w.await(t, origin+"/oauth2/start", http.StatusFound)
	bob := w.logInToOAuth2Proxy(t, origin)
	first := bob.text()
	bob.eventually("the access token is another one", func() bool {
		bob.open(origin + "/reports")
		bob.reads("mail=bob@photos.example", "groups=family", "token=")
		return bob.text() != first
	})

	bob.leaveOAuth2Proxy(origin)
}

// logInToOAuth2Proxy has Bob come in, whatever web server asks oauth2-proxy.
func (w *environment) logInToOAuth2Proxy(t *testing.T, origin string) *browser {
	t.Helper()
	bob := w.browser(t)
	bob.open(origin + "/reports")
	bob.logIn()
	bob.allow()
	bob.reads("mail=bob@photos.example", "groups=family", "token=")
	return bob
}

// leaveOAuth2Proxy has Bob log out and in again, and lose the right to do so.
func (b *browser) leaveOAuth2Proxy(origin string) {
	t, w, bob := b.t, b.w, b
	t.Helper()
	bob.open(origin + "/oauth2/sign_out?rd=/oauth2/userinfo")
	bob.reads("Unauthorized")
	bob.open(origin + "/reports") // he is still signed in at Gatehouse
	bob.reads("mail=bob@photos.example")
	bob.open(origin + "/oauth2/sign_out?rd=" + url.QueryEscape(w.Issuer+"/oauth2/logout?client_id=oauth2-proxy.oauth2-proxy"))
	bob.do("sign out there too", chromedp.WaitVisible(`button.primary`), chromedp.Click(`button.primary`))
	bob.reads("You are signed out")
	res, err := w.client(t).Get(origin + "/reports")
	if err != nil || res.StatusCode != http.StatusFound {
		t.Fatalf("who is not logged in is let in: %v", err)
	}
	bob.open(origin + "/reports")
	bob.logIn()
	bob.reads("mail=bob@photos.example")

	w.dismiss(t, "oauth2-proxy", origin+"/oauth2/callback")
	other := w.browser(t)
	other.open(origin + "/reports")
	other.logIn()
	other.refused()
}
