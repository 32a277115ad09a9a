// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
	"github.com/gatehouse-dev/gatehouse/hack/bench/replay"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

const (
	// crowdScope is open to all namespaces.
	crowdScope = "photos.crowd"
	// perNamespace is how many clients share a namespace.
	perNamespace = 100

	patternNamespace, patternName = "crowd-pattern", "photoprint-pattern"
)

// pattern is a client and its Secret, as the operator and the API server wrote them, and the keys.
type pattern struct {
	client       []byte // JSON
	uid          string
	credential   v1alpha1.CredentialStatus
	secret       corev1.Secret
	root, shared credential.Key
}

// learn makes the namespaces of so many clients, and has the operator accept one client, which all others are
// made from.
func (b *bench) learn(ctx context.Context, clients int) (*pattern, error) {
	say("the operator accepts the client that all others are made from")
	o, err := b.StartOperator(ctx)
	if err != nil {
		return nil, err
	}
	if err := b.makeCrowdNamespaces(ctx, clients); err != nil {
		return nil, err
	}
	server, made := crowdServer(), crowdClient()
	for _, object := range []client.Object{server, made} {
		if err := b.API.Create(ctx, object); err != nil {
			return nil, fmt.Errorf("apply %s: %w", object.GetName(), err)
		}
	}
	err = b.Eventually(ctx, "both are as they should be", func() (bool, error) {
		err := errors.Join(b.API.Get(ctx, client.ObjectKeyFromObject(server), server), b.API.Get(ctx, client.ObjectKeyFromObject(made), made))
		return settled(server, server.Status.ObservedGeneration) && settled(made, made.Status.ObservedGeneration), err
	})
	if err != nil {
		return nil, err
	}
	if err := b.End(o.Process); err != nil {
		return nil, err
	}
	return b.patternOf(ctx, made)
}

// settled reports whether the operator has said the last word about an object: all its conditions are True.
func settled(o client.Object, observed int64) bool {
	for _, c := range conditions(o) {
		if c.Status != metav1.ConditionTrue {
			return false
		}
	}
	return observed == o.GetGeneration()
}

func (b *bench) makeCrowdNamespaces(ctx context.Context, clients int) error {
	names := []string{patternNamespace}
	for n := 0; n < clients; n += perNamespace {
		names = append(names, crowdNamespace(n))
	}
	making, inGroup := errgroup.WithContext(ctx)
	making.SetLimit(people)
	for _, name := range names {
		making.Go(func() error {
			return b.API.Create(inGroup, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
		})
	}
	if err := making.Wait(); err != nil {
		return fmt.Errorf("make a namespace: %w", err)
	}
	return nil
}

func crowdServer() *v1alpha1.ResourceServer {
	return &v1alpha1.ResourceServer{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "crowd"},
		Spec: v1alpha1.ResourceServerSpec{Scopes: []v1alpha1.ScopeDeclaration{{
			Name: crowdScope, Description: "See your photos", WithoutOwner: true, From: v1alpha1.ScopeFromAll}}},
	}
}

func crowdClient() *v1alpha1.OAuthClient {
	return &v1alpha1.OAuthClient{
		ObjectMeta: metav1.ObjectMeta{Namespace: patternNamespace, Name: patternName},
		Spec: v1alpha1.OAuthClientSpec{
			DisplayName: "PhotoPrint", Scopes: []v1alpha1.Scope{crowdScope},
			CallbackURLs: []v1alpha1.CallbackURL{"https://" + patternName + ".apps.bench.example/callback"},
			OAuth2: &v1alpha1.OAuth2Spec{GrantTypes: []v1alpha1.GrantType{
				v1alpha1.GrantTypeAuthorizationCode, v1alpha1.GrantTypeRefreshToken, v1alpha1.GrantTypeClientCredentials}},
		},
	}
}

// patternOf reads everything that clients like this one are made from.
func (b *bench) patternOf(ctx context.Context, oc *v1alpha1.OAuthClient) (*pattern, error) {
	p := &pattern{uid: string(oc.UID), credential: oc.Status.Credentials[0]}
	if err := b.API.Get(ctx, client.ObjectKey{Namespace: oc.Namespace, Name: oc.Status.SecretName}, &p.secret); err != nil {
		return nil, fmt.Errorf("read a Secret: %w", err)
	}
	p.secret.TypeMeta = metav1.TypeMeta{Kind: "Secret", APIVersion: "v1"}
	oc.TypeMeta = metav1.TypeMeta{Kind: v1alpha1.KindOAuthClient, APIVersion: v1alpha1.GroupVersion.String()}
	var err error
	if p.client, err = json.Marshal(oc); err != nil {
		return nil, fmt.Errorf("write a client: %w", err)
	}
	if p.root, err = b.key(ctx, credential.OperatorKeySecret, credential.RootDataKey); err != nil {
		return nil, err
	}
	p.shared, err = b.key(ctx, credential.SharedKeySecret, credential.SharedDataKey)
	return p, err
}

func (b *bench) key(ctx context.Context, name, entry string) (credential.Key, error) {
	secret := &corev1.Secret{}
	if err := b.API.Get(ctx, client.ObjectKey{Namespace: systemNamespace, Name: name}, secret); err != nil {
		return credential.Key{}, fmt.Errorf("read a key: %w", err)
	}
	return credential.ParseKey(secret.Data[entry])
}

// crowd are many clients.
type crowd struct {
	*pattern
	size int
}

// app is one of them.
type app struct {
	namespace, name, uid, credential, secret string
}

func crowdNamespace(n int) string { return fmt.Sprintf("crowd-%d", n/perNamespace) }

func (c *crowd) member(n int) app {
	m := app{namespace: crowdNamespace(n % c.size), name: fmt.Sprintf("photoprint-%d", n), uid: uidOf(n)}
	m.credential = credential.FirstID(m.uid, "")
	m.secret = credential.Derive(c.root, m.uid, m.credential)
	return m
}

// uidOf is the UID of a client, in the form that the API server gives.
func uidOf(n int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "client %d", n))
	text := hex.EncodeToString(sum[:16])
	return strings.Join([]string{text[:8], text[8:12], "4" + text[13:16], "a" + text[17:20], text[20:]}, "-")
}

func (m app) credentials() credentials {
	return credentials{id: m.namespace + "." + m.name, secret: m.secret}
}

// client is the OAuthClient of a member.
func (c *crowd) client(m app) replay.Object {
	verifier := credential.Verifier(c.shared, m.uid, m.credential, m.secret)
	text := strings.NewReplacer(c.uid, m.uid, patternName, m.name, patternNamespace, m.namespace,
		c.credential.ID, m.credential, c.credential.Verifier, verifier).Replace(string(c.pattern.client))
	return replay.Object{Namespace: m.namespace, Name: m.name, Text: []byte(text)}
}

// request asks for a token of a member's own.
func (m app) request() []byte {
	return post(oauth2.PathToken, m.credentials(), url.Values{"grant_type": {"client_credentials"}, "scope": {crowdScope}})
}

// issuing has the first so many clients get tokens, each connection one after the other.
func (c *crowd) issuing(to target, connections, of int) *load {
	l := &load{target: to}
	requests := make([][]byte, of)
	for n := range requests {
		requests[n] = c.member(n).request()
	}
	for n := range connections {
		turn := n
		l.next = append(l.next, func(answer []byte) ([]byte, error) {
			turn += connections
			return requests[turn%of], check(answer, `"access_token"`)
		})
	}
	return l
}
