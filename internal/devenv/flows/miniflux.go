// SPDX-License-Identifier: Apache-2.0

package flows

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/devenv"
	"github.com/gatehouse-dev/gatehouse/internal/freeport"
	"github.com/gatehouse-dev/gatehouse/internal/postgrestest"
	"github.com/gatehouse-dev/gatehouse/test/acceptance/programs"
)

// appSamples is where the OAuthClients of real programs are.
var appSamples = filepath.Join("config", "samples", "apps")

// miniflux is Miniflux: the real one, as docs/apps/miniflux.md sets it up.
type miniflux struct {
	*flow
	origin string
}

func (m *miniflux) section() section {
	const title = "Miniflux, the reader of news feeds: Bob logs in to it with Gatehouse"
	if err := postgrestest.Installed(); err != nil && os.Getenv(whole) == "" {
		return section{title + "\n  (left out, because it keeps its data in PostgreSQL, which is not installed here)", nil}
	}
	return section{title, []step{
		{"program", m.provide},
		{"registered", m.register},
		{"serving", m.serve},
		{"login", m.logIn},
	}}
}

// whole names the variable that has the demo fail where it would leave something out.
const whole = "DEV_WHOLE"

// provide: it is built from its Go module, in the version that is walked by the tests.
func (m *miniflux) provide(ctx context.Context) (string, error) {
	_, err := programs.Path(ctx, m.Progress(), "miniflux")
	return "Miniflux is built, once for this machine", err
}

// register: its OAuthClient is the one that its page gives to everybody; the host alone is another one.
func (m *miniflux) register(ctx context.Context) (string, error) {
	at, err := freeport.Address()
	if err != nil {
		return "", err
	}
	m.origin = "https://" + at
	if err := m.MakeNamespace(ctx, devenv.Miniflux); err != nil {
		return "", err
	}
	if err := m.applyApp(ctx, devenv.Miniflux, m.origin); err != nil {
		return "", err
	}
	return "kubectl apply -f config/samples/apps/miniflux.yaml: the Secret miniflux-oauth is there", m.mountApp(ctx, "miniflux")
}

// serve starts it with an empty database and its mounted Secret.
func (m *miniflux) serve(ctx context.Context) (string, error) {
	database, err := postgrestest.New(ctx)
	if err != nil {
		return "", err
	}
	m.AlsoStop(database.Close)
	dsn, err := database.CreateDatabase(ctx, "miniflux")
	if err != nil {
		return "", err
	}
	path, err := programs.Path(ctx, m.Progress(), "miniflux")
	if err != nil {
		return "", err
	}
	certificate, key := m.Certificate()
	err = m.Launch("miniflux", path, map[string]string{
		"DATABASE_URL": dsn, "RUN_MIGRATIONS": "1", "LISTEN_ADDR": strings.TrimPrefix(m.origin, "https://"), "BASE_URL": m.origin,
		"CERT_FILE": certificate, "KEY_FILE": key, "SSL_CERT_FILE": m.CA,
		"OAUTH2_PROVIDER": "oidc", "OAUTH2_OIDC_PROVIDER_NAME": "Gatehouse", "OAUTH2_USER_CREATION": "1",
		"OAUTH2_CLIENT_ID_FILE": m.File("miniflux", "client-id"), "OAUTH2_CLIENT_SECRET_FILE": m.File("miniflux", "client-secret"),
		"OAUTH2_OIDC_DISCOVERY_ENDPOINT": m.Issuer, "OAUTH2_REDIRECT_URL": m.origin + "/oauth2/oidc/callback",
	})
	if err != nil {
		return "", err
	}
	return "Miniflux and its PostgreSQL, with the Secret mounted, on " + m.origin, m.Await(ctx, m.origin+"/healthcheck")
}

// logIn: Bob clicks "Sign in with Gatehouse" and comes back as a user of Miniflux.
func (m *miniflux) logIn(ctx context.Context) (string, error) {
	b, err := newBrowser(m.client)
	if err != nil {
		return "", err
	}
	p, err := b.open(ctx, m.origin)
	if err != nil {
		return "", err
	}
	if p, err = b.follow(ctx, p, "Gatehouse"); err != nil {
		return "", err
	}
	if p, err = m.flow.logIn(ctx, b, p, m.Bob.Name, m.Bob.Password); err != nil {
		return "", err
	}
	if err := p.shows(http.StatusOK, "Miniflux", "See your mail address"); err != nil {
		return "", err
	}
	if p, err = b.submit(ctx, p, "/consent", url.Values{"decision": {"allow"}, "always": {"on"}}); err != nil {
		return "", err
	}
	return "Bob logs in at Gatehouse, allows it, and reads his feeds: Miniflux has made the user bob", p.shows(http.StatusOK, "Unread", "Feeds")
}

// applyApp applies the sample of a program, with another host than https://PROGRAM.example if origin is not empty, and waits until the
// client is ready.
func (t *flow) applyApp(ctx context.Context, program, origin string) error {
	text, err := os.ReadFile(filepath.Join(appSamples, program+".yaml"))
	if err != nil {
		return fmt.Errorf("read the sample of %s: %w", program, err)
	}
	manifests := string(text)
	if origin != "" {
		manifests = strings.ReplaceAll(manifests, "https://"+program+".example", origin)
	}
	if _, err := t.KubectlWith(ctx, strings.NewReader(manifests), "apply", "--filename", "-"); err != nil {
		return err
	}
	_, err = t.Kubectl(ctx, "wait", "--for", "condition=Ready", "oauthclient/"+program, "--namespace", program, "--timeout", "60s")
	return err
}

// mountApp puts the Secret of a program where it finds it, a file for each key.
func (t *flow) mountApp(ctx context.Context, program string) error {
	folder := t.File(program)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("make the folder of a mounted Secret: %w", err)
	}
	waiting, cancel := context.WithTimeout(ctx, healTimeout)
	defer cancel()
	for {
		s, err := t.secretIn(waiting, program, program+"-oauth")
		switch {
		case err != nil:
			return fmt.Errorf("wait for the Secret of %s: %w", program, err)
		case len(s.Data) == 0:
			continue // not there yet; each look takes a while
		}
		for key, value := range s.Data {
			plain, err := base64.StdEncoding.DecodeString(value)
			if err == nil {
				err = os.WriteFile(filepath.Join(folder, key), plain, 0o600)
			}
			if err != nil {
				return fmt.Errorf("mount the Secret of %s: %w", program, err)
			}
		}
		return nil
	}
}
