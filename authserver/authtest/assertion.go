// SPDX-License-Identifier: Apache-2.0

package authtest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/assertion"
)

// ClientKey is the private key of a client.
type ClientKey struct {
	KeyID string
	key   *ecdsa.PrivateKey
}

// NewClientKey returns a new key on the curve P-256.
func NewClientKey(t testing.TB, kid string) *ClientKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("make a key: %v", err)
	}
	return &ClientKey{KeyID: kid, key: key}
}

// JWKS returns the JWK Set of the keys.
func JWKS(t testing.TB, keys ...*ClientKey) string {
	t.Helper()
	set := jose.JSONWebKeySet{}
	for _, k := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.key.Public(), KeyID: k.KeyID, Algorithm: string(jose.ES256), Use: "sig"})
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatalf("spell a JWK Set: %v", err)
	}
	return string(text)
}

// ClusterKeys returns the public halves of the keys as the server knows those of a cluster.
func ClusterKeys(t testing.TB, keys ...*ClientKey) []assertion.Key {
	t.Helper()
	public, err := assertion.ParseClusterKeys([]byte(JWKS(t, keys...)))
	if err != nil {
		t.Fatalf("read the JWK Set of a cluster: %v", err)
	}
	return public
}

// PublicKeys returns the public halves of the keys as the server knows them.
func PublicKeys(t testing.TB, keys ...*ClientKey) []assertion.Key {
	t.Helper()
	public, err := assertion.ParseKeys([]byte(JWKS(t, keys...)))
	if err != nil {
		t.Fatalf("read a JWK Set: %v", err)
	}
	return public
}

// Claims are what a JWT says.
type Claims map[string]any

// With returns the claims with one of them changed; nil removes it.
func (c Claims) With(name string, value any) Claims {
	out := maps.Clone(c)
	if out[name] = value; value == nil {
		delete(out, name)
	}
	return out
}

// Assertion returns claims that are a good assertion of the client at now, with the jti.
func Assertion(clientID, jti string, now time.Time) Claims {
	return Claims{"iss": clientID, "sub": clientID, "aud": Issuer, "jti": jti, "iat": now.Unix(), "exp": now.Add(time.Minute).Unix()}
}

// Sign returns the claims as a JWT, with further members of the header.
func (k *ClientKey) Sign(t testing.TB, c Claims, header map[string]any) string {
	t.Helper()
	options := &jose.SignerOptions{ExtraHeaders: map[jose.HeaderKey]any{}}
	for name, value := range header {
		options.ExtraHeaders[jose.HeaderKey(name)] = value
	}
	return JWT(t, jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: k.key, KeyID: k.KeyID}}, options, c)
}

// JWT returns the claims as a JWT that is signed with the key. The options have further members of the header.
func JWT(t testing.TB, key jose.SigningKey, options *jose.SignerOptions, claims any) string {
	t.Helper()
	signer, err := jose.NewSigner(key, options)
	if err != nil {
		t.Fatalf("prepare to sign: %v", err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatalf("spell claims: %v", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatalf("sign: %v", err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatalf("spell a JWT: %v", err)
	}
	return text
}

// Tokens stands for the API server that reviews tokens of ServiceAccounts.
type Tokens struct {
	mu    sync.Mutex
	good  map[string][2]string
	err   error
	asked int
}

// Accept lets the token be one of the username and UID.
func (o *Tokens) Accept(token, username, uid string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.good == nil {
		o.good = map[string][2]string{}
	}
	o.good[token] = [2]string{username, uid}
}

// Fail makes each review end in err until it is called with nil.
func (o *Tokens) Fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.err = err
}

// Asked returns how often somebody asked.
func (o *Tokens) Asked() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.asked
}

// Review is of authserver.TokenReviewer.
func (o *Tokens) Review(_ context.Context, question authserver.TokenQuestion) (username, uid string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked++
	if o.err != nil || question.Audience != Issuer {
		return "", "", o.err
	}
	good := o.good[question.Token]
	if good[0] != "" && !strings.HasPrefix(good[0], "system:serviceaccount:"+question.Namespace+":") {
		return "", "", errors.New("the namespace of the question is another one than that of the ServiceAccount")
	}
	return good[0], good[1], nil
}

// KeySets stands for the addresses where clients keep their keys.
type KeySets struct {
	mu  sync.Mutex
	at  map[string][]assertion.Key
	err error
}

// Put lets the keys stand at the address.
func (o *KeySets) Put(uri string, keys ...assertion.Key) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.at == nil {
		o.at = map[string][]assertion.Key{}
	}
	o.at[uri] = keys
}

// Fail makes each call end in err until it is called with nil.
func (o *KeySets) Fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.err = err
}

// Keys is of authserver.KeySets.
func (o *KeySets) Keys(_ context.Context, _, uri string, _ func(assertion.Key) bool) ([]assertion.Key, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.at[uri], o.err
}

// Clusters stand for the API servers of other clusters, as the configuration names them.
type Clusters struct {
	mu      sync.Mutex
	issuers map[string]string
	keys    map[string][]assertion.Key
	errs    map[string]error
	asked   int
}

// Put lets the configuration name the cluster, with this issuer and these keys.
func (o *Clusters) Put(name, issuer string, keys ...assertion.Key) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.issuers == nil {
		o.issuers, o.keys, o.errs = map[string]string{}, map[string][]assertion.Key{}, map[string]error{}
	}
	o.issuers[name], o.keys[name] = issuer, keys
}

// Remove takes the cluster out of the configuration.
func (o *Clusters) Remove(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.issuers, name)
}

// Fail makes each look at the keys of the cluster end in err until it is called with nil.
func (o *Clusters) Fail(name string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.errs[name] = err
}

// Asked returns how often somebody wanted keys.
func (o *Clusters) Asked() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.asked
}

// Issuer is of authserver.Clusters.
func (o *Clusters) Issuer(name string) (issuer string, known bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	issuer, known = o.issuers[name]
	return issuer, known
}

// KeysInHand is of authserver.Clusters.
func (o *Clusters) KeysInHand(ctx context.Context, name string, wanted func(assertion.Key) bool) []assertion.Key {
	keys, err := o.Keys(ctx, name, wanted)
	if err != nil || !slices.ContainsFunc(keys, wanted) {
		return nil
	}
	return keys
}

// Keys is of authserver.Clusters.
func (o *Clusters) Keys(_ context.Context, name string, _ func(assertion.Key) bool) ([]assertion.Key, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked++
	return o.keys[name], o.errs[name]
}

// WithoutSecret gives the client assertions in place of its client secret.
func (e *Env) WithoutSecret(clientID string, a authserver.Assertions) {
	e.Clients.Change(clientID, func(c *authserver.Client) { c.Credentials, c.Assertions = nil, &a })
}
