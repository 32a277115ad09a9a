// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Common is what both kinds of sources have. Its names are those of the configuration file.
type Common struct {
	ClientID string `yaml:"clientID"`
	// ClientSecretFile has the client secret. It is read for each request.
	ClientSecretFile string   `yaml:"clientSecretFile"`
	Scopes           []string `yaml:"scopes"`
	// CAFile has the certificates of authorities in PEM. Empty: those of the system.
	CAFile string `yaml:"caFile"`
	// TokenEndpointAuthMethod is client_secret_basic or client_secret_post (RFC 7591 §2).
	TokenEndpointAuthMethod string `yaml:"tokenEndpointAuthMethod"`
	// AuthorizationParameters are sent along with the browser.
	AuthorizationParameters map[string]string `yaml:"authorizationParameters"`
	ClaimMappings           ClaimMappings     `yaml:"claimMappings"`
	ClaimValidationRules    []ClaimRule       `yaml:"claimValidationRules"`
	UserValidationRules     []UserRule        `yaml:"userValidationRules"`
	// EmailAlwaysVerified takes a mail address that the source does not call verified.
	EmailAlwaysVerified bool          `yaml:"emailAlwaysVerified"`
	Timeout             time.Duration `yaml:"timeout"` // of one request; 10 seconds by default
}

// OpenIDConnect is a source that speaks OpenID Connect.
type OpenIDConnect struct {
	Issuer string `yaml:"issuer"`
	Common `yaml:",inline"`
	// UserInfo asks the UserInfo endpoint, too. Its claims go before those of the ID token.
	UserInfo bool `yaml:"userInfo"`
}

// OAuth2 is a source that speaks OAuth 2.0 and says by an API of its own who somebody is.
type OAuth2 struct {
	AuthorizationURL string `yaml:"authorizationURL"`
	TokenURL         string `yaml:"tokenURL"`
	UserInfoURL      string `yaml:"userInfoURL"`
	Common           `yaml:",inline"`
}

const (
	defaultTimeout = 10 * time.Second
	maxTimeout     = time.Minute
	scopeOpenID    = "openid"
	methodBasic    = "client_secret_basic"
	methodPost     = "client_secret_post"
)

// reserved are the parameters that this program sends itself.
var reserved = []string{
	"client_id", "client_secret", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce", "code_challenge",
	"code_challenge_method", "max_age", "login_hint", "request", "request_uri", "claims",
}

// Check returns everything that is wrong, each with the key it is about.
func (c OpenIDConnect) Check() []error {
	found := c.check()
	if u, err := url.Parse(c.Issuer); checkURL(c.Issuer) != nil || err != nil || u.RawQuery != "" {
		found = append(found, errors.New("issuer: it must be an https:// URL without query and fragment, as the server calls itself"))
	}
	if len(c.Scopes) > 0 && !slices.Contains(c.Scopes, scopeOpenID) {
		found = append(found, errors.New("scopes: openid is missing"))
	}
	return append(found, c.withDefaults().ClaimMappings.check(true)...)
}

func (c OpenIDConnect) withDefaults() OpenIDConnect {
	if len(c.Scopes) == 0 {
		c.Scopes = []string{scopeOpenID, "profile", "email"}
	}
	m := &c.ClaimMappings
	m.UID, m.DisplayName, m.Email = m.UID.or("sub"), m.DisplayName.or("name"), m.Email.or("email")
	return c
}

// Check returns everything that is wrong, each with the key it is about.
func (c OAuth2) Check() []error {
	found := c.check()
	for _, a := range []struct{ key, value string }{
		{"authorizationURL", c.AuthorizationURL}, {"tokenURL", c.TokenURL}, {"userInfoURL", c.UserInfoURL},
	} {
		if err := checkURL(a.value); err != nil {
			found = append(found, fmt.Errorf("%s: %w", a.key, err))
		}
	}
	return append(found, c.ClaimMappings.check(false)...)
}

func (c Common) check() (found []error) {
	say := func(key, text string) { found = append(found, errors.New(key+": "+text)) }
	if c.ClientID == "" {
		say("clientID", "it is missing; the other server gives it when this one is registered there")
	}
	if c.ClientSecretFile == "" {
		say("clientSecretFile", "it is missing; name the file with the client secret")
	}
	for _, scope := range c.Scopes {
		if scope == "" || strings.ContainsFunc(scope, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
			say("scopes", fmt.Sprintf("%q is not a scope", scope))
		}
	}
	if m := c.TokenEndpointAuthMethod; m != "" && m != methodBasic && m != methodPost {
		say("tokenEndpointAuthMethod", "it must be "+methodBasic+" or "+methodPost)
	}
	for name := range c.AuthorizationParameters {
		if slices.Contains(reserved, name) {
			say("authorizationParameters", fmt.Sprintf("%s is set by this server", name))
		}
	}
	if c.Timeout != 0 && (c.Timeout < 100*time.Millisecond || c.Timeout > maxTimeout) {
		say("timeout", fmt.Sprintf("%s must be from 100ms to %s", c.Timeout, maxTimeout))
	}
	for i, rule := range c.ClaimValidationRules {
		if err := rule.check(); err != nil {
			say(fmt.Sprintf("claimValidationRules[%d]", i), err.Error())
		}
	}
	for i, rule := range c.UserValidationRules {
		if err := rule.check(); err != nil {
			say(fmt.Sprintf("userValidationRules[%d]", i), err.Error())
		}
	}
	return found
}

// checkURL refuses everything but https: secrets and codes go there.
func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" || strings.Contains(text, "#") {
		return errors.New("it must be an https:// URL without a fragment")
	}
	return nil
}
