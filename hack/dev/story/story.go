// SPDX-License-Identifier: Apache-2.0

// Package story is what people and apps do in a scene (package scene), from Bob's first click to the end of what he allowed. Each
// step checks that what it says has happened; the first one that has not ends the story.
//
// The scene is the one of the OAuth documents: Bob keeps photos at PhotoStorage, PhotoPrint asks to print them. Alice may not use PhotoPrint.
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
	for _, step := range []struct {
		name string
		do   func(context.Context) (string, error)
	}{
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
	} {
		if err := script.Step(ctx, step.name, "waiting for an answer", step.do); err != nil {
			return err
		}
	}
	return nil
}

// photoPrint is what PhotoPrint knows from its mounted Secret, for the steps that the story does in PhotoPrint's place.
func (t *story) photoPrint() (*oauth2.Config, error) {
	config := &oauth2.Config{RedirectURL: t.PhotoPrintURL + "/callback", Scopes: []string{"photos.read"}}
	for key, value := range map[string]*string{
		"client-id": &config.ClientID, "client-secret": &config.ClientSecret,
		"authorization-endpoint": &config.Endpoint.AuthURL, "token-endpoint": &config.Endpoint.TokenURL,
	} {
		text, err := os.ReadFile(filepath.Join(t.Mounted(scene.PhotoPrint), key))
		if err != nil {
			return nil, fmt.Errorf("read the mounted Secret: %w", err)
		}
		*value = string(text)
	}
	return config, nil
}
