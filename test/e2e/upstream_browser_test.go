// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/authserver/identity"
	"github.com/gatehouse-dev/gatehouse/authserver/identity/upstream"
	"github.com/gatehouse-dev/gatehouse/authserver/web"
	"github.com/gatehouse-dev/gatehouse/internal/controlplane/process"
	"github.com/gatehouse-dev/gatehouse/internal/devenv"
	"github.com/gatehouse-dev/gatehouse/internal/freeport"
	"github.com/gatehouse-dev/gatehouse/internal/npm"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// partner is npm oidc-provider as the source of people: another implementation of OpenID Connect, with its own pages.
type partner struct {
	t                       *testing.T
	issuer, ca, secret      string
	certificate, key, names string // files

	mu   sync.Mutex
	told []map[string]any
}

const partnersSecret = "a secret of the client that both servers know"

func newPartner(t *testing.T) *partner {
	t.Helper()
	dir := t.TempDir()
	p := &partner{
		t: t, issuer: "https://" + freeport.For(t), ca: filepath.Join(dir, "ca.crt"), certificate: filepath.Join(dir, "tls.crt"),
		key: filepath.Join(dir, "tls.key"), secret: filepath.Join(dir, "secret"), names: filepath.Join(dir, "people.json"),
	}
	if err := devenv.WriteCertificates(dir, time.Now()); err != nil {
		t.Fatal(err)
	}
	p.write(p.secret, partnersSecret)
	return p
}

func (p *partner) write(path, text string) {
	p.t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		p.t.Fatal(err)
	}
}

// people are whom the server knows from now on, by their ID there.
func (p *partner) people(people map[string]any) {
	p.t.Helper()
	text, err := json.Marshal(people)
	if err != nil {
		p.t.Fatal(err)
	}
	p.write(p.names, string(text))
}

// start starts the server, which sends people back to the callback.
func (p *partner) start(callback string) {
	p.t.Helper()
	modules, err := npm.Modules(p.t.Context(), os.Stderr, filepath.Join("test", "e2e", "javascript"))
	if err != nil {
		p.t.Fatalf("the npm packages cannot be had: %v", err)
	}
	folder := p.t.TempDir()
	if err := os.Symlink(modules, filepath.Join(folder, "node_modules")); err != nil {
		p.t.Fatal(err)
	}
	const script = "oidc-provider.mjs"
	text, err := os.ReadFile(filepath.Join("test", "e2e", "javascript", script))
	if err != nil {
		p.t.Fatal(err)
	}
	p.write(filepath.Join(folder, script), string(text))
	cmd := exec.Command("node", filepath.Join(folder, script))
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + folder, "NODE_ENV=production", "ISSUER=" + p.issuer, "PORT=" + p.issuer[strings.LastIndexByte(p.issuer, ':')+1:],
		"TLS_CERT=" + p.certificate, "TLS_KEY=" + p.key, "CLIENT_ID=gatehouse", "CLIENT_SECRET=" + partnersSecret, "CALLBACK=" + callback, "PEOPLE=" + p.names,
	}
	log, err := os.Create(filepath.Join(p.t.ArtifactDir(), "oidc-provider.log"))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = log.Close() })
	out, told, err := os.Pipe()
	if err != nil {
		p.t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = told, log
	server, err := process.Start("oidc-provider", cmd)
	_ = told.Close() // the program has a descriptor of its own
	if err != nil {
		p.t.Fatal(err)
	}
	var read sync.WaitGroup
	read.Go(func() { p.listen(bufio.NewScanner(out)) })
	p.t.Cleanup(func() {
		if err := server.Stop(10 * time.Second); err != nil {
			p.t.Errorf("stop oidc-provider: %v", err)
		}
		read.Wait()
		_ = out.Close()
	})
	p.awaits("serving")
}

// listen keeps what the server tells.
func (p *partner) listen(lines *bufio.Scanner) {
	for lines.Scan() {
		var line map[string]any
		if json.Unmarshal(lines.Bytes(), &line) == nil {
			p.mu.Lock()
			p.told = append(p.told, line)
			p.mu.Unlock()
		}
	}
}

// said returns what the server has told under a name.
func (p *partner) said(name string) (values []any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, line := range p.told {
		if value, there := line[name]; there {
			values = append(values, value)
		}
	}
	return values
}

// awaits waits until the server has told something under the name.
func (p *partner) awaits(name string) {
	p.t.Helper()
	testenv.Eventually(p.t, stepLimit, "the other server tells "+name, func() bool { return len(p.said(name)) > 0 })
}

// source is the server as docs/people.md says to configure it.
func (p *partner) source() *upstream.Source {
	p.t.Helper()
	source, err := upstream.NewOpenIDConnect("partner", upstream.OpenIDConnect{
		Issuer: p.issuer, UserInfo: true,
		Common: upstream.Common{
			ClientID: "gatehouse", ClientSecretFile: p.secret, CAFile: p.ca, Scopes: []string{"openid", "profile", "email", "groups", "offline_access"},
			AuthorizationParameters: map[string]string{"prompt": "consent"}, // without it oidc-provider gives no refresh token
			ClaimMappings: upstream.ClaimMappings{
				Username: upstream.Mapping{Claim: "preferred_username", Prefix: new("partner:")},
				Groups:   upstream.Mapping{Claim: "groups", Prefix: new("partner:")},
			},
		},
	}, slog.New(slog.NewTextHandler(p.t.Output(), nil)))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = source.Close() })
	return source
}

