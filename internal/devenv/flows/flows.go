// SPDX-License-Identifier: Apache-2.0

// Package flows is what people and apps do in a environment (package devenv), from Bob's first click to the end of what he allowed. Each
// step checks that what it says has happened; the first one that has not ends all.
//
// The plot is that of the OAuth documents: Bob keeps photos at PhotoStorage, PhotoPrint asks to print them. Alice may not use PhotoPrint.
// After PhotoPrint, which speaks OAuth 2.x, an app of each other profile has a section of its own; this package speaks in its place, as such
// an app would.
package flows

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"golang.org/x/oauth2"

	"github.com/gatehouse-dev/gatehouse/internal/devenv"
	"github.com/gatehouse-dev/gatehouse/internal/devenv/transcript"
)

// flow is what one step leaves for the next.
type flow struct {
	*devenv.Environment
	client *http.Client
	bob    *browser
	page   *page    // what Bob sees
	answer *url.URL // where Gatehouse sent Bob back to

	config *oauth2.Config // PhotoPrint's, from its mounted Secret
	code   string
	tokens *oauth2.Token
	proof  oauth2.AuthCodeOption // the PKCE code verifier of code
}

// section is a part of it.
type section struct {
	title string
	steps []step
}

// step does something and says what came of it.
type step struct {
	name string
	do   func(context.Context) (string, error)
}

// Run does all of it in an environment that serves.
func Run(ctx context.Context, s *devenv.Environment, script *transcript.Transcript) error {
	client, err := s.Client()
	if err != nil {
		return err
	}
	bob, err := newBrowser(client)
	if err != nil {
		return err
	}
	t := &flow{Environment: s, client: client, bob: bob}
	book, print, album, integrator := &photoBook{flow: t}, &cloudPrint{flow: t}, &cloudAlbum{flow: t}, &integrator{flow: t}
	all := &account{t, print, album, integrator}
	sections := []section{t.section(), book.section(), print.section(), album.section(), integrator.section(), all.section(),
		(&rotation{flow: t}).section(), (&isolation{t}).section(), (&miniflux{flow: t}).section()}
	if !s.InExistingCluster() { // whose API server nobody told to trust this Gatehouse
		sections = append(sections, (&cluster{flow: t}).section())
	}
	for _, c := range sections {
		script.Println("\n%s", c.title)
		for _, step := range c.steps {
			if err := script.Step(ctx, step.name, fmt.Sprintf("waiting for the step %q", step.name), step.do); err != nil {
				return err
			}
		}
	}
	return nil
}

// section is about PhotoPrint, which speaks OAuth 2.x.
func (t *flow) section() section {
	return section{"OAuth2: PhotoPrint asks for the photos that Bob keeps at PhotoStorage", []step{
		{"authorize", t.authorize},
		{"login", t.login},
		{"consent", t.consent},
		{"code", t.receiveCode},
		{"token", t.redeem},
		{"API call", t.callAPI},
		{"no question", t.authorizeAgain},
		{"refresh", t.refresh},
		{"code reused", t.reuseCode},
		{"Alice", t.refuseAlice},
		{"restored", t.restoreSecret},
		{"revoked", t.revoke},
		{"API call", t.callAPIInVain},
	}}
}

// photoPrint is what PhotoPrint knows from its mounted Secret, for the steps that this package does in PhotoPrint's place.
func (t *flow) photoPrint() (*oauth2.Config, error) {
	config := &oauth2.Config{RedirectURL: t.PhotoPrintURL + "/callback", Scopes: []string{"photos.read"}}
	config.Endpoint.AuthStyle = oauth2.AuthStyleInHeader // x/oauth2 would ask a second time where the first was refused
	return config, t.mounted(devenv.PhotoPrint, map[string]*string{
		"client-id": &config.ClientID, "client-secret": &config.ClientSecret,
		"authorization-endpoint": &config.Endpoint.AuthURL, "token-endpoint": &config.Endpoint.TokenURL,
	})
}

// mounted reads keys of an app's mounted Secret.
func (t *flow) mounted(app string, keys map[string]*string) error {
	for key, value := range keys {
		text, err := os.ReadFile(filepath.Join(t.Mounted(app), key))
		if err != nil {
			return fmt.Errorf("read the mounted Secret: %w", err)
		}
		*value = string(text)
	}
	return nil
}
