// SPDX-License-Identifier: Apache-2.0

// Package story is what people and apps do in a scene (package scene), from Bob's first click to the end of what he allowed. Each
// step checks that what it says has happened; the first one that has not ends the story.
//
// The scene is the one of the OAuth documents: Bob keeps photos at PhotoStorage, PhotoPrint asks to print them. Alice may not use PhotoPrint.
// After PhotoPrint, which speaks OAuth 2.x, an app of each other profile has a chapter of its own; the story speaks in its place, as such
// an app would.
package story

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"golang.org/x/oauth2"

	"github.com/gatehouse-dev/gatehouse/hack/dev/scene"
	"github.com/gatehouse-dev/gatehouse/hack/dev/transcript"
)

// story is what one step leaves for the next.
type story struct {
	*scene.Scene
	client *http.Client
	bob    *browser
	page   *page    // what Bob sees
	answer *url.URL // where Gatehouse sent Bob back to

	config *oauth2.Config // PhotoPrint's, from its mounted Secret
	code   string
	tokens *oauth2.Token
	proof  oauth2.AuthCodeOption // the PKCE code verifier of code
}

// chapter is a part of the story, with a title but for the first.
type chapter struct {
	title string
	steps []step
}

// step does something and says what came of it.
type step struct {
	name string
	do   func(context.Context) (string, error)
}

// Tell tells the story in a scene that serves.
func Tell(ctx context.Context, s *scene.Scene, script *transcript.Transcript) error {
	client, err := s.Client()
	if err != nil {
		return err
	}
	bob, err := newBrowser(client)
	if err != nil {
		return err
	}
	t := &story{Scene: s, client: client, bob: bob}
	book, print, album, integrator := &photoBook{story: t}, &cloudPrint{story: t}, &cloudAlbum{story: t}, &integrator{story: t}
	all := &account{t, print, album, integrator}
	for _, c := range []chapter{t.chapter(), book.chapter(), print.chapter(), album.chapter(), integrator.chapter(), all.chapter(),
		(&walls{t}).chapter()} {
		if c.title != "" {
			script.Println("\n%s", c.title)
		}
		for _, step := range c.steps {
			if err := script.Step(ctx, step.name, "waiting for an answer", step.do); err != nil {
				return err
			}
		}
	}
	return nil
}

// chapter is about PhotoPrint, which speaks OAuth 2.x.
func (t *story) chapter() chapter {
	return chapter{steps: []step{
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
		{"healed", t.healSecret},
		{"revoked", t.revoke},
		{"API call", t.callAPIInVain},
	}}
}

// photoPrint is what PhotoPrint knows from its mounted Secret, for the steps that the story does in PhotoPrint's place.
func (t *story) photoPrint() (*oauth2.Config, error) {
	config := &oauth2.Config{RedirectURL: t.PhotoPrintURL + "/callback", Scopes: []string{"photos.read"}}
	return config, t.mounted(scene.PhotoPrint, map[string]*string{
		"client-id": &config.ClientID, "client-secret": &config.ClientSecret,
		"authorization-endpoint": &config.Endpoint.AuthURL, "token-endpoint": &config.Endpoint.TokenURL,
	})
}

// mounted reads keys of an app's mounted Secret.
func (t *story) mounted(app string, keys map[string]*string) error {
	for key, value := range keys {
		text, err := os.ReadFile(filepath.Join(t.Mounted(app), key))
		if err != nil {
			return fmt.Errorf("read the mounted Secret: %w", err)
		}
		*value = string(text)
	}
	return nil
}
