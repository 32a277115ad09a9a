// SPDX-License-Identifier: Apache-2.0

package flows

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/devenv"
)

// cloudPrint is CloudPrint, which was written for IBM Connections Cloud and has changed but its host name.
type cloudPrint struct {
	*flow
	id, secret, authorization, token, identity string
	code                                       string
	tokens                                     url.Values
}

func (p *cloudPrint) section() section {
	return section{"ConnectionsCloudOAuth2: CloudPrint was written for IBM Connections Cloud", []step{
		{"authorize", p.authorize},
		{"token", p.redeem},
		{"identity", p.identify},
		{"refresh", p.refresh},
		{"no question", p.authorizeAgain},
	}}
}

func (p *cloudPrint) address() string {
	return p.authorization + "?" + url.Values{
		"response_type": {"code"}, "client_id": {p.id}, "callback_uri": {p.Callback(devenv.CloudPrint)},
	}.Encode()
}

// authorize: the request has no state and no scope, and says callback_uri; the page asks in the old words.
func (p *cloudPrint) authorize(ctx context.Context) (string, error) {
	if err := p.mounted(devenv.CloudPrint, map[string]*string{"client-id": &p.id, "client-secret": &p.secret,
		"authorization-endpoint": &p.authorization, "token-endpoint": &p.token, "identity-endpoint": &p.identity}); err != nil {
		return "", err
	}
	back, err := p.decide(ctx, devenv.CloudPrint, p.address(), url.Values{"decision": {"allow"}, "always": {"on"}},
		"Always grant", "and do not show this message", "Grant Access and Leave Site")
	if err != nil {
		return "", err
	}
	if p.code = back.Get("code"); p.code == "" || len(back) != 1 {
		return "", fmt.Errorf("the callback gets %s", names(back))
	}
	return "Bob grants access, always, and CloudPrint gets a code and nothing else", nil
}

// redeem: the answer is a line of form, its times are in milliseconds.
func (p *cloudPrint) redeem(ctx context.Context) (string, error) {
	err := p.exchange(ctx, url.Values{"grant_type": {"authorization_code"}, "code": {p.code}, "callback_uri": {p.Callback(devenv.CloudPrint)}})
	if err != nil {
		return "", err
	}
	if p.tokens.Get("expires_in") != "7200000" || p.tokens.Get("issued_on") == "" {
		return "", fmt.Errorf("the answer holds %s, and expires_in=%q", names(p.tokens), p.tokens.Get("expires_in"))
	}
	return "the answer is form-encoded, with issued_on and expires_in=7200000 milliseconds", nil
}

// exchange asks the token endpoint as the app's library does, in the body of a POST.
func (p *cloudPrint) exchange(ctx context.Context, form url.Values) error {
	form.Set("client_id", p.id)
	form.Set("client_secret", p.secret)
	answer, err := p.ask(ctx, http.MethodPost, p.token, form, nil)
	if err != nil {
		return err
	}
	tokens, err := url.ParseQuery(answer.body)
	if answer.status != http.StatusOK || err != nil || !strings.HasPrefix(answer.body, "access_token=") {
		return fmt.Errorf("the token endpoint answers with %d, and not with tokens", answer.status)
	}
	p.tokens = tokens
	return nil
}

// identify: Gatehouse is the API here, as the old server was.
func (p *cloudPrint) identify(ctx context.Context) (string, error) {
	answer, err := p.who(ctx)
	if err != nil {
		return "", err
	}
	var who struct{ Name, Email, SubscriberID, CustomerID string }
	if err := answer.read(&who); err != nil {
		return "", err
	}
	if who.Email != "bob@photos.example" || who.Name == "" || who.SubscriberID == "" {
		return "", fmt.Errorf("getUserIdentity says %+v", who)
	}
	return fmt.Sprintf("getUserIdentity tells CloudPrint that it is %s, %s", who.Name, who.Email), nil
}

// who asks Gatehouse who gave the access token.
func (p *cloudPrint) who(ctx context.Context) (reply, error) {
	return p.ask(ctx, http.MethodGet, p.identity, nil, bearer(p.tokens.Get("access_token")))
}

func (p *cloudPrint) refresh(ctx context.Context) (string, error) {
	before := p.tokens.Get("access_token")
	if err := p.exchange(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {p.tokens.Get("refresh_token")}}); err != nil {
		return "", err
	}
	if p.tokens.Get("access_token") == before {
		return "", errors.New("the access token is still the same")
	}
	_, err := p.identify(ctx)
	return "a new access token, and getUserIdentity takes it", err
}

// authorizeAgain: Bob said "always".
func (p *cloudPrint) authorizeAgain(ctx context.Context) (string, error) {
	p.bob.pause = p.isCallbackOf(devenv.CloudPrint)
	seen, err := p.bob.open(ctx, p.address())
	if err != nil {
		return "", err
	}
	back, err := p.sentBack(devenv.CloudPrint, seen)
	if err == nil && back.Get("code") == "" {
		err = fmt.Errorf("the callback gets %s", names(back))
	}
	return "Bob is not shown this message again", err
}
