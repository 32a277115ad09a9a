// SPDX-License-Identifier: Apache-2.0

package resourceserver

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/httpsyntax"
)

const (
	// maxQuestion bounds what Gatehouse is sent, in bytes: it takes no longer forms.
	maxQuestion = 64 << 10
	// maxAnswer bounds what is read of its answers.
	maxAnswer = 64 << 10
)

// answer is what Gatehouse says of a token (RFC 7662 §2.2).
type answer struct {
	Active   bool   `json:"active"`
	Scope    string `json:"scope"`
	ClientID string `json:"client_id"`
	Username string `json:"username"`
	Subject  string `json:"sub"`
	Type     string `json:"token_type"`
	Expires  int64  `json:"exp"`
}

// clientSubject is how the subject begins of a token that no person gave.
const clientSubject = "client:"

func (a answer) caller() Caller {
	c := Caller{ClientID: a.ClientID, Scopes: strings.Fields(a.Scope)}
	if !strings.HasPrefix(a.Subject, clientSubject) {
		c.Subject, c.Owner = a.Subject, a.Username
	}
	if a.Expires != 0 {
		c.ExpiresAt = time.Unix(a.Expires, 0)
	}
	return c
}

// bearerToken is RFC 6750 §2.1's b64token.
var bearerToken = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

// introspect asks about a bearer token (RFC 7662 §2.1). Bearer is the type of access tokens: a
// refresh token, of which Gatehouse tells no type, opens nothing.
func (g *Guard) introspect(r *http.Request, token string) (Caller, error) {
	if !bearerToken.MatchString(token) {
		return Caller{}, malformed(bearer, "the access token is malformed")
	}
	a, err := g.ask(r.Context(), g.config.IntrospectionEndpoint, url.Values{"token": {token}})
	if err != nil {
		return Caller{}, err
	}
	if !a.Active || !strings.EqualFold(a.Type, bearer) {
		return Caller{}, invalidToken()
	}
	return a.caller(), nil
}

// verify asks about a signed request.
func (g *Guard) verify(r *http.Request, inHeader bool) (Caller, error) {
	question, err := g.signedRequest(r, inHeader)
	if err != nil {
		return Caller{}, err
	}
	a, err := g.ask(r.Context(), g.config.VerificationEndpoint, question)
	if err != nil {
		return Caller{}, err
	}
	if !a.Active {
		return Caller{}, invalidSignature()
	}
	return a.caller(), nil
}

// ask asks Gatehouse. Its errors hold neither token nor secret.
func (g *Guard) ask(ctx context.Context, endpoint string, question url.Values) (a answer, err error) {
	body := question.Encode()
	if len(body) > maxQuestion {
		return a, tooLarge()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(body))
	if err != nil {
		return a, fmt.Errorf("ask about a token: %w", err)
	}
	secret, err := g.config.ClientSecret()
	if err != nil {
		return a, fmt.Errorf("ask about a token: %w", err)
	}
	// RFC 6749 §2.3.1: both are encoded as in forms.
	req.SetBasicAuth(url.QueryEscape(g.config.ClientID), url.QueryEscape(secret))
	req.Header.Set("Content-Type", httpsyntax.FormType)
	req.Header.Set("Accept", "application/json")
	res, err := g.client.Do(req)
	if err != nil {
		return a, fmt.Errorf("ask about a token: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return a, fmt.Errorf("ask about a token: %s answered %s", endpoint, res.Status)
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return a, fmt.Errorf("ask about a token: read the answer: %w", err)
	}
	if err := json.Unmarshal(text, &a); err != nil {
		return a, fmt.Errorf("ask about a token: %s did not answer with JSON", endpoint)
	}
	return a, nil
}
