// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/endpoints"
	"github.com/gatehouse-dev/gatehouse/internal/policy"
	"github.com/gatehouse-dev/gatehouse/internal/preset"
)

// subject is an object that gets credentials, seen alike for both kinds. It is a view: the
// object behind it is only changed by withStatus, on a copy.
type subject struct {
	kind   string
	object client.Object
	// status is that of the object. A ResourceServer has no validAfter.
	status v1alpha1.OAuthClientStatus

	class       v1alpha1.ClassName
	credentials *v1alpha1.CredentialsSpec
	clientID    string // follows from name and spec
	secretName  string // the one that is wanted
	publicName  string // of the ConfigMap that is wanted; empty: none
	form        string // what never changes about it: profile and client type of an OAuthClient
	// retain: its identity outlives it.
	retain bool
	// identity is what identified found. disproved: the status names another identity and does not prove it.
	identity    string
	disproved   bool
	callbackURL string // the first one; empty: none
	// grantType returns the one that the client is for, in the words of RFC 6749. Empty: none of them.
	grantType func() string
	scopes    []v1alpha1.Scope
	claims    []policy.Claim
	suspended bool
	expiresAt time.Time // zero: never
	public    bool      // has no client secret
	jwts      bool      // is an API that takes JWTs
	signed    bool      // the server must know the client secret
	// pkceOptional is whether a client of profile OAuth2 may leave the code challenge out.
	pkceOptional bool

	// suspendEndsGrants and resetEndsGrants: what validAfter is for.
	suspendEndsGrants, resetEndsGrants bool

	endpoints func(issuer string) map[string]string
	denials   func(policy.Policy) []policy.Denial
	// builtIn reports whether the object has a scope of OpenID Connect.
	builtIn func(v1alpha1.Scope) bool
	// mistakes are what is wrong with the claim mappings.
	mistakes func() []string
}

// subjectOf returns the view of an OAuthClient or a ResourceServer.
func subjectOf(o client.Object) (subject, bool) {
	switch o := o.(type) {
	case *v1alpha1.OAuthClient:
		return clientSubject(o), true
	case *v1alpha1.ResourceServer:
		return resourceServerSubject(o), true
	default:
		return subject{}, false
	}
}

func clientSubject(oc *v1alpha1.OAuthClient) subject {
	profile := oc.Spec.EffectiveProfile()
	s := subject{
		kind: v1alpha1.KindOAuthClient, object: oc, status: oc.Status,
		class: oc.Spec.ClassName, credentials: &oc.Spec.Credentials,
		clientID: v1alpha1.ClientIDOf(oc), secretName: v1alpha1.SecretNameOf(oc),
		publicName: string(oc.Spec.Credentials.ConfigMapName),
		form:       string(profile) + "/" + string(oc.Spec.EffectiveClientType()), retain: oc.Spec.Retains(),
		scopes: oc.Spec.Scopes, claims: policy.ClaimsOfClient(&oc.Spec),
		suspended: oc.Spec.Suspend, public: oc.Spec.Public(), signed: profile.Signed(),
		pkceOptional:      profile == v1alpha1.ProfileOAuth2 && !oc.Spec.PKCERequired(),
		suspendEndsGrants: profile.SuspendEndsGrants(),
		resetEndsGrants:   profile.ResetEndsGrants() || oc.Annotations[v1alpha1.AnnotationResetRevokes] == "true",
		grantType:         func() string { return grantTypeOf(&oc.Spec) },
		endpoints:         func(issuer string) map[string]string { return endpoints.Of(profile, issuer) },
		denials:           func(p policy.Policy) []policy.Denial { return p.Client(&oc.Spec) },
		builtIn:           func(scope v1alpha1.Scope) bool { return policy.BuiltInScope(&oc.Spec, string(scope)) },
		mistakes: func() []string {
			_, mistakes := policy.ClaimMappings(&oc.Spec)
			return mistakes
		},
	}
	s.expiresAt = oc.Spec.Expiry()
	if len(oc.Spec.CallbackURLs) > 0 {
		s.callbackURL = string(oc.Spec.CallbackURLs[0])
	}
	return s
}

func resourceServerSubject(rs *v1alpha1.ResourceServer) subject {
	return subject{
		kind: v1alpha1.KindResourceServer, object: rs,
		status: v1alpha1.OAuthClientStatus{IssuedStatus: rs.Status.IssuedStatus},
		class:  rs.Spec.ClassName, credentials: &rs.Spec.Credentials,
		clientID: v1alpha1.ResourceServerIDOf(rs), secretName: v1alpha1.ResourceServerSecretNameOf(rs),
		publicName: string(rs.Spec.Credentials.ConfigMapName),
		claims:     policy.ClaimsOfResourceServer(&rs.Spec),
		suspended:  rs.Spec.Suspend,
		jwts:       rs.Spec.EffectiveJWTAlgorithm() != "",
		grantType:  func() string { return "" },
		endpoints:  endpoints.OfResourceServer,
		denials:    func(p policy.Policy) []policy.Denial { return p.ResourceServer(&rs.Spec) },
		mistakes:   func() []string { return nil },
	}
}

func (s subject) uid() types.UID    { return s.object.GetUID() }
func (s subject) name() string      { return s.object.GetName() }
func (s subject) namespace() string { return s.object.GetNamespace() }
func (s subject) deleted() bool     { return !s.object.GetDeletionTimestamp().IsZero() }
func (s subject) ref() objectRef {
	return objectRef{kind: s.kind, namespace: s.namespace(), name: s.name()}
}

// copied reports whether the status was made for another object: it was restored from a backup.
func (s subject) copied() bool {
	if s.status.IdentityUID == "" || s.status.IdentityUID == string(s.uid()) {
		return false
	}
	t := s.status.TakenOver
	return s.disproved || t == nil || t.UID != string(s.uid())
}

// reset returns the value of the annotation that asks for a new client secret.
func (s subject) reset() (value string, asked bool) {
	value, asked = s.object.GetAnnotations()[v1alpha1.AnnotationResetCredentials]
	return value, asked
}

// isGenerated reports whether the operator makes the client secret.
func (s subject) isGenerated() bool {
	return !s.public && !s.credentials.FromGivenSecret() && !s.credentials.WithoutSecret()
}

// template returns the form of the Secret.
func (s subject) template() *v1alpha1.SecretTemplate { return &s.credentials.SecretTemplate }

// dataKey returns under which key of the Secret a standard value is.
func (s subject) dataKey(standard string) string { return preset.NameOf(s.template(), standard) }

// withStatus returns a copy of the object with the status in it.
func (s subject) withStatus(status v1alpha1.OAuthClientStatus) client.Object {
	switch o := s.object.(type) {
	case *v1alpha1.OAuthClient:
		out := o.DeepCopy()
		out.Status = *status.DeepCopy()
		return out
	case *v1alpha1.ResourceServer:
		out := o.DeepCopy()
		out.Status.IssuedStatus = *status.IssuedStatus.DeepCopy()
		return out
	default:
		panic("controllers: a subject of no kind") // subjectOf makes all there are
	}
}

// objectRef names an object of one of the kinds.
type objectRef struct{ kind, namespace, name string }

func (r objectRef) key() types.NamespacedName {
	return types.NamespacedName{Namespace: r.namespace, Name: r.name}
}

// second is a time as the status keeps it.
func second(t time.Time) metav1.Time { return metav1.NewTime(t.UTC().Truncate(time.Second)) }
