// SPDX-License-Identifier: Apache-2.0

package flows

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	"golang.org/x/oauth2"

	"github.com/gatehouse-dev/gatehouse/internal/devenv"
)

// authorizeAgain: with PhotoPrint's Secret and Bob's browser this package asks for itself, because it needs a code and tokens in its
// own hands. Bob is logged in and said "always", so he is asked nothing.
func (t *flow) authorizeAgain(ctx context.Context) (said string, err error) {
	if t.config, err = t.photoPrint(); err != nil {
		return "", err
	}
	verifier, state := oauth2.GenerateVerifier(), rand.Text()
	t.bob.pause = t.isCallback
	p, err := t.bob.open(ctx, t.config.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier)))
	if err != nil {
		return "", err
	}
	if p.next == nil || !t.isCallback(p.next) || p.next.Query().Get("state") != state {
		return "", fmt.Errorf("PhotoPrint does not get Bob back at once, he sees %s", p)
	}
	t.code, t.proof = p.next.Query().Get("code"), oauth2.VerifierOption(verifier)
	if t.tokens, err = t.config.Exchange(t.context(ctx), t.code, t.proof); err != nil {
		return "", fmt.Errorf("exchange the code: %w", plain(err))
	}
	return "Bob, logged in, is asked nothing a second time: a code and tokens at once", nil
}

// refresh: the refresh token is exchanged for new tokens, and PhotoStorage takes the new access token.
func (t *flow) refresh(ctx context.Context) (string, error) {
	next, err := t.refreshed(ctx)
	if err != nil {
		return "", fmt.Errorf("refresh: %w", plain(err))
	}
	if next.AccessToken == t.tokens.AccessToken || next.RefreshToken == t.tokens.RefreshToken {
		return "", errors.New("the tokens are still the same")
	}
	t.tokens = next
	if status, err := t.photos(ctx); err != nil || status != http.StatusOK {
		return "", errors.Join(fmt.Errorf("PhotoStorage answers the new access token with %d", status), err)
	}
	return "new access and refresh tokens, and PhotoStorage takes the new one", nil
}

// refreshed exchanges the refresh token; x/oauth2 does so when it holds no access token.
func (t *flow) refreshed(ctx context.Context) (*oauth2.Token, error) {
	return t.config.TokenSource(t.context(ctx), &oauth2.Token{RefreshToken: t.tokens.RefreshToken}).Token()
}

// reuseCode: whoever brings the code a second time gets nothing, and what the first one got is dead.
func (t *flow) reuseCode(ctx context.Context) (string, error) {
	if _, err := t.config.Exchange(t.context(ctx), t.code, t.proof); refusal(err) != "invalid_grant" {
		return "", fmt.Errorf("a code that was used is not refused with invalid_grant: %w", plain(err))
	}
	if _, err := t.refreshed(ctx); refusal(err) != "invalid_grant" {
		return "", fmt.Errorf("the refresh token of a reused code is not refused with invalid_grant: %w", plain(err))
	}
	if status, err := t.photos(ctx); err != nil || status != http.StatusUnauthorized {
		return "", errors.Join(fmt.Errorf("PhotoStorage answers the access token of a reused code with %d", status), err)
	}
	return "the code is refused a second time, and all tokens from it are dead", nil
}

// refuseAlice: no RoleBinding names her, so she gets no further than her password.
func (t *flow) refuseAlice(ctx context.Context) (string, error) {
	alice, err := newBrowser(t.client)
	if err != nil {
		return "", err
	}
	p, err := alice.open(ctx, t.PhotoPrintURL+"/start")
	if err != nil {
		return "", err
	}
	if p, err = t.logIn(ctx, alice, p, t.Alice.Name, t.Alice.Password); err != nil {
		return "", err
	}
	const advice = "Ask the administrator of PhotoPrint to let you use it"
	if err := p.shows(http.StatusForbidden, advice); err != nil {
		return "", err
	}
	for _, l := range p.links {
		if to, err := p.at.Parse(l.href); err == nil && t.isCallback(to) {
			if p, err = alice.open(ctx, to.String()); err != nil {
				return "", err
			}
			return `refused: "` + advice + `"`, p.shows(http.StatusForbidden, "PhotoPrint was not given access")
		}
	}
	return "", fmt.Errorf("a link back to PhotoPrint is missing on %s", p)
}

// healTimeout is how long the operator may take to write a Secret again.
const healTimeout = 30 * time.Second

// restoreSecret: a deleted Secret comes back with the same values.
func (t *flow) restoreSecret(ctx context.Context) (string, error) {
	const name = devenv.PhotoPrint + "-oauth"
	before, err := t.secret(ctx, name)
	if err != nil {
		return "", err
	}
	if _, err := t.Kubectl(ctx, "delete", "secret", name, "--namespace", devenv.Namespace); err != nil {
		return "", err
	}
	waiting, cancel := context.WithTimeout(ctx, healTimeout)
	defer cancel()
	for {
		after, err := t.secret(waiting, name)
		switch {
		case err != nil:
			return "", fmt.Errorf("wait for the Secret to come back: %w", err)
		case after.Metadata.UID == "" || after.Metadata.UID == before.Metadata.UID:
			continue // not there yet; each look takes a while
		case len(after.Data) == 0 || !maps.Equal(before.Data, after.Data):
			return "", errors.New("the Secret came back with other values")
		}
		return "kubectl delete secret " + name + ": it is back, with the same values", nil
	}
}

// secret is what is compared of a Secret.
type secret struct {
	Metadata struct {
		UID string `json:"uid"`
	} `json:"metadata"`
	Data map[string]string `json:"data"` // base64
}

// secret returns a Secret of the apps' namespace, empty when it is not there.
func (t *flow) secret(ctx context.Context, name string) (secret, error) {
	return t.secretIn(ctx, devenv.Namespace, name)
}

func (t *flow) secretIn(ctx context.Context, namespace, name string) (found secret, err error) {
	text, err := t.Kubectl(ctx, "get", "secret", name, "--namespace", namespace, "--ignore-not-found", "--output", "json")
	if err != nil || text == "" {
		return found, err
	}
	return found, json.Unmarshal([]byte(text), &found)
}

// photos asks PhotoStorage with the access token, as PhotoPrint does.
func (t *flow) photos(ctx context.Context) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.PhotosURL, nil)
	if err != nil {
		return 0, err
	}
	t.tokens.SetAuthHeader(req)
	res, err := t.client.Do(req)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

// context tells x/oauth2 which HTTP client to use.
func (t *flow) context(ctx context.Context) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, t.client)
}

// refusal is the error code of the token endpoint's answer, or empty.
func refusal(err error) string {
	if e, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return e.ErrorCode
	}
	return ""
}

// plain is err without the body of the token endpoint's answer, which may hold a token.
func plain(err error) error {
	if e, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return fmt.Errorf("the token endpoint answered %s %s", e.Response.Status, e.ErrorCode)
	}
	if err == nil {
		return errors.New("the token endpoint gave tokens")
	}
	return err
}
