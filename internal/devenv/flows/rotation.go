// SPDX-License-Identifier: Apache-2.0

package flows

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/gatehouse-dev/gatehouse/internal/devenv"
)

const (
	// rotationTimeout is how long the operator may take for each part of a rotation.
	rotationTimeout = 30 * time.Second
	// enough is how many answers show that a client secret works.
	enough = 10
	// demand is what a person writes on the OAuthClient who wants a new client secret.
	demand = "gatehouse.dev/rotate-credentials=make-demo"
)

// rotation is about PhotoPrint's client secret: it is replaced while PhotoPrint works with it.
type rotation struct {
	*flow
	old  *oauth2.Config // with the client secret of the start
	work *work
}

func (r *rotation) section() section {
	return section{"Rotation: PhotoPrint gets a new client secret while it works", []step{
		{"at work", r.begin},
		{"rotate", r.rotate},
		{"new secret", r.awaitNew},
		{"no outage", r.count},
		{"overlap", r.useOld},
		{"kubectl get", r.show},
	}}
}

// begin: Bob took back what he had allowed, so he is asked again. From then on PhotoPrint refreshes without a pause.
func (r *rotation) begin(ctx context.Context) (said string, err error) {
	if r.old, err = r.photoPrint(); err != nil {
		return "", err
	}
	verifier, state := oauth2.GenerateVerifier(), rand.Text()
	r.bob.pause = r.isCallback
	p, err := r.bob.open(ctx, r.old.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier)))
	if err != nil {
		return "", err
	}
	if p, err = r.bob.submit(ctx, p, "/consent", url.Values{"decision": {"allow"}}); err != nil {
		return "", err
	}
	if p.next == nil || !r.isCallback(p.next) || p.next.Query().Get("state") != state {
		return "", fmt.Errorf("PhotoPrint does not get Bob back, he sees %s", p)
	}
	tokens, err := r.old.Exchange(r.context(ctx), p.next.Query().Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		return "", fmt.Errorf("exchange the code: %w", plain(err))
	}
	r.work = r.startWork(ctx, tokens.RefreshToken)
	if err := r.work.await(ctx, r.isOld); err != nil {
		return "", err
	}
	return "Bob allows it again, and PhotoPrint asks for new tokens all the time, with the client secret in its mounted Secret", nil
}

// rotate: the server knows both client secrets before any app can see the new one.
func (r *rotation) rotate(ctx context.Context) (string, error) {
	_, err := r.Kubectl(ctx, "annotate", "oauthclient", devenv.PhotoPrint, "--namespace", devenv.Namespace, demand)
	if err != nil {
		return "", err
	}
	_, err = r.awaitStatus(ctx, func(s clientStatus) bool { return len(s.Credentials) == 2 })
	return "kubectl annotate oauthclient photoprint " + demand + ": the status lists two credentials", err
}

// awaitNew: PhotoPrint, which reads its files each time, finds the new client secret in them.
func (r *rotation) awaitNew(ctx context.Context) (string, error) {
	if err := r.work.await(ctx, r.isNew); err != nil {
		return "", err
	}
	now, err := r.photoPrint()
	if err != nil {
		return "", err
	}
	const name = devenv.PhotoPrint + "-oauth"
	there, err := r.secret(ctx, name)
	if err != nil {
		return "", err
	}
	if there.Data["client-secret"] != base64.StdEncoding.EncodeToString([]byte(now.ClientSecret)) {
		return "", fmt.Errorf("the Secret %s and the files that are mounted from it differ", name)
	}
	return name + " holds the new one, and PhotoPrint reads it from the mounted files, without a restart", nil
}

// count ends PhotoPrint's work.
func (r *rotation) count(context.Context) (string, error) {
	if err := r.work.stop(); err != nil {
		return "", err
	}
	before, after := r.work.count(r.isOld), r.work.count(r.isNew)
	return fmt.Sprintf("PhotoPrint asked for tokens %d times meanwhile, %d times with the old client secret and %d times with the new one: none failed",
		before+after, before, after), nil
}

func (r *rotation) isOld(secret string) bool { return secret == r.old.ClientSecret }
func (r *rotation) isNew(secret string) bool { return secret != r.old.ClientSecret }

// useOld: an app that has not read its files yet goes on.
func (r *rotation) useOld(ctx context.Context) (string, error) {
	status, err := r.awaitStatus(ctx, func(s clientStatus) bool { return len(s.Credentials) == 2 && s.ending() == 1 })
	if err != nil {
		return "", err
	}
	if err := r.work.refresh(ctx, r.old); err != nil {
		return "", fmt.Errorf("with the old client secret: %w", err)
	}
	for _, c := range status.Credentials {
		if c.ExpiresAt != nil {
			return "an app that has not read its files again goes on: the old client secret still works, until " + moment(*c.ExpiresAt), nil
		}
	}
	return "", errors.New("the old client secret has no end")
}

// show: what a person sees who looks.
func (r *rotation) show(ctx context.Context) (string, error) {
	status, err := r.status(ctx)
	if err != nil {
		return "", err
	}
	var lines []string
	for _, c := range status.Credentials {
		end := "without an end"
		if c.ExpiresAt != nil {
			end = "until " + moment(*c.ExpiresAt)
		}
		lines = append(lines, "one of "+moment(c.IssuedAt)+" "+end)
	}
	if !status.ready() || len(lines) != 2 {
		return "", fmt.Errorf("the OAuthClient is not ready with two credentials: %+v", status.Conditions)
	}
	return "oauthclient photoprint --output yaml: Ready is True, and status.credentials lists " + strings.Join(lines, ", and "), nil
}

// moment is a time as people in any place understand it.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// clientStatus is what is looked at of the status of an OAuthClient.
type clientStatus struct {
	Credentials []struct {
		IssuedAt  time.Time  `json:"issuedAt"`
		ExpiresAt *time.Time `json:"expiresAt"`
	} `json:"credentials"`
	Conditions []struct{ Type, Status, Reason string } `json:"conditions"`
}

// ending is how many credentials have an end.
func (s clientStatus) ending() (n int) {
	for _, c := range s.Credentials {
		if c.ExpiresAt != nil {
			n++
		}
	}
	return n
}

func (s clientStatus) ready() bool {
	for _, c := range s.Conditions {
		if c.Type == "Ready" {
			return c.Status == "True"
		}
	}
	return false
}

// status returns the status of PhotoPrint's OAuthClient.
func (r *rotation) status(ctx context.Context) (status clientStatus, err error) {
	text, err := r.Kubectl(ctx, "get", "oauthclient", devenv.PhotoPrint, "--namespace", devenv.Namespace, "--output", "jsonpath={.status}")
	if err != nil {
		return status, err
	}
	if err := json.Unmarshal([]byte(text), &status); err != nil {
		return status, fmt.Errorf("read the status of the OAuthClient %s: %w", devenv.PhotoPrint, err)
	}
	return status, nil
}

// awaitStatus looks until the status is as wanted; each look takes a while.
func (r *rotation) awaitStatus(ctx context.Context, wanted func(clientStatus) bool) (clientStatus, error) {
	waiting, cancel := context.WithTimeout(ctx, rotationTimeout)
	defer cancel()
	for {
		status, err := r.status(waiting)
		switch {
		case waiting.Err() != nil:
			return status, errors.Join(errors.New("the operator does not rotate the client secret"), err)
		case err != nil || wanted(status):
			return status, err
		}
	}
}
