// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/devenv"
	"github.com/gatehouse-dev/gatehouse/internal/installation"
	"github.com/gatehouse-dev/gatehouse/internal/openid"
	"github.com/gatehouse-dev/gatehouse/internal/postgrestest"
)

// What is declared, all in one namespace.
const (
	namespace    = "photos"
	scope        = "photos.read"
	photoPrint   = "photoprint"   // an OAuthClient of profile OAuth2
	photoBook    = "photobook"    // an OAuthClient of profile OAuth1
	photoStorage = "photostorage" // a ResourceServer
	photoLogin   = "photologin"   // an OAuthClient of profile OAuth2 that logs people in
	albums       = "albums"       // a ResourceServer that takes JWTs
	albumScope   = "photos.albums"
	callback     = "https://apps.bench.example/"
)

// credentials are what a client proves itself with.
type credentials struct{ id, secret string }

// bench is the installation that is measured, with the bare handler beside it.
type bench struct {
	*installation.Installation
	options

	client   *tls.Config // trusts the servers
	bare     target
	secrets  map[string]credentials // by the name of the object
	people   []string               // one for each connection
	made     int                    // how many were made
	postgres *postgrestest.Server   // nil: it was not needed yet
}

// newBench starts everything but authorization servers.
func newBench(ctx context.Context, dir string, o options) (_ *bench, err error) {
	i, err := installation.New(ctx, installation.Options{Dir: dir, Say: say})
	if err != nil {
		return nil, err
	}
	b := &bench{Installation: i, options: o, secrets: map[string]credentials{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.stop())
		}
	}()
	for n := range o.connections {
		b.people = append(b.people, fmt.Sprintf("owner%d", n))
	}
	if err := errors.Join(b.writeCertificates(), b.WriteUsers(ctx, b.people...)); err != nil {
		return nil, err
	}
	if err := b.startBare(ctx); err != nil {
		return nil, err
	}
	return b, b.declare(ctx)
}

// stop ends everything.
func (b *bench) stop() error {
	err := b.Stop()
	if b.postgres != nil {
		err = errors.Join(err, b.postgres.Close())
	}
	return err
}

func (b *bench) certificate(name string) string { return filepath.Join(b.Dir, "tls", name) }

// writeCertificates makes certificates for all servers, and what trusts them. HTTP/1.1 only.
func (b *bench) writeCertificates() error {
	if err := os.Mkdir(b.certificate(""), 0o700); err != nil {
		return fmt.Errorf("make the folder of the certificates: %w", err)
	}
	if err := devenv.WriteCertificates(b.certificate(""), time.Now()); err != nil {
		return err
	}
	text, err := os.ReadFile(b.certificate("ca.crt"))
	if err != nil {
		return fmt.Errorf("read the certificate authority: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return errors.New("the certificate authority has no certificate")
	}
	b.client = &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots, ServerName: "127.0.0.1", NextProtos: []string{"http/1.1"}}
	return nil
}

// declare applies the objects, has the operator issue their credentials, and ends the operator: it would take
// its share of the cores.
func (b *bench) declare(ctx context.Context) error {
	say("the operator issues credentials")
	o, err := b.StartOperator(ctx)
	if err != nil {
		return err
	}
	for _, object := range declared() {
		if err := b.API.Create(ctx, object); err != nil {
			return fmt.Errorf("apply %s: %w", object.GetName(), err)
		}
	}
	for name, kind := range map[string]client.Object{
		photoPrint: &v1alpha1.OAuthClient{}, photoBook: &v1alpha1.OAuthClient{}, photoLogin: &v1alpha1.OAuthClient{}, photoStorage: &v1alpha1.ResourceServer{},
	} {
		err := b.Eventually(ctx, name+" is Ready", func() (bool, error) {
			err := b.API.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, kind)
			return err == nil && meta.IsStatusConditionTrue(conditions(kind), string(v1alpha1.ConditionReady)), err
		})
		if err == nil {
			b.secrets[name], err = b.credentialsOf(ctx, kind)
		}
		if err != nil {
			return err
		}
	}
	return b.End(o.Process)
}

