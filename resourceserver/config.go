// SPDX-License-Identifier: Apache-2.0

package resourceserver

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Config is what a Guard is made of. Mounted fills it from a mounted Secret.
type Config struct {
	// IntrospectionEndpoint is where bearer tokens are asked about: the key
	// introspection-endpoint of the API's Secret. An https URL; required, as ClientID and
	// ClientSecret are, unless all tokens are JWTs: then all three may be left out.
	IntrospectionEndpoint string
	// VerificationEndpoint is where signed requests are asked about: the key
	// verification-endpoint. An https URL; empty: signed requests are not taken.
	VerificationEndpoint string
	// ClientID is the API's own: the key client-id. Required.
	ClientID string
	// ClientSecret is the API's own: the key client-secret. It is asked for each question, so
	// it may change. Required.
	ClientSecret Secret

	// Issuer is Gatehouse's: the key issuer. An https URL; needed for JWTs and for Metadata.
	Issuer string
	// Identifiers are those of the API, as the ResourceServer declares them. A JWT is taken whose
	// audience is one of them. The first one is how Metadata calls the API.
	Identifiers []string
	// JWTAlgorithms are how JWT access tokens for the API are signed: what its ResourceServer says
	// in accessTokens.signingAlgorithm, "ES256" or "RS256", or both while that changes. JWTs are then
	// verified here by the keys that Gatehouse publishes, and Gatehouse is not asked about them. So one
	// that was revoked is taken until it expires. Empty: it is asked about every token.
	JWTAlgorithms []string
	// Scopes are those that Metadata name.
	Scopes []string

	// ExternalURL is how clients address the API, "https://photos.example", with the path
	// prefix if a proxy takes one away. It is part of what OAuth 1.0a clients sign.
	//
	// Empty: https if the request came over TLS, else http, and the Host header. That is right
	// only where the API itself ends TLS. Behind a proxy that ends it, or that changes Host or
	// path, no signature fits until this is set; X-Forwarded-* headers are not believed,
	// because any client can send them. Set it too where the API answers for any Host:
	// otherwise a request that was signed for another server is taken here, once.
	ExternalURL string
	// Realm names the API in challenges; empty: ClientID, or else the first of Identifiers.
	Realm string
	// HTTPClient asks Gatehouse. Its redirects are not followed: a token is sent to the
	// endpoints above and nowhere else. nil: one that trusts the system's certificate
	// authorities and waits for 10 seconds.
	HTTPClient *http.Client
	// Log gets an entry when Gatehouse cannot be asked; never a token or secret. nil:
	// slog.Default().
	Log *slog.Logger
	// Now tells the time. nil: time.Now.
	Now func() time.Time
}

// Secret returns the client secret as it is now, or why it cannot be read.
type Secret func() (string, error)

// Value is a secret that never changes.
func Value(secret string) Secret {
	return func() (string, error) { return secret, nil }
}

// File is a secret in a file, which is read each time: when a mounted Secret changes,
// Kubernetes changes the file. White space around it is not part of the secret.
func File(path string) Secret {
	return func() (string, error) {
		text, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("read the client secret: %w", err)
		}
		return strings.TrimSpace(string(text)), nil
	}
}

// Mounted returns the configuration of an API whose Secret, under its standard keys, is mounted
// as a folder. The client secret is read again for each question; the rest is read now.
// A Secret without verification-endpoint gives a guard that takes no signed requests.
func Mounted(folder string) (Config, error) {
	c := Config{ClientSecret: File(filepath.Join(folder, "client-secret"))}
	for key, value := range map[string]*string{
		"client-id": &c.ClientID, "introspection-endpoint": &c.IntrospectionEndpoint,
		"verification-endpoint": &c.VerificationEndpoint, "issuer": &c.Issuer,
	} {
		text, err := os.ReadFile(filepath.Join(folder, key))
		if errors.Is(err, fs.ErrNotExist) && (key == "verification-endpoint" || key == "issuer") {
			continue
		}
		if err != nil {
			return Config{}, fmt.Errorf("read the mounted Secret: %w", err)
		}
		*value = strings.TrimSpace(string(text))
	}
	return c, nil
}

