// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"
)

// metadataAge is how long the metadata of a server is used before it is read again.
const metadataAge = time.Hour

// asymmetric are the algorithms of ID tokens that are taken: whoever knows the client secret, or nobody at all, could make others.
var asymmetric = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA,
}

// metadata is what a server of OpenID Connect says of itself (OpenID Connect Discovery §3).
type metadata struct {
	Issuer        string   `json:"issuer"`
	Authorization string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	UserInfo      string   `json:"userinfo_endpoint"`
	JWKS          string   `json:"jwks_uri"`
	Algorithms    []string `json:"id_token_signing_alg_values_supported"`
	AuthMethods   []string `json:"token_endpoint_auth_methods_supported"`
	NamesIssuer   bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207 §3
}

// provider is a server as it described itself lately.
type provider struct {
	metadata
	verifier *oidc.IDTokenVerifier
	readAt   time.Time
}

// discovery reads the metadata of a server when it is needed.
type discovery struct {
	config OpenIDConnect
	client *http.Client
	now    func() time.Time

	reading singleflight.Group
	mu      sync.Mutex
	known   *provider
}

// provider returns the server, as it was read at most an hour ago, or longer where it does not answer now.
func (d *discovery) provider(ctx context.Context) (*provider, error) {
	d.mu.Lock()
	known := d.known
	d.mu.Unlock()
	if known != nil && d.now().Sub(known.readAt) < metadataAge {
		return known, nil
	}
	// Whoever asks first may go away; the others still want the answer.
	result := d.reading.DoChan("", func() (any, error) { return d.read(context.WithoutCancel(ctx)) })
	if known != nil { // nobody waits for what may hang
		return known, nil
	}
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case r := <-result:
		p, _ := r.Val.(*provider)
		return p, r.Err
	}
}

func (d *discovery) read(ctx context.Context) (*provider, error) {
	ctx = oidc.ClientContext(ctx, d.client)
	found, err := oidc.NewProvider(ctx, d.config.Issuer) // refuses another issuer
	if err != nil {
		return nil, fmt.Errorf("discovery: %w", bounded(err))
	}
	p := &provider{readAt: d.now()}
	if err := found.Claims(&p.metadata); err != nil {
		return nil, fmt.Errorf("discovery: %w", bounded(err))
	}
	if err := p.check(d.config.UserInfo); err != nil {
		return nil, fmt.Errorf("discovery: %w", err)
	}
	p.verifier = oidc.NewVerifier(p.Issuer, keySet{oidc.NewRemoteKeySet(ctx, p.JWKS)}, &oidc.Config{
		ClientID: d.config.ClientID, SupportedSigningAlgs: p.algorithms(), Now: d.now,
	})
	d.mu.Lock()
	defer d.mu.Unlock()
	d.known = p
	return p, nil
}

// keySet tells a key set that could not be read from a signature that is wrong: go-oidc has one error for both.
type keySet struct{ remote oidc.KeySet }

// unread is where a keySet leaves why it could not be read.
type unread struct{}

// VerifySignature is of oidc.KeySet.
func (k keySet) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := k.remote.VerifySignature(ctx, jwt)
	if to, ok := ctx.Value(unread{}).(*error); ok && err != nil && strings.HasPrefix(err.Error(), "fetching keys") {
		*to = err
	}
	return payload, err
}

func (m metadata) check(userInfo bool) error {
	for _, a := range []struct {
		name, value string
		required    bool
	}{
		{"authorization_endpoint", m.Authorization, true}, {"token_endpoint", m.Token, true}, {"jwks_uri", m.JWKS, true}, {"userinfo_endpoint", m.UserInfo, userInfo},
	} {
		if a.value == "" && !a.required {
			continue
		}
		if err := checkURL(a.value); err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
	}
	if len(m.algorithms()) == 0 {
		return errors.New("id_token_signing_alg_values_supported: the server signs ID tokens with no algorithm that is taken")
	}
	return nil
}

// algorithms are those of the server that are taken. One that names none uses RS256.
func (m metadata) algorithms() []string {
	if len(m.Algorithms) == 0 {
		return []string{oidc.RS256}
	}
	return slices.DeleteFunc(slices.Clone(m.Algorithms), func(name string) bool { return !slices.Contains(asymmetric, name) })
}

// authStyle is how the client authenticates at the token endpoint.
func authStyle(configured string, offered []string) oauth2.AuthStyle {
	if configured == "" && len(offered) > 0 && !slices.Contains(offered, methodBasic) && slices.Contains(offered, methodPost) {
		configured = methodPost
	}
	if configured == methodPost {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleInHeader
}

// bounded returns an error with not too much of what a server said.
func bounded(err error) error {
	const most = 500
	if text := err.Error(); len(text) > most {
		return fmt.Errorf("%.*q", most, text)
	}
	return err
}
