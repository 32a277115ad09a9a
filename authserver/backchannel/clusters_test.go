// SPDX-License-Identifier: Apache-2.0

package backchannel

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/internal/assertion"
	"github.com/gatehouse-dev/gatehouse/internal/testio"
)

const clusterIssuer = "https://kubernetes.default.svc.cluster.local"

// clusters returns the cluster east alone. It shares the authorities of a house, and its clock.
func clusters(t *testing.T, east ClusterConfig) (*Clusters, *house) {
	t.Helper()
	h := newHouse(t)
	east.Name, east.Key = "east", "workloadIdentity.clusters[0]"
	if east.JWKSFile == "" {
		east.CAFile = h.sender.CAFile
	}
	return NewClusters([]ClusterConfig{east}, h.sender.Log, h.Clock.Now), h
}

// knows reports whether a key of east has the kid.
func knows(t *testing.T, c *Clusters, kid string) (bool, error) {
	t.Helper()
	keys, err := c.Keys(t.Context(), "east", named(kid))
	for _, k := range keys {
		if k.KeyID == kid {
			return true, err
		}
	}
	return false, err
}

func TestN410TheKeysOfAClusterAreReadAgainAndLastAnHour(t *testing.T) {
	a, one, two := newAddress(t), authtest.NewClientKey(t, "one"), authtest.NewClientKey(t, "two")
	// The address is inside, and no list of networks says that it may be asked.
	c, h := clusters(t, ClusterConfig{Issuer: clusterIssuer, JWKSURI: a.URL + "/openid/v1/jwks"})
	if issuer, known := c.Issuer("east"); issuer != clusterIssuer || !known {
		t.Errorf("the issuer is %q", issuer)
	}
	if _, known := c.Issuer("west"); known {
		t.Error("a cluster that nobody named is known")
	}
	if _, err := c.Keys(t.Context(), "west", named("one")); !errors.Is(err, authserver.ErrUnavailable) {
		t.Errorf("the keys of a cluster that nobody named: %v", err)
	}
	wants := func(name, kid string, asked int32, known bool) {
		t.Helper()
		if found, err := knows(t, c, kid); err != nil || found != known || a.asked.Load() != asked {
			t.Errorf("%s: %t after %d questions, %v; want %t after %d", name, found, a.asked.Load(), err, known, asked)
		}
	}
	a.says(authtest.JWKS(t, one))
	wants("first", "one", 1, true)
	a.says(authtest.JWKS(t, two))
	wants("keys rotated, just asked", "two", 1, false)
	h.Clock.Advance(time.Minute)
	wants("keys rotated, a minute later", "two", 2, true)
	wants("the old key", "one", 2, false)
	a.serve.Store(http.HandlerFunc(http.NotFound))
	h.Clock.Advance(time.Hour - time.Second)
	wants("away for nearly an hour", "two", 3, true)
	h.Clock.Advance(time.Second)
	if found, err := knows(t, c, "two"); found || !errors.Is(err, authserver.ErrUnavailable) {
		t.Errorf("away for an hour: %t, %v", found, err)
	}
	if log := h.log.String(); !strings.Contains(log, "cluster=east") || !strings.Contains(log, "status 404") {
		t.Errorf("the log says %s", log)
	}
	a.says(authtest.JWKS(t, two))
	h.Clock.Advance(time.Minute)
	wants("back", "two", 4, true)
}

