// SPDX-License-Identifier: Apache-2.0

package assertion

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	// MaxLength bounds an assertion, in bytes. The token of a ServiceAccount has about 1,200.
	MaxLength = 8 << 10
	// maxID bounds a jti, in bytes.
	maxID = 256
)

// types are what a header may say that it belongs to (RFC 7519 §5.1, and client-authentication+jwt of RFC 7523bis). An access token
// (RFC 9068), a logout token or a DPoP proof names a type of its own, and is none.
var types = []string{"", "jwt", "client-authentication+jwt"}

// Assertion is what a JWT says of who sent it. Nothing of it is proven.
type Assertion struct {
	Issuer, Subject string
	Audience        []string
	// ID is its jti; empty: it has none.
	ID string
	// The times are zero where the JWT has none.
	ExpiresAt, NotBefore, IssuedAt time.Time
	// Namespace, ServiceAccount and ServiceAccountUID are what a token of Kubernetes says of its ServiceAccount beside the subject.
	Namespace, ServiceAccount, ServiceAccountUID string

	token *jwt.JSONWebToken
}

// claims are those that are read (RFC 7519 §4.1).
type claims struct {
	Issuer     string           `json:"iss"`
	Subject    string           `json:"sub"`
	Audience   jwt.Audience     `json:"aud"`
	ID         string           `json:"jti"`
	ExpiresAt  *jwt.NumericDate `json:"exp"`
	NotBefore  *jwt.NumericDate `json:"nbf"`
	IssuedAt   *jwt.NumericDate `json:"iat"`
	Kubernetes struct {
		Namespace      string `json:"namespace"`
		ServiceAccount struct {
			Name string `json:"name"`
			UID  string `json:"uid"`
		} `json:"serviceaccount"`
	} `json:"kubernetes.io"`
}

// Parse reads a JWT in its compact form (RFC 7515 §3.1), signed with one of Algorithms. It looks at no clock, and believes nothing: who
// calls it asks SignedBy, or somebody else. Errors quote nothing.
func Parse(text string) (*Assertion, error) { return parse(text, allAlgorithms) }

// ParseServiceAccountToken is Parse for the token of a ServiceAccount, which is signed with one of the algorithms that Kubernetes
// signs with.
func ParseServiceAccountToken(text string) (*Assertion, error) {
	return parse(text, kubernetesAlgorithms)
}

func parse(text string, algorithms []jose.SignatureAlgorithm) (*Assertion, error) {
	if len(text) > MaxLength {
		return nil, fmt.Errorf("the assertion is longer than %d bytes", MaxLength)
	}
	token, err := jwt.ParseSigned(text, algorithms)
	if err != nil || len(token.Headers) != 1 {
		return nil, errors.New("the assertion is not a JWT that is signed with one of " + strings.Join(namesOf(algorithms), ", "))
	}
	a := &Assertion{token: token}
	if kind, _ := token.Headers[0].ExtraHeaders[jose.HeaderType].(string); !slices.Contains(types, strings.TrimPrefix(strings.ToLower(kind), "application/")) {
		return nil, errors.New("the typ of the assertion is that of another kind of JWT")
	}
	for name := range token.Headers[0].ExtraHeaders {
		if name == "crit" || name == "b64" {
			return nil, errors.New("the header of the assertion demands what is not supported (crit)")
		}
	}
	var c *claims // nil: null, which is no object
	if err := token.UnsafeClaimsWithoutVerification(&c); err != nil || c == nil {
		return nil, errors.New("the claims of the assertion are not a JSON object with each claim once and in its form (RFC 7519)")
	}
	if len(c.ID) > maxID {
		return nil, fmt.Errorf("the jti of the assertion is longer than %d bytes", maxID)
	}
	a.Issuer, a.Subject, a.Audience, a.ID = c.Issuer, c.Subject, c.Audience, c.ID
	a.ExpiresAt, a.NotBefore, a.IssuedAt = timeOf(c.ExpiresAt), timeOf(c.NotBefore), timeOf(c.IssuedAt)
	a.Namespace, a.ServiceAccount, a.ServiceAccountUID = c.Kubernetes.Namespace, c.Kubernetes.ServiceAccount.Name, c.Kubernetes.ServiceAccount.UID
	return a, nil
}

func timeOf(d *jwt.NumericDate) time.Time {
	if d == nil {
		return time.Time{}
	}
	return d.Time()
}

// Asks reports whether the header lets the key be the one: it has the kid that the header names, and can be used with the algorithm.
// A header without a kid asks for any key of a client, and for none of a cluster. A key that the header itself brings is never used.
func (a *Assertion) Asks(k Key) bool {
	h := a.token.Headers[0]
	return (h.KeyID == k.KeyID || h.KeyID == "" && !k.byKid) && slices.Contains(k.algorithms, jose.SignatureAlgorithm(h.Algorithm))
}

// SignedBy returns the first of the keys that has signed the assertion, among those that its header asks for.
func (a *Assertion) SignedBy(keys []Key) (Key, bool) {
	for _, k := range keys {
		if !a.Asks(k) {
			continue
		}
		if a.token.Claims(k.public) == nil {
			return k, true
		}
	}
	return Key{}, false
}
