// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/web"
)

// witness is a second front of a house, of which everything is kept that it tells.
type witness struct {
	http.Handler
	log     bytes.Buffer
	metrics *web.Metrics
}

func newWitness(t *testing.T, h *house) *witness {
	t.Helper()
	w := &witness{metrics: web.NewMetrics()}
	site, err := web.New(web.Config{
		Auth: h.Auth, Issuer: h.issuer, Metrics: w.metrics, Ready: func(*http.Request) error { return nil }, Now: h.Clock.Now,
		Log:       slog.New(slog.NewJSONHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		AccessLog: &w.log,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Handler = site.Handler()
	return w
}

// told is all that the house told its operators.
func (w *witness) told(t *testing.T, h *house) string {
	t.Helper()
	families, err := w.metrics.Registerer().(prometheus.Gatherer).Gather()
	if err != nil {
		t.Fatal(err)
	}
	events, err := json.Marshal(h.Audit.Events(""))
	if err != nil {
		t.Fatal(err)
	}
	return w.log.String() + string(events) + fmt.Sprint(families)
}

func TestN61WhatOlderClientsPutIntoAddressesIsNeverLogged(t *testing.T) {
	eachOlder(t, func(t *testing.T, h *house, o older) {
		h.Clients.Change(o.client, func(c *authserver.Client) {
			c.SecretInURLUntil, c.SecretInHeaderUntil = h.Clock.Now().Add(time.Hour), h.Clock.Now().Add(time.Hour)
		})
		secret, tokens := h.Secret(o.client), o.tokens(t, h)
		w := newWitness(t, h)
		queries := []url.Values{o.redemption(h, o.code(t, h, nil)), o.refresh(h, tokens.fields["refresh_token"])}
		secrets := []string{secret, "a-password", tokens.fields["access_token"], tokens.fields["refresh_token"], queries[0].Get("code")}
		wrong := o.redemption(h, "a-code")
		wrong.Set("client_id", "someone")
		queries = append(queries, wrong, url.Values{"grant_type": {"password"}, "username": {"bob"}, "password": {"a-password"}, "client_secret": {secret}})
		ask := func(method, path string, v url.Values) {
			r := httptest.NewRequest(method, path+"?"+v.Encode(), nil)
			r.Header.Set("Referer", h.issuer+path+"?"+v.Encode())
			if strings.HasPrefix(path, "/integration") {
				r.SetBasicAuth(o.client, secret)
			}
			w.ServeHTTP(httptest.NewRecorder(), r)
		}
		for _, v := range queries {
			for _, method := range []string{http.MethodHead, http.MethodPut, http.MethodGet, http.MethodPost} {
				ask(method, o.token, v)
				ask(method, o.token+"/"+secret, v)
				ask(method, "/manage/oauth/getUserIdentity", url.Values{"access_token": {tokens.fields["access_token"]}, "client_secret": {secret}})
			}
		}
		header := httptest.NewRequest(http.MethodPost, o.token, nil)
		header.Header.Set("Authorization", `OAuth grant_type="refresh_token",client_id="`+o.client+`",client_secret="`+secret+`",refresh_token="x"`)
		w.ServeHTTP(httptest.NewRecorder(), header)
		h.Store.Fail(http.ErrNoLocation)
		ask(http.MethodPost, o.token, queries[1])
		h.Store.Fail(nil)

		told := w.told(t, h)
		if strings.Count(told, "POST "+o.token) < len(queries) {
			t.Fatalf("the log lacks requests:\n%s", told)
		}
		for _, s := range append(secrets, "grant_type=", url.QueryEscape(o.callback)) {
			if strings.Contains(told, s) {
				t.Errorf("somebody who reads the logs learns %q", s)
			}
		}
	})
}