// East and west have one issuer, and east says nothing. The keys are those that a server reads.
func TestN408WhoseClusterIsKnownWaitsForNoOtherOne(t *testing.T) {
	h, silent, a := newHouse(t), newAddress(t), newAddress(t)
	key, hereKey := authtest.NewClientKey(t, "of west"), authtest.NewClientKey(t, "of this cluster")
	a.says(authtest.JWKS(t, key))
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	silent.serve.Store(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
	all := NewClusters([]ClusterConfig{
		{Name: "east", Key: "east", Issuer: clusterIssuer, JWKSURI: silent.URL, CAFile: h.sender.CAFile},
		{Name: "west", Key: "west", Issuer: clusterIssuer, JWKSURI: a.URL, CAFile: h.sender.CAFile},
	}, h.sender.Log, h.Clock.Now)
	all.all["east"].sets.timeout, all.all["west"].sets.timeout = patience, patience
	server, err := authserver.New(authserver.Config{
		Clients: h.Clients, Directory: h.Directory, Entitlement: h.Entitlement, Store: h.Store, Auditor: h.Audit, Issuer: authtest.Issuer, Now: h.Clock.Now,
		Clusters: all, TokenReviewer: h.Tokens,
	})
	if err != nil {
		t.Fatal(err)
	}
	server.UseKeys(h.Keys())
	h.WithoutSecret(authtest.PhotoReport, authserver.Assertions{
		ServiceAccounts: []authserver.ServiceAccount{{Name: "reporter", UID: "u"}},
		Elsewhere:       &authserver.Elsewhere{Clusters: []string{"east", "west"}, Names: []string{"reporter"}},
	})
	const account = "system:serviceaccount:photos:reporter"
	token := func(by *authtest.ClientKey, uid string) string {
		now := h.Clock.Now()
		return by.Sign(t, authtest.Claims{"iss": clusterIssuer, "sub": account, "aud": authtest.Issuer, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
			"kubernetes.io": map[string]any{"namespace": "photos", "serviceaccount": map[string]any{"name": "reporter", "uid": uid}}}, nil)
	}
	accepted := func(name, text string, asked int32) {
		t.Helper()
		_, err := server.AuthenticateClient(t.Context(), authserver.ProfileOAuth2, authserver.ClientSecret{ID: authtest.PhotoReport, Assertion: text})
		waited := !all.all["east"].sets.known(silent.URL).asked.IsZero() // a question that is held has not ended
		if err != nil || waited || a.asked.Load() != asked {
			t.Errorf("%s: %v after %d questions; want %d; it waited for east: %t", name, err, a.asked.Load(), asked, waited)
		}
	}
	here := token(hereKey, "u")
	h.Tokens.Accept(here, account, "u")
	accepted("this cluster, while no keys are known", here, 0)
	accepted("west, while no keys are known", token(key, "w"), 1)
	h.Clock.Advance(keysAgainAfter)
	accepted("west, whose keys are known", token(key, "w"), 1)
	accepted("this cluster", here, 1)
	h.Clock.Advance(keysFreshFor)
	accepted("west, whose keys are read again", token(key, "w"), 2)
}

func TestN409AnAddressOfAClusterIsBounded(t *testing.T) {
	key := authtest.NewClientKey(t, "one")
	other := newAddress(t)
	other.says(authtest.JWKS(t, key))
	var readOn atomic.Bool
	for name, row := range map[string]struct {
		serve http.HandlerFunc
		want  string
	}{
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		}, "status 307"},
		"forbidden": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, "status 403"},
		"too long": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(strings.Repeat(" ", assertion.MaxSet+1) + authtest.JWKS(t, key)))
		}, "it is longer than"},
		"without end": {endless(&readOn), "it is longer than"},
		"no set":      {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{}`)) }, "it is not a JWK Set"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAddress(t)
			a.serve.Store(row.serve)
			c, _ := clusters(t, ClusterConfig{Issuer: clusterIssuer, JWKSURI: a.URL})
			if _, err := knows(t, c, "one"); !errors.Is(err, authserver.ErrUnavailable) || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%v; want an error that says %q", err, row.want)
			}
		})
	}
	if other.asked.Load() != 0 {
		t.Error("a redirect was followed")
	}
	if readOn.Load() {
		t.Error("an answer without an end was read on")
	}
	t.Run("another authority", func(t *testing.T) {
		h := newHouse(t)
		c := NewClusters([]ClusterConfig{{Name: "east", Issuer: clusterIssuer, JWKSURI: other.URL}}, h.sender.Log, h.Clock.Now)
		if _, err := knows(t, c, "one"); !errors.Is(err, authserver.ErrUnavailable) || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("%v", err)
		}
	})
	t.Run("authorities that are gone", func(t *testing.T) {
		h := newHouse(t)
		c := NewClusters([]ClusterConfig{{Name: "east", Key: "workloadIdentity.clusters[7]", CAFile: "/nowhere/ca.crt", Issuer: clusterIssuer, JWKSURI: other.URL}}, h.sender.Log, h.Clock.Now)
		if _, err := knows(t, c, "one"); !errors.Is(err, authserver.ErrUnavailable) || !strings.Contains(err.Error(), "workloadIdentity.clusters[7].caFile") {
			t.Errorf("%v", err)
		}
	})
}

func TestN409TheMetadataOfAnIssuerSaysWhereItsKeysAre(t *testing.T) {
	key := authtest.NewClientKey(t, "one")
	for name, row := range map[string]struct {
		metadata string // SELF stands for the issuer
		want     string // of the error; empty: the keys are found
	}{
		"as it should be":         {`{"issuer":"SELF","jwks_uri":"SELF/openid/v1/jwks","response_types_supported":["id_token"]}`, ""},
		"another issuer":          {`{"issuer":"SELF/","jwks_uri":"SELF/openid/v1/jwks"}`, "another issuer"},
		"no issuer":               {`{"jwks_uri":"SELF/openid/v1/jwks"}`, "another issuer"},
		"no address":              {`{"issuer":"SELF"}`, "jwks_uri"},
		"an address that is http": {`{"issuer":"SELF","jwks_uri":"http://east.example/keys"}`, "not an https URL"},
		"a file":                  {`{"issuer":"SELF","jwks_uri":"file:///etc/passwd"}`, "not an https URL"},
		"this cluster":            {`{"issuer":"SELF","jwks_uri":"https://Kubernetes.default.svc:443/openid/v1/jwks"}`, "the API server of the cluster that this server is in"},
		"no JSON":                 {`<html>`, "not a JSON object"},
		"too long":                {strings.Repeat(" ", assertion.MaxSet+1) + `{"issuer":"SELF","jwks_uri":"SELF/openid/v1/jwks"}`, "longer than"},
	} {
		for _, path := range []string{"", "/clusters/1"} {
			t.Run(name+path, func(t *testing.T) {
				a := newAddress(t)
				self := a.URL + path
				mux := http.NewServeMux()
				mux.HandleFunc("GET "+path+"/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
					_, _ = w.Write([]byte(strings.ReplaceAll(row.metadata, "SELF", self)))
				})
				mux.HandleFunc("GET "+path+"/openid/v1/jwks", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(authtest.JWKS(t, key))) })
				a.serve.Store(http.HandlerFunc(mux.ServeHTTP))
				c, _ := clusters(t, ClusterConfig{Issuer: self})
				found, err := knows(t, c, "one")
				switch {
				case row.want == "" && (err != nil || !found):
					t.Errorf("%t, %v", found, err)
				case row.want != "" && (!errors.Is(err, authserver.ErrUnavailable) || !strings.Contains(err.Error(), row.want)):
					t.Errorf("%v; want an error that says %q", err, row.want)
				}
			})
		}
	}
}

func TestN409MetadataWithoutAnEndAreNotReadOn(t *testing.T) {
	var readOn atomic.Bool
	a := newAddress(t)
	a.serve.Store(endless(&readOn))
	c, _ := clusters(t, ClusterConfig{Issuer: a.URL})
	if _, err := knows(t, c, "one"); !errors.Is(err, authserver.ErrUnavailable) || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("%v", err)
	}
	if readOn.Load() {
		t.Error("metadata without an end were read on")
	}
}

func TestN409MetadataThatRedirectIsNotFollowed(t *testing.T) {
	key, other := authtest.NewClientKey(t, "one"), newAddress(t)
	for _, to := range []string{"/elsewhere", other.URL + "/.well-known/openid-configuration"} {
		a := newAddress(t)
		metadata := func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, a.URL, a.URL+"/openid/v1/jwks")
		}
		mux := http.NewServeMux()
		mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) })
		mux.HandleFunc("GET /elsewhere", metadata)
		mux.HandleFunc("GET /openid/v1/jwks", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(authtest.JWKS(t, key))) })
		a.serve.Store(http.HandlerFunc(mux.ServeHTTP))
		other.serve.Store(http.HandlerFunc(metadata))
		c, _ := clusters(t, ClusterConfig{Issuer: a.URL})
		if found, err := knows(t, c, "one"); found || !errors.Is(err, authserver.ErrUnavailable) || !strings.Contains(err.Error(), "status 302") {
			t.Errorf("to %s: %t, %v", to, found, err)
		}
		if a.asked.Load() != 1 || other.asked.Load() != 0 {
			t.Errorf("to %s: the issuer was asked %d times, the other host %d times", to, a.asked.Load(), other.asked.Load())
		}
	}
}

// keyFileIn returns the path of a file that is not there, and what writes it.
func keyFileIn(t *testing.T) (path string, write func(text string)) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "jwks.json")
	return path, func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestN411TheFileWithTheKeysOfAClusterIsReadAgainWhenItChanges(t *testing.T) {
	path, write := keyFileIn(t)
	one, two := authtest.NewClientKey(t, "one"), authtest.NewClientKey(t, "two")
	write(authtest.JWKS(t, one))
	c, h := clusters(t, ClusterConfig{Issuer: clusterIssuer, JWKSFile: path})
	wants := func(name, kid string, known bool) {
		t.Helper()
		if found, err := knows(t, c, kid); err != nil || found != known {
			t.Errorf("%s: %t, %v; want %t", name, found, err, known)
		}
	}
	write("{")
	h.Clock.Advance(5 * time.Second)
	wants("good at the start, broken before the first token", "one", true)
	write(authtest.JWKS(t, two))
	if _, err := knows(t, c, "two"); !errors.Is(err, authserver.ErrUnavailable) {
		t.Errorf("changed, within five seconds, and broken before: %v", err)
	}
	h.Clock.Advance(5 * time.Second)
	wants("changed", "two", true)
	wants("the key that was taken out", "one", false)
	for _, broken := range []string{"{", "", "{}", strings.Repeat(" ", assertion.MaxSet+1) + authtest.JWKS(t, one), `{"keys":[{"kty":"oct","k":"AAAA"}]}`} {
		write(broken)
		h.Clock.Advance(5 * time.Second)
		wants("broken", "two", true)
		h.Clock.Advance(5 * time.Second)
		wants("still broken", "two", true)
	}
	if n := strings.Count(h.log.String(), "cannot be used"); n != 4 { // once before, and three of the five are broken in the same way
		t.Errorf("%d lines in the log:\n%s", n, h.log)
	}
	write(authtest.JWKS(t, one))
	h.Clock.Advance(5 * time.Second)
	wants("back", "one", true)
	wants("the key that is over", "two", false)
}

func TestN411AFileWithoutAnEndIsNotReadOn(t *testing.T) {
	path, readOn := testio.Endless(t)
	_, h := clusters(t, ClusterConfig{Issuer: clusterIssuer, JWKSFile: path}) // which looks at the file
	if <-readOn {
		t.Error("a file without an end was read on")
	}
	if log := h.log.String(); !strings.Contains(log, "longer than") {
		t.Errorf("the log says %s", log)
	}
}

func TestN411TheLastGoodKeysOfAFileCountForAnHour(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, path string){
		"broken": func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"gone": func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			path, write := keyFileIn(t)
			write(authtest.JWKS(t, authtest.NewClientKey(t, "one")))
			c, h := clusters(t, ClusterConfig{Issuer: clusterIssuer, JWKSFile: path})
			h.Clock.Advance(24 * time.Hour)
			if found, err := knows(t, c, "one"); err != nil || !found {
				t.Errorf("a file that nobody changed for a day: %t, %v", found, err)
			}
			spoil(t, path)
			h.Clock.Advance(time.Hour - time.Second)
			if found, err := knows(t, c, "one"); err != nil || !found {
				t.Errorf("for nearly an hour: %t, %v", found, err)
			}
			h.Clock.Advance(time.Second)
			if found, err := knows(t, c, "one"); found || !errors.Is(err, authserver.ErrUnavailable) {
				t.Errorf("for an hour: %t, %v", found, err)
			}
			write(authtest.JWKS(t, authtest.NewClientKey(t, "one")))
			h.Clock.Advance(5 * time.Second)
			if found, err := knows(t, c, "one"); err != nil || !found {
				t.Errorf("back: %t, %v", found, err)
			}
		})
	}
}

// setsWithoutKeys are in order, and have no key that is accepted, neither of a client nor of a cluster.
var setsWithoutKeys = map[string]string{
	"empty":           `{"keys":[]}`,
	"for encryption":  `{"keys":[{"kty":"OKP","crv":"Ed25519","use":"enc","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"one"}]}`,
	"of another kind": `{"keys":[{"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"one"}]}`,
}

// keysOfAClientAlone has a key that no API server signs tokens by.
const keysOfAClientAlone = `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"one"}]}`

// Whoever runs the other cluster, or this server, takes a stolen key out by a set without it, also when it was the only one.
func TestN411ASetWithoutKeysTakesAllKeysOfAClusterOut(t *testing.T) {
	good := authtest.JWKS(t, authtest.NewClientKey(t, "one"))
	for _, none := range append(slices.Collect(maps.Values(setsWithoutKeys)), keysOfAClientAlone) {
		path, write := keyFileIn(t)
		a := newAddress(t)
		write(good)
		a.says(good)
		for name, config := range map[string]ClusterConfig{"a file": {Issuer: clusterIssuer, JWKSFile: path}, "an address": {Issuer: clusterIssuer, JWKSURI: a.URL}} {
			write(good)
			a.says(good)
			c, h := clusters(t, config)
			if found, err := knows(t, c, "one"); err != nil || !found {
				t.Fatalf("%s: %t, %v", name, found, err)
			}
			write(none)
			a.says(none)
			h.Clock.Advance(10 * time.Minute)
			if found, err := knows(t, c, "one"); err != nil || found {
				t.Errorf("%s with %s: %t, %v", name, none, found, err)
			}
			if !strings.Contains(h.log.String(), "the keys of a cluster are none") {
				t.Errorf("%s: the log says %s", name, h.log)
			}
		}
	}
}

// What a server finds at its start concerns one cluster, and not the server. Requests do not make it look, or log, more often.
func TestN411AFileThatCannotBeReadAtTheStartIsLookedAtEveryFiveSeconds(t *testing.T) {
	path, write := keyFileIn(t)
	c, h := clusters(t, ClusterConfig{Issuer: clusterIssuer, JWKSFile: path})
	away := func(name string) {
		t.Helper()
		if _, err := knows(t, c, "one"); !errors.Is(err, authserver.ErrUnavailable) || !strings.Contains(err.Error(), "no such file") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := strings.Count(h.log.String(), "cannot be used"); n != 1 {
		t.Errorf("at the start there are %d lines in the log", n)
	}
	away("before the file is there")
	write(authtest.JWKS(t, authtest.NewClientKey(t, "one")))
	away("within five seconds")
	h.Clock.Advance(5 * time.Second)
	if found, err := knows(t, c, "one"); err != nil || !found {
		t.Errorf("then: %t, %v", found, err)
	}
	if n := strings.Count(h.log.String(), "cannot be used"); n != 1 {
		t.Errorf("there are %d lines in the log:\n%s", n, h.log)
	}
}

func TestN411AuthoritiesThatAreMissingAtTheStartAreLogged(t *testing.T) {
	h := newHouse(t)
	NewClusters([]ClusterConfig{{Name: "east", Key: "workloadIdentity.clusters[7]", CAFile: "/nowhere/ca.crt", Issuer: clusterIssuer}}, h.sender.Log, h.Clock.Now)
	if log := h.log.String(); !strings.Contains(log, "cluster=east") || !strings.Contains(log, "workloadIdentity.clusters[7].caFile") {
		t.Errorf("the log says %s", log)
	}
}

func TestN411AKeyOfAClusterWhosePrivateHalfStandsInTheFileIsAcceptedNoMore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jwks.json")
	private, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	stays := authtest.NewClientKey(t, "stays")
	write := func(key any) {
		t.Helper()
		text, err := json.Marshal(jose.JSONWebKey{Key: key, KeyID: "shown"})
		if err != nil {
			t.Fatal(err)
		}
		set := strings.Replace(authtest.JWKS(t, stays), `{"keys":[`, `{"keys":[`+string(text)+",", 1)
		if err := os.WriteFile(path, []byte(set), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(private.Public())
	c, h := clusters(t, ClusterConfig{Issuer: clusterIssuer, JWKSFile: path})
	for n, want := range []bool{true, false, false, true} {
		switch n {
		case 1:
			write(private)
		case 3:
			write(private.Public())
		}
		shown, err := knows(t, c, "shown")
		if other, _ := knows(t, c, "stays"); shown != want || (err != nil) != !want || err != nil && !errors.Is(err, authserver.ErrUnavailable) || !other {
			t.Errorf("look %d: %t, %t, %v", n, shown, other, err)
		}
		h.Clock.Advance(5 * time.Second)
	}
}
