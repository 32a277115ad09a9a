// SPDX-License-Identifier: Apache-2.0

//go:build acceptance

package acceptance

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/gatehouse-dev/gatehouse/internal/controlplane/process"
	"github.com/gatehouse-dev/gatehouse/internal/freeport"
	"github.com/gatehouse-dev/gatehouse/test/acceptance/programs"
)

// node returns the command of a script. It runs from a folder that has the packages beside it.
func node(t *testing.T, script string) []string {
	t.Helper()
	modules, err := programs.Node(t.Context(), os.Stderr)
	if err != nil {
		t.Fatalf("the npm packages cannot be had: %v", err)
	}
	folder := t.TempDir()
	if err := os.Symlink(modules, filepath.Join(folder, "node_modules")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{script, "talk.mjs"} {
		text, err := os.ReadFile(filepath.Join("test", "acceptance", "javascript", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, name), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	path, err := exec.LookPath("node")
	if err != nil {
		t.Fatal(err)
	}
	return []string{path, filepath.Join(folder, script)}
}

// report is a line of a script that speaks with its test.
type report struct {
	Open    string         `json:"open"`    // Bob is to open this address; the answer says where he came back to
	Did     string         `json:"did"`     // a step that the library has done
	Refused string         `json:"refused"` // the error that the library got
	Claims  map[string]any `json:"claims"`  // of the ID token
	Info    map[string]any `json:"info"`    // of UserInfo
}

// script is one that runs.
type script struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Scanner
}

// script starts a script with its settings. It ends with its test.
func (w *environment) script(t *testing.T, settings map[string]string, command []string) *script {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+w.CA, "NO_PROXY=*", "no_proxy=*")
	s := &script{t: t}
	s.in, s.out = talk(t, "script", browserLimit, cmd)
	s.write(settings)
	return s
}

// talk starts a program that speaks with its test in lines. It ends with the test, and at the latest after the time.
func talk(t *testing.T, name string, longest time.Duration, cmd *exec.Cmd) (io.Writer, *bufio.Scanner) {
	t.Helper()
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p, err := process.Start(name, cmd)
	if err != nil {
		t.Fatal(err)
	}
	hung := time.AfterFunc(longest, func() { _ = p.Stop(time.Second) }) // and so ends what waits for it
	t.Cleanup(func() {
		hung.Stop()
		_ = p.Stop(limit) // it may have ended by itself
	})
	return in, bufio.NewScanner(out)
}

func (s *script) write(value any) {
	s.t.Helper()
	line, err := json.Marshal(value)
	if err == nil {
		_, err = fmt.Fprintf(s.in, "%s\n", line)
	}
	if err != nil {
		s.t.Fatalf("write to the script: %v", err)
	}
}

// answer lets the script go on.
func (s *script) answer(back string) { s.write(map[string]string{"back": back}) }

func (s *script) read() (r report) {
	s.t.Helper()
	if !s.out.Scan() {
		s.t.Fatalf("the script has ended: %v", s.out.Err())
	}
	if err := json.Unmarshal(s.out.Bytes(), &r); err != nil {
		s.t.Fatalf("the script writes %q: %v", s.out.Text(), err)
	}
	return r
}

// callbacks serves the origin of a client that has no server here, and hands on each address that the browser comes back to.
type callbacks struct {
	origin string
	came   chan string
}

// callbacks serves https on 127.0.0.1 for an application, or http on localhost for a program on Bob's machine.
func (w *environment) callbacks(t *testing.T, scheme string) *callbacks {
	t.Helper()
	at := freeport.For(t)
	listener, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	c := &callbacks{origin: scheme + "://" + at, came: make(chan string, 1)}
	server := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(rw, "back at the application")
		if r.URL.Path == "/callback" {
			select {
			case c.came <- c.origin + r.URL.RequestURI():
			default: // nobody waits for it any more
			}
		}
	})}
	t.Cleanup(func() { _ = server.Close() })
	if scheme == "https" {
		go func() { _ = server.ServeTLS(listener, w.certificate("tls.crt"), w.certificate("tls.key")) }()
		return c
	}
	c.origin = strings.Replace(c.origin, "127.0.0.1", "localhost", 1)
	go func() { _ = server.Serve(listener) }()
	return c
}

// back waits until Bob comes back.
func (c *callbacks) back(b *browser) string {
	b.t.Helper()
	b.reads("back at the application")
	return <-c.came
}