func conditions(of client.Object) []metav1.Condition {
	if o, ok := of.(*v1alpha1.OAuthClient); ok {
		return o.Status.Conditions
	}
	return of.(*v1alpha1.ResourceServer).Status.Conditions
}

// credentialsOf reads the Secret of an object, as an app would.
func (b *bench) credentialsOf(ctx context.Context, of client.Object) (credentials, error) {
	var name string
	switch o := of.(type) {
	case *v1alpha1.OAuthClient:
		name = v1alpha1.SecretNameOf(o)
	case *v1alpha1.ResourceServer:
		name = v1alpha1.ResourceServerSecretNameOf(o)
	}
	secret := &corev1.Secret{}
	if err := b.API.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, secret); err != nil {
		return credentials{}, fmt.Errorf("read a Secret: %w", err)
	}
	return credentials{string(secret.Data[v1alpha1.KeyClientID]), string(secret.Data[v1alpha1.KeyClientSecret])}, nil
}

// declared are the objects, each after those that it needs.
func declared() []client.Object {
	at := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: namespace, Name: name} }
	scopes := []v1alpha1.Scope{scope}
	return []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}},
		&rbacv1.Role{ObjectMeta: at("users"), Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"oauthclients"}, Verbs: []string{"authorize"}}}},
		&rbacv1.RoleBinding{ObjectMeta: at("users"),
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "users"},
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "gatehouse:" + installation.Group}}},
		&v1alpha1.ResourceServer{ObjectMeta: at(photoStorage), Spec: v1alpha1.ResourceServerSpec{
			Scopes: []v1alpha1.ScopeDeclaration{{Name: scope, Description: "See your photos", WithoutOwner: true}}}},
		&v1alpha1.OAuthClient{ObjectMeta: at(photoPrint), Spec: v1alpha1.OAuthClientSpec{
			CallbackURLs: []v1alpha1.CallbackURL{callback + photoPrint}, Scopes: scopes,
			OAuth2: &v1alpha1.OAuth2Spec{GrantTypes: []v1alpha1.GrantType{
				v1alpha1.GrantTypeAuthorizationCode, v1alpha1.GrantTypeRefreshToken, v1alpha1.GrantTypeClientCredentials}}}},
		&v1alpha1.OAuthClient{ObjectMeta: at(photoBook), Spec: v1alpha1.OAuthClientSpec{
			Profile: v1alpha1.ProfileOAuth1, CallbackURLs: []v1alpha1.CallbackURL{callback + photoBook}, Scopes: scopes}},
		&v1alpha1.ResourceServer{ObjectMeta: at(albums), Spec: v1alpha1.ResourceServerSpec{
			Identifiers:  []v1alpha1.Identifier{"api://photos/albums"},
			AccessTokens: v1alpha1.AccessTokensSpec{Format: v1alpha1.AccessTokenJWT},
			Scopes:       []v1alpha1.ScopeDeclaration{{Name: albumScope, Description: "See your albums", WithoutOwner: true}}}},
		&v1alpha1.OAuthClient{ObjectMeta: at(photoLogin), Spec: v1alpha1.OAuthClientSpec{
			CallbackURLs: []v1alpha1.CallbackURL{callback + photoLogin},
			Scopes:       []v1alpha1.Scope{openid.ScopeOpenID, openid.ScopeProfile, openid.ScopeOfflineAccess, albumScope},
			OAuth2: &v1alpha1.OAuth2Spec{GrantTypes: []v1alpha1.GrantType{
				v1alpha1.GrantTypeAuthorizationCode, v1alpha1.GrantTypeRefreshToken, v1alpha1.GrantTypeClientCredentials}}}},
	}
}
