// SPDX-License-Identifier: Apache-2.0

package flows

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/gatehouse-dev/gatehouse/internal/devenv"
)

// cluster is the demo's own cluster, to which Bob logs in. Until now only its administrator and ServiceAccounts could.
type cluster struct {
	*flow
	clientID string
	tokens   *oauth2.Token
}

const (
	// clusterCallback is where the program on Bob's machine waits for him.
	clusterCallback = "http://localhost:8000"
	// clusterTimeout is how long the API server may take to trust Gatehouse.
	clusterTimeout = 60 * time.Second
)

func (c *cluster) section() section {
	return section{"kubectl: Bob logs in to the cluster with Gatehouse", []step{
		{"registered", c.register},
		{"login", c.logIn},
		{"whoami", c.whoami},
		{"kubectl", c.act},
	}}
}

// register: the client is Public, so that people's machines hold no secret.
func (c *cluster) register(ctx context.Context) (said string, err error) {
	if err := c.applyApp(ctx, devenv.ClusterClient, ""); err != nil {
		return "", err
	}
	c.clientID, err = c.Kubectl(ctx, "get", "oauthclient", devenv.ClusterClient, "--namespace", devenv.ClusterClient, "--output", "jsonpath={.status.clientID}")
	if err != nil {
		return "", err
	}
	return "kubectl apply -f config/samples/apps/kubernetes.yaml; the API server was started with an AuthenticationConfiguration that names " + c.clientID, nil
}

// logIn: what kubectl's helpers do, this package does: it opens the browser, waits on localhost, and redeems the code.
func (c *cluster) logIn(ctx context.Context) (string, error) {
	config := &oauth2.Config{
		ClientID: c.clientID, RedirectURL: clusterCallback, Scopes: []string{"openid", "profile", "groups", "offline_access"},
		Endpoint: oauth2.Endpoint{AuthURL: c.Issuer + "/oauth2/authorize", TokenURL: c.Issuer + "/oauth2/token", AuthStyle: oauth2.AuthStyleInParams},
	}
	b, err := newBrowser(c.client)
	if err != nil {
		return "", err
	}
	b.pause = func(u *url.URL) bool { return u.Scheme+"://"+u.Host == clusterCallback }
	verifier, state := oauth2.GenerateVerifier(), rand.Text()
	p, err := b.open(ctx, config.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier)))
	if err != nil {
		return "", err
	}
	if p, err = c.flow.logIn(ctx, b, p, c.Bob.Name, c.Bob.Password); err != nil {
		return "", err
	}
	if p, err = b.submit(ctx, p, "/consent", url.Values{"decision": {"allow"}}); err != nil {
		return "", err
	}
	if p.next == nil || !b.pause(p.next) || p.next.Query().Get("state") != state {
		return "", fmt.Errorf("kubectl does not get Bob back, he sees %s", p)
	}
	if c.tokens, err = config.Exchange(c.context(ctx), p.next.Query().Get("code"), oauth2.VerifierOption(verifier)); err != nil {
		return "", fmt.Errorf("exchange the code: %w", plain(err))
	}
	if id, _ := c.tokens.Extra("id_token").(string); id == "" || c.tokens.RefreshToken == "" {
		return "", errors.New("there is no ID token or no refresh token")
	}
	return "Bob logs in at Gatehouse, allows it, and his machine has an ID token and a refresh token", nil
}

