// SPDX-License-Identifier: Apache-2.0

package workloadtoken

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/testio"
)

var start = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// issuer is a token endpoint, and a client of it.
func issuer(t *testing.T, serve http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewTLSServer(serve)
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("first.of.kubernetes\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return &Client{Issuer: server.URL, ClientID: "photos.photonight", AssertionFile: file, HTTP: server.Client(), Now: func() time.Time { return start }}
}

func TestATokenIsFetchedWithTheTokenOfTheServiceAccountAsItIsNow(t *testing.T) {
	var got []string
	c := issuer(t, func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil || r.URL.Path != "/oauth2/token" {
			t.Errorf("%s: %v", r.URL, err)
		}
		got = append(got, r.PostForm.Encode())
		fmt.Fprint(w, `{"access_token":"gha_1","token_type":"bearer","expires_in":600}`)
	})
	c.Scopes, c.Resources = []string{"photos.read", "photos.write"}, []string{"api://photos"}
	token, err := c.Fetch(t.Context())
	if err != nil || token.AccessToken != "gha_1" || !token.FetchedAt.Equal(start) || !token.ExpiresAt.Equal(start.Add(10*time.Minute)) {
		t.Errorf("%+v, %v", token, err)
	}
	if err := os.WriteFile(c.AssertionFile, []byte("second.of.kubernetes"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Fetch(t.Context()); err != nil {
		t.Error(err)
	}
	want := "client_assertion=%s.of.kubernetes&client_assertion_type=urn%%3Aietf%%3Aparams%%3Aoauth%%3Aclient-assertion-type%%3Ajwt-bearer&client_id=photos.photonight&grant_type=client_credentials" +
		"&resource=api%%3A%%2F%%2Fphotos&scope=photos.read+photos.write"
	for n, which := range []string{"first", "second"} {
		if got[n] != fmt.Sprintf(want, which) {
			t.Errorf("request %d: %s", n, got[n])
		}
	}
}

func TestN367WhatIsNoTokenIsAnErrorThatTellsNoSecret(t *testing.T) {
	for name, row := range map[string]struct {
		serve http.HandlerFunc
		word  string
	}{
		"refused": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error":"invalid_client","error_description":"client authentication failed"}`)
		}, "invalid_client"},
		"a page": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>gha_secret") }, "not an access token"},
		"no lifetime": {func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"access_token":"gha_secret","token_type":"Bearer"}`)
		}, "not an access token"},
		"of another use": {func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"access_token":"gha_secret","token_type":"DPoP","expires_in":60}`)
		}, "not an access token"},
		"no token": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"token_type":"Bearer","expires_in":60}`) }, "not an access token"},
		"without end": {func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, strings.Repeat(" ", maxAnswer)+`{"access_token":"gha_secret","token_type":"Bearer","expires_in":60}`)
		}, "not an access token"},
		"a long reason": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"error":%q}`, strings.Repeat("x", 10_000))
		}, "status 400"},
	} {
		_, err := issuer(t, row.serve).Fetch(t.Context())
		if err == nil || !strings.Contains(err.Error(), row.word) || strings.Contains(err.Error(), "gha_secret") || strings.Contains(err.Error(), "kubernetes") || len(err.Error()) > 600 {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := issuer(t, func(http.ResponseWriter, *http.Request) { t.Error("the issuer was asked without an assertion") })
	for name, text := range map[string]string{"empty": " \n", "too long": strings.Repeat("a", maxAssertion+1)} {
		if err := os.WriteFile(c.AssertionFile, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Fetch(t.Context()); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	there := c.AssertionFile
	endless, all := testio.Endless(t)
	c.AssertionFile = endless
	if _, err := c.Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "is longer than") {
		t.Errorf("without end: %v", err)
	}
	if <-all {
		t.Error("a file without an end was read on")
	}
	c.AssertionFile = there + "x"
	if _, err := c.Fetch(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("not there: %v", err)
	}
	for _, bad := range []string{"http://auth.example.com", "https://auth.example.com/", "auth.example.com", "https://a@auth.example.com", "https://auth.example.com?x", ""} {
		if (&Client{Issuer: bad, ClientID: "a", AssertionFile: "f"}).Check() == nil {
			t.Errorf("the issuer %q is taken", bad)
		}
	}
	if err := (&Client{Issuer: "https://auth.example.com", ClientID: "a", AssertionFile: "f"}).Check(); err != nil {
		t.Error(err)
	}
}

// keeping is a Keeper that a test leads: each wait is noted, and the next answer follows.
type keeping struct {
	Keeper
	waits []time.Duration
	log   bytes.Buffer
}

func keep(t *testing.T, answers ...any) *keeping {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	k := &keeping{}
	k.Keeper = Keeper{Path: filepath.Join(t.TempDir(), "access-token"), Log: slog.New(slog.NewTextHandler(&k.log, nil)), Chance: func() float64 { return 0.5 }}
	k.Fetch = func(context.Context) (Token, error) {
		next := answers[0]
		answers = answers[1:]
		if err, failed := next.(error); failed {
			return Token{}, err
		}
		return Token{AccessToken: next.(string), FetchedAt: start, ExpiresAt: start.Add(1000 * time.Second)}, nil
	}
	k.Wait = func(ctx context.Context, d time.Duration) error {
		k.waits = append(k.waits, d.Round(time.Millisecond))
		if len(answers) == 0 {
			cancel()
		}
		return ctx.Err()
	}
	if err := k.Run(ctx); err != nil {
		t.Fatalf("it ends with %v", err)
	}
	return k
}

func TestTheFileHoldsAFreshTokenBeforeTheOldOneEnds(t *testing.T) {
	k := keep(t, "gha_1", "gha_2")
	info, err := os.Stat(k.Path)
	if text, readErr := os.ReadFile(k.Path); errors.Join(err, readErr) != nil || string(text) != "gha_2" || info.Mode() != 0o640 {
		t.Errorf("the file holds %q, %v, mode %v", text, readErr, info)
	}
	if fmt.Sprint(k.waits) != "[10m10s 10m10s]" { // of 16m40s
		t.Errorf("it waits %v", k.waits)
	}
	if files, err := os.ReadDir(filepath.Dir(k.Path)); err != nil || len(files) != 1 {
		t.Errorf("it leaves %v, %v", files, err)
	}
	if log := k.log.String(); strings.Contains(log, "gha_") || !strings.Contains(log, "access-token") {
		t.Errorf("the log says %s", log)
	}
	for chance, want := range map[float64]time.Duration{0: 560 * time.Second, 0.999: 660 * time.Second} {
		k.Chance = func() float64 { return chance }
		if got := k.nextRenewal(Token{FetchedAt: start, ExpiresAt: start.Add(1000 * time.Second)}); (got - want).Abs() > time.Second {
			t.Errorf("with the chance %v it waits %s, want %s", chance, got, want)
		}
	}
}

func TestN367AFailureKeepsTheFileAndIsTriedAgainMoreAndMoreSeldom(t *testing.T) {
	away := errors.New("away")
	k := keep(t, "gha_1", away, away, away, away, away, away, away, away, "gha_2", away)
	if fmt.Sprint(k.waits) != "[10m10s 750ms 1.5s 3s 6s 12s 24s 45s 45s 10m10s 750ms]" {
		t.Errorf("it waits %v", k.waits)
	}
	if text, err := os.ReadFile(k.Path); err != nil || string(text) != "gha_2" {
		t.Errorf("the file holds %q, %v", text, err)
	}
	if strings.Count(k.log.String(), "away") != 9 {
		t.Errorf("the log says %s", k.log.String())
	}
	if err := write(filepath.Join(k.Path, "below", "a-file"), "x"); err == nil {
		t.Error("a file that cannot be written is none")
	}
}