// check returns what is wrong with c, or nil.
func (c Config) check() error {
	if err := c.checkJWTs(); err != nil {
		return err
	}
	if c.asks() {
		if c.ClientID == "" || c.ClientSecret == nil {
			return errors.New("resourceserver: ClientID and ClientSecret are required")
		}
		if !isURL(c.IntrospectionEndpoint, "https") {
			return errors.New("resourceserver: IntrospectionEndpoint must be an https URL")
		}
	}
	if c.VerificationEndpoint != "" && !isURL(c.VerificationEndpoint, "https") {
		return errors.New("resourceserver: VerificationEndpoint must be an https URL, or empty")
	}
	if c.ExternalURL != "" && (!isURL(c.ExternalURL, "https", "http") || strings.Contains(c.ExternalURL, "?")) {
		return errors.New("resourceserver: ExternalURL must be a URL without query, like https://photos.example, or empty")
	}
	if notQuotable(c.Realm) {
		return errors.New(`resourceserver: Realm must be printable ASCII without " and \`)
	}
	return nil
}

// notQuotable reports whether a text cannot stand in a challenge as it is.
func notQuotable(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' })
}

// asks reports whether Gatehouse is asked about tokens.
func (c Config) asks() bool {
	return len(c.JWTAlgorithms) == 0 || c.ClientID != "" || c.ClientSecret != nil || c.IntrospectionEndpoint != "" || c.VerificationEndpoint != ""
}

// checkJWTs returns what is wrong with the fields for JWTs, or nil.
func (c Config) checkJWTs() error {
	if c.Issuer != "" && (!isURL(c.Issuer, "https") || strings.HasSuffix(c.Issuer, "/") || strings.Contains(c.Issuer, "?")) {
		return errors.New("resourceserver: Issuer must be an https URL as in the Secret, or empty")
	}
	for _, identifier := range c.Identifiers {
		if identifier == "" || notQuotable(identifier) {
			return errors.New(`resourceserver: Identifiers must be URIs`)
		}
	}
	if len(c.JWTAlgorithms) > 0 && (c.Issuer == "" || len(c.Identifiers) == 0) {
		return errors.New("resourceserver: JWTAlgorithms need Issuer and Identifiers: without them any token of Gatehouse would be taken")
	}
	for _, algorithm := range c.JWTAlgorithms {
		if algorithm != string(jose.ES256) && algorithm != string(jose.RS256) {
			return errors.New("resourceserver: JWTAlgorithms must be ES256 or RS256")
		}
	}
	return nil
}

func (c Config) algorithms() []jose.SignatureAlgorithm {
	var named []jose.SignatureAlgorithm
	for _, algorithm := range c.JWTAlgorithms {
		named = append(named, jose.SignatureAlgorithm(algorithm))
	}
	return named
}

// isURL tells whether text is an absolute URL of one of the schemes, without user and fragment.
func isURL(text string, schemes ...string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || strings.Contains(text, "#") {
		return false
	}
	for _, scheme := range schemes {
		if u.Scheme == scheme {
			return true
		}
	}
	return false
}

const (
	askTimeout = 10 * time.Second
	// idleConnections is how many connections to Gatehouse are kept for the next questions.
	idleConnections = 64
)

// asking returns the client that asks Gatehouse.
func (c Config) asking() *http.Client {
	client := http.Client{Timeout: askTimeout}
	if c.HTTPClient != nil {
		client = *c.HTTPClient
	} else if transport, ok := http.DefaultTransport.(*http.Transport); ok {
		transport = transport.Clone()
		transport.MaxIdleConnsPerHost = idleConnections
		client.Transport = transport
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}