// whoami: kubectl gets the refresh token alone, so it has to fetch an ID token by itself before the API server can know Bob.
func (c *cluster) whoami(ctx context.Context) (string, error) {
	if err := c.writeKubeconfig(ctx); err != nil {
		return "", err
	}
	waiting, cancel := context.WithTimeout(ctx, clusterTimeout)
	defer cancel()
	for {
		text, err := c.asBob(waiting, "auth", "whoami", "--output", "json")
		if err != nil && waiting.Err() == nil && strings.Contains(err.Error(), "Unauthorized") {
			select {
			case <-time.After(100 * time.Millisecond):
			case <-waiting.Done():
			}
			continue // the API server has not got the keys yet
		}
		if err != nil {
			return "", err
		}
		var who struct {
			Status struct {
				UserInfo struct {
					Username string
					Groups   []string
				}
			}
		}
		if err := json.Unmarshal([]byte(text), &who); err != nil {
			return "", fmt.Errorf("read what kubectl says: %w", err)
		}
		if u := who.Status.UserInfo; u.Username != "gatehouse:bob" || !slices.Contains(u.Groups, "gatehouse:family") {
			return "", fmt.Errorf("the API server takes Bob for %+v", u)
		}
		return "kubectl refreshes by itself, and kubectl auth whoami says gatehouse:bob of gatehouse:family", nil
	}
}

// act: what Bob may do is RBAC, as for everybody.
func (c *cluster) act(ctx context.Context) (string, error) {
	look := []string{"get", "oauthclients.gatehouse.dev", "--namespace", "photos", "--output", "name"}
	if _, err := c.asBob(ctx, look...); err == nil || !strings.Contains(err.Error(), `User "gatehouse:bob" cannot list`) {
		return "", fmt.Errorf("without a RoleBinding Bob is not refused as he should be: %w", orNone(err))
	}
	_, err := c.Kubectl(ctx, "create", "rolebinding", "family-views", "--namespace", "photos", "--clusterrole", "view", "--group", "gatehouse:family")
	if err != nil {
		return "", err
	}
	waiting, cancel := context.WithTimeout(ctx, clusterTimeout)
	defer cancel()
	for { // the API server learns of a RoleBinding in a moment
		seen, err := c.asBob(waiting, look...)
		if err == nil && strings.Contains(seen, "oauthclient.gatehouse.dev/photoprint") {
			return "a RoleBinding for gatehouse:family lets him see the OAuthClients of photos; before it he was refused", nil
		}
		if waiting.Err() != nil {
			return "", fmt.Errorf("with a RoleBinding Bob is refused: %w", orNone(err))
		}
	}
}

// orNone is err, or an error that says that there is none.
func orNone(err error) error {
	if err == nil {
		return errors.New("kubectl has no error")
	}
	return err
}

// writeKubeconfig writes Bob's: the cluster of the administrator's, and a user entry that has kubectl speak OpenID Connect by itself.
func (c *cluster) writeKubeconfig(ctx context.Context) error {
	text, err := c.Kubectl(ctx, "config", "view", "--raw", "--flatten", "--minify", "--output", "json")
	if err != nil {
		return err
	}
	var config map[string]any
	if err := json.Unmarshal([]byte(text), &config); err != nil {
		return fmt.Errorf("read the administrator's kubeconfig: %w", err)
	}
	config["users"] = []any{map[string]any{"name": "bob", "user": map[string]any{"auth-provider": map[string]any{
		"name": "oidc", "config": map[string]string{
			"idp-issuer-url": c.Issuer, "client-id": c.clientID, "idp-certificate-authority": c.CA, "refresh-token": c.tokens.RefreshToken,
		},
	}}}}
	contexts, _ := config["contexts"].([]any)
	for _, each := range contexts {
		if named, ok := each.(map[string]any); ok {
			if context, ok := named["context"].(map[string]any); ok {
				context["user"] = "bob"
			}
		}
	}
	out, err := json.Marshal(config) // JSON is YAML too
	if err != nil {
		return fmt.Errorf("write Bob's kubeconfig: %w", err)
	}
	return os.WriteFile(c.File("bob.kubeconfig"), out, 0o600)
}

// asBob runs kubectl with his kubeconfig, where it keeps what it gets.
func (c *cluster) asBob(ctx context.Context, arguments ...string) (string, error) {
	return c.Kubectl(ctx, append([]string{"--kubeconfig", c.File("bob.kubeconfig")}, arguments...)...)
}
