// SPDX-License-Identifier: Apache-2.0

//go:build acceptance && nightly

package acceptance

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/freeport"
)

// caddyConfiguration asks oauth2-proxy about each request. Caddy does not hand on the cookie of a refresh.
const caddyConfiguration = `
{
	admin off
	auto_https off
	storage file_system %[1]s
}
https://%[2]s {
	tls %[3]s %[4]s
	handle /oauth2/* {
		reverse_proxy %[5]s
	}
	handle {
		forward_auth %[5]s {
			uri /oauth2/auth
			copy_headers X-Auth-Request-Email>X-Email X-Auth-Request-Groups>X-Groups X-Auth-Request-Access-Token>X-Access-Token
			@nobody status 401
			handle_response @nobody {
				redir * /oauth2/start?rd={uri}
			}
		}
		reverse_proxy %[6]s
	}
}
`

func TestOAuth2ProxyBehindCaddy(t *testing.T) {
	w := start(t)
	at, folder := freeport.For(t), t.TempDir()
	origin := "https://" + at
	w.apply(t, "oauth2-proxy", origin)
	file := filepath.Join(folder, "Caddyfile")
	config := fmt.Appendf(nil, caddyConfiguration, folder, at, w.certificate("tls.crt"), w.certificate("tls.key"), w.oauth2Proxy(t, origin), pages(t))
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "caddy", nil, program(t, "caddy"), "run", "--adapter=caddyfile", "--config="+file)
	w.await(t, origin+"/oauth2/start", http.StatusFound)
	w.logInToOAuth2Proxy(t, origin).leaveOAuth2Proxy(origin)
}