// Two libraries, one on top of the other, check everything that they can check.
func TestOpenIDClientAndOAuth4WebAPI(t *testing.T) {
	w := start(t)
	for _, name := range []string{"openid-client", "oauth4webapi"} {
		t.Run(name, func(t *testing.T) {
			application := w.callbacks(t, "https")
			w.apply(t, "openid-client", application.origin)
			settings := w.secret(t, "openid-client")
			settings["callback"], settings["scope"] = application.origin+"/callback", "openid profile email groups offline_access"
			s, bob := w.script(t, settings, node(t, name+".mjs")), w.browser(t)
			bob.open(s.read().Open)
			bob.logIn()
			bob.allow()
			s.answer(application.back(bob))
			login := s.read()
			for from, claims := range map[string]map[string]any{"the ID token": login.Claims, "UserInfo": login.Info} {
				groups, _ := claims["groups"].([]any)
				if claims["preferred_username"] != "bob" || claims["email"] != "bob@photos.example" || !slices.Equal(groups, []any{"family"}) {
					t.Errorf("%s says %v", from, claims)
				}
			}
			s.answer("")
			if refresh := s.read(); refresh.Claims["sub"] != login.Claims["sub"] || refresh.Claims["auth_time"] != login.Claims["auth_time"] {
				t.Errorf("after the refresh the ID token says %v, before it %v", refresh.Claims, login.Claims)
			}
			w.dismiss(t, "openid-client", application.origin+"/callback")
			s.answer("")
			if end := s.read(); end.Refused != "invalid_grant" {
				t.Errorf("who may use it no more refreshes: %+v", end)
			}
			s.answer("")
		})
	}
}

// webApplication starts a script that serves the origin.
func (w *environment) webApplication(t *testing.T, name, at string, variables map[string]string) {
	t.Helper()
	_, port, err := net.SplitHostPort(at)
	if err != nil {
		t.Fatal(err)
	}
	for variable, value := range map[string]string{
		"BASE_URL": "https://" + at, "PORT": port, "TLS_CERT": w.certificate("tls.crt"), "TLS_KEY": w.certificate("tls.key"), "NODE_EXTRA_CA_CERTS": w.CA,
	} {
		variables[variable] = value
	}
	run(t, name, variables, node(t, name+".mjs")...)
	w.await(t, "https://"+at+"/", http.StatusOK)
}

func TestExpressOpenIDConnect(t *testing.T) {
	w := start(t)
	const name = "express-openid-connect"
	at := freeport.For(t)
	origin := "https://" + at
	w.apply(t, name, origin)
	w.webApplication(t, name, at, w.secret(t, name)) // envFrom: each key is a variable

	bob := w.browser(t)
	bob.open(origin + "/profile")
	bob.logIn()
	bob.allow()
	bob.reads("user=bob", "mail=bob@photos.example", "groups=family", "token=")
	first := bob.text()
	bob.open(origin + "/refresh")
	bob.reads("user=bob", "token=")
	if bob.text() == first {
		t.Error("after the refresh the access token is the same")
	}

	bob.open(origin + "/logout")
	bob.reads("nobody is logged in")
	bob.open(origin + "/profile")
	bob.logIn() // for he is signed out of Gatehouse too
	bob.reads("user=bob")
	bob.signsOutElsewhere(t, origin)

	w.dismiss(t, name, origin+"/callback")
	bob.open(origin + "/refresh")
	bob.reads("refused: invalid_grant")
	bob.open(origin + "/logout")
	bob.reads("nobody is logged in")
	bob.open(origin + "/profile")
	bob.logIn()
	bob.refused()
}

// signsOutElsewhere has Bob, who is logged in to the application, sign out of Gatehouse: the server tells the application. The library
// ends all sessions of a person, so that Bob's other browser comes back through the session that it has at Gatehouse.
func (b *browser) signsOutElsewhere(t *testing.T, origin string) {
	t.Helper()
	other := b.w.browser(t)
	other.open(origin + "/profile")
	other.logIn()
	other.reads("user=bob")

	b.open(b.w.Issuer + "/signout")
	b.do("sign out", chromedp.Click(`form[action="/signout"] button[type=submit]`))
	b.reads("You are signed out")
	for _, one := range []*browser{b, other} {
		one.eventually("the application has heard of it", func() bool {
			one.open(origin + "/")
			return one.text() == "nobody is logged in"
		})
	}
	other.open(origin + "/profile")
	other.reads("user=bob")
	b.open(origin + "/profile")
	b.logIn()
	b.reads("user=bob")
}

func TestPassportOpenIDConnect(t *testing.T) {
	w := start(t)
	const name = "passport-openidconnect"
	at := freeport.For(t)
	origin := "https://" + at
	w.apply(t, name, origin)
	w.webApplication(t, name, at, map[string]string{"SECRET": w.mount(t, name)})

	bob := w.browser(t)
	bob.open(origin + "/login")
	bob.logIn()
	bob.allow()
	bob.reads("name=Bob", "mail=bob@photos.example", "groups=family")
	bob.open(origin + "/refresh")
	bob.reads("refreshed")

	w.dismiss(t, name, origin+"/callback")
	bob.open(origin + "/refresh")
	bob.reads("refused: invalid_grant")
	bob.open(origin + "/logout")
	bob.reads("nobody is logged in")
	bob.open(origin + "/login")
	bob.refused()
}
