// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

func TestN88HEADIssuesNothing(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	remembered := b.begin(nil)
	p := b.get(remembered).wants(http.StatusOK, "")
	b.post(remembered+"/consent", url.Values{"decision": {"allow"}, "always": {"on"}, "ticket": {p.field("ticket")}}).back(authtest.PhotoPrintCallback)

	path := b.begin(nil) // nothing is left to ask: GET would issue a code
	cookies := b.cookies()
	writes, events := h.Store.Writes(), len(h.Audit.Events(""))
	for _, target := range []string{
		path, "/account", request(nil), "/oauth1/authorize?oauth_token=x", "/manage/oauth2/authorize?client_id=x",
		"/manage/oauth/authorizeToken?oauth_token=x", "/integration/rest/oAuth/authorize?client_id=x",
	} {
		p := b.do(http.MethodHead, target, nil)
		if p.StatusCode != http.StatusOK || p.Header.Get("Location") != "" || len(p.Cookies()) > 0 {
			t.Errorf("HEAD %s: %d, %d cookies, location %q", target, p.StatusCode, len(p.Cookies()), p.Header.Get("Location"))
		}
	}
	if got := h.Store.Writes(); got != writes {
		t.Errorf("HEAD wrote %d times", got-writes)
	}
	if got := len(h.Audit.Events("")); got != events {
		t.Errorf("HEAD left %d audit events", got-events)
	}
	if len(b.cookies()) != len(cookies) {
		t.Error("HEAD changed the cookies")
	}
	if code := b.get(path).back(authtest.PhotoPrintCallback).Get("code"); strings.TrimSpace(code) == "" {
		t.Error("GET after it issues no code")
	}
}