// servedPeopleOf serves the fixture with the people of the other server alone.
func servedPeopleOf(t *testing.T, p *partner) *served {
	t.Helper()
	e := authtest.New(t)
	people := identity.NewSources(slog.New(slog.DiscardHandler)).WithUpstreams(p.source())
	auth, err := authserver.New(authserver.Config{
		Clients: e.Clients, Directory: people, Upstreams: people, Entitlement: e.Entitlement, Store: e.Store, Auditor: e.Audit, Now: e.Clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	auth.UseKeys(e.Keys())
	e.Auth = auth
	s := serve(t, e, auth, web.LoginWay{Key: "partner", Name: "Partner Inc."})
	p.start(s.issuer + "/login/callback/partner")
	return s
}

// logInAt has somebody log in on the pages of oidc-provider, and let it tell who they are.
func (p *partner) logInAt(c *chromium, id string) {
	p.t.Helper()
	c.do("log in at the other server", chromedp.WaitVisible(`input[name=login]`), chromedp.SendKeys(`input[name=login]`, id),
		chromedp.SendKeys(`input[name=password]`, "any"), chromedp.Click(`button.login-submit`))
	if !strings.HasPrefix(c.location().String(), p.issuer) {
		p.t.Fatalf("the login is at %s", c.location().Host)
	}
	c.do("let it tell", chromedp.WaitVisible(`form[action*="/interaction/"] button`), chromedp.WaitNotPresent(`input[name=login]`),
		chromedp.Click(`form[action*="/interaction/"] button`))
}

// A real server of OpenID Connect, by another team in another language, is a source of people: discovery, PKCE, nonce, iss, UserInfo, groups.
// Its refresh token is kept sealed, and asks whether somebody is still there.
func TestPeopleOfAnotherOpenIDProviderLogInAndAreConfirmedInABrowser(t *testing.T) {
	p, c := newPartner(t), newChromium(t)
	dora := map[string]any{"name": "Dora", "preferred_username": "dora", "email": "dora@partner.example", "email_verified": true, "groups": []string{"staff", "family"}}
	p.people(map[string]any{"7001": dora})
	s := servedPeopleOf(t, p)
	subject := authserver.SubjectOf("partner", "7001")

	c.do("open the account page", chromedp.Navigate(s.issuer+"/account")) // there is one way to log in, so she is not asked
	p.logInAt(c, "7001")
	c.says("main", "Signed in as Dora")
	c.shoot("account")
	person := func() authserver.Person {
		t.Helper()
		found, err := s.Store.Person(t.Context(), subject)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	known := person()
	if known.Name != "partner:dora" || known.Email != "dora@partner.example" || !slices.Equal(known.Groups, []string{"partner:family", "partner:staff"}) {
		t.Fatalf("after the login the store has %+v", known.Owner)
	}
	p.awaits("saved")
	first, _ := p.said("saved")[0].(string)
	if len(known.SealedRefreshToken) == 0 || first == "" || strings.Contains(string(known.SealedRefreshToken), first) {
		t.Error("the refresh token is not kept, or not sealed")
	}

	dora["groups"] = []string{"staff"}
	p.people(map[string]any{"7001": dora})
	confirm := func() {
		t.Helper()
		s.Clock.Advance(authserver.UpstreamRefreshedFor/2 + time.Minute)
		if err := s.Auth.ConfirmUpstreamPeople(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	confirm()
	p.awaits("consumed")
	next := person()
	if !slices.Equal(next.Groups, []string{"partner:staff"}) || !next.EndedAt.IsZero() || !next.ConfirmedAt.After(known.ConfirmedAt) {
		t.Errorf("after the confirmation the store has %+v, confirmed at %s", next.Owner, next.ConfirmedAt)
	}
	if string(next.SealedRefreshToken) == string(known.SealedRefreshToken) || !slices.Contains(p.said("consumed"), any(first)) {
		t.Error("the other server gives a new refresh token for the old one, which is not kept")
	}
	c.do("open the account page", chromedp.Navigate(s.issuer+"/account"))
	c.says("main", "Signed in as Dora")

	p.people(map[string]any{}) // she is dismissed there
	confirm()
	p.awaits("refused")
	if len(p.said("fault")) > 0 {
		t.Errorf("the other server has faults: %v", p.said("fault"))
	}
	c.do("open the account page", chromedp.Navigate(s.issuer+"/account"))
	if !strings.HasPrefix(c.location().String(), p.issuer) {
		t.Errorf("who was dismissed is not asked to log in, but is at %s", c.location())
	}
	if now := person(); now.ConfirmedUntil.After(s.Clock.Now()) && now.EndedAt.IsZero() {
		t.Errorf("who was dismissed is confirmed until %s, and ended at %s", now.ConfirmedUntil, now.EndedAt)
	}
}
