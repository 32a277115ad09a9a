// SPDX-License-Identifier: Apache-2.0

package adminapi

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// ask serves answers and returns a client of the server.
func ask(t *testing.T, answer http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewTLSServer(answer)
	t.Cleanup(server.Close)
	folder := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return &Client{
		URL: server.URL, ServerName: "example.com", TokenFile: write("token", []byte("the-token\n")),
		CAFile: write("ca.crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})),
	}
}

func collect(t *testing.T, c *Client) (uids []string, err error) {
	t.Helper()
	err = c.Usage(t.Context(), func(p UsagePage) error {
		for _, item := range p.Items {
			uids = append(uids, item.UID)
		}
		return nil
	})
	return uids, err
}

func TestTheClientReadsPageByPage(t *testing.T) {
	c := ask(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer the-token" || r.URL.Path != PathUsage || r.URL.Query().Get("limit") != "500" {
			t.Errorf("request %s %v", r.URL, r.Header)
		}
		page := UsagePage{Items: []ClientUsage{{UID: "first"}}, Continue: "a b"}
		if r.URL.Query().Get("continue") == "a b" {
			page = UsagePage{Items: []ClientUsage{{UID: "second"}}}
		}
		_ = json.NewEncoder(w).Encode(page)
	})
	if got, err := collect(t, c); err != nil || strings.Join(got, " ") != "first second" {
		t.Errorf("%v, %v", got, err)
	}
}

// N307: whatever the server answers, the client ends.
func TestN307AnAnswerWithoutAnEndIsGivenUp(t *testing.T) {
	var pages, long atomic.Int64
	for name, row := range map[string]struct {
		answer http.HandlerFunc
		word   string
	}{
		"pages without an end":        {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, `{"continue":"%d"}`, pages.Add(1)) }, "has no end after 2000 pages"},
		"a page that leads to itself": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"continue":"x"}`) }, "leads to itself"},
		"a continue that is too long": {func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"continue":"%0*d"}`, MaxContinue+1, long.Add(1))
		}, "leads to itself, or nowhere"},
		"too many entries": {func(w http.ResponseWriter, _ *http.Request) {
			_ = json.NewEncoder(w).Encode(UsagePage{Items: make([]ClientUsage, MaxPage+1)})
		}, "holds 501 entries"},
		"a body without an end": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		}, "is larger than"},
		"no JSON":   {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, "cannot be read"},
		"a refusal": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, "403"},
		"a refusal with words": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			_ = json.NewEncoder(w).Encode(Failure{Reason: "Forbidden", Message: "the words"})
		}, "the words"},
	} {
		if got, err := collect(t, ask(t, row.answer)); err == nil || !strings.Contains(err.Error(), row.word) || strings.Contains(err.Error(), "the-token") {
			t.Errorf("%s: %d entries, error %v; want %q", name, len(got), err, row.word)
		}
	}
	if n := pages.Load(); n != maxPages {
		t.Errorf("%d pages were read", n)
	}
}

// N311: the operator's token goes to the server with the right name and authority, and to nobody else.
func TestN311TheTokenGoesToTheRightServerOnly(t *testing.T) {
	var asked atomic.Int64
	elsewhere := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer elsewhere.Close()
	redirecting := ask(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) })
	counting := func() *Client { return ask(t, func(http.ResponseWriter, *http.Request) { asked.Add(1) }) }
	otherName, system, noCertificate, noToken := counting(), counting(), counting(), counting()
	otherName.ServerName = "auth.example.org"
	system.CAFile = filepath.Join(t.TempDir(), "not there")
	noCertificate.CAFile = noCertificate.TokenFile
	noToken.TokenFile = "not there"
	for name, c := range map[string]*Client{
		"a redirect": redirecting, "another name": otherName, "another authority": system, "no certificate": noCertificate, "no token": noToken,
	} {
		if _, err := collect(t, c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("%d requests arrived", n)
	}
	for _, url := range []string{"", "http://host:1", "https://host:1/", "https://host:1?x", "https://user@host:1/x", "host"} {
		if (&Client{URL: url, ServerName: "host", TokenFile: "token"}).Check() == nil {
			t.Errorf("%q is taken", url)
		}
	}
}
