// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"strings"
	"unique"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/claimmap"
	"github.com/gatehouse-dev/gatehouse/internal/policy"
)

// object is what OAuthClients and ResourceServers have in common, as far as this server needs
// it. They are decoded in place of the kinds of package v1alpha1, for two reasons: of 10,000
// objects only what decides is kept, and one that cannot be decoded does not make the whole
// list fail.
type object struct {
	metav1.TypeMeta
	metav1.ObjectMeta

	id          string // the client ID that follows from name and spec
	class       string
	wanted      []policy.Claim // that the spec asks for
	claims      []v1alpha1.ClaimStatus
	credentials []authserver.Credential
	assertions  *authserver.Assertions // nil: it has a client secret
	stated      *stated                // what of the assertions is taken from the status; nil: nothing
	// unserved tells why nothing of the object is served, as far as it alone decides. Empty: it
	// is served, if the other objects let it.
	unserved string
	// takenOver is the identity of an earlier object that it goes on with. Nil: its own UID.
	takenOver *takenOver
	gone      bool   // it is being deleted, or the operator has not seen it: nothing to tell
	err       error  // what could not be decoded
	logged    string // what was logged last
}

// heldSince returns since when the status of the object records that it holds the claim. A status
// that was made for another object records nothing, and an object that goes away holds nothing.
func (o *object) heldSince(c policy.Claim) (since int64, held bool) {
	if o.gone || o.unserved != "" {
		return 0, false
	}
	return policy.Held(o.claims, c)
}

// issued takes over what the operator says of the object. t may be nil.
func (o *object) issued(meta metav1.ObjectMeta, spec *v1alpha1.CredentialsSpec, status *v1alpha1.IssuedStatus, t *v1alpha1.TakenOverStatus, id string) {
	o.id = id
	o.gone = !meta.DeletionTimestamp.IsZero() || status.ClientID == "" || meta.UID == ""
	if spec.WithoutSecret() {
		o.assert(spec, status.ClientAuthentication)
	} else {
		o.credentials = credentials(status.Credentials)
	}
	for i := range status.Claims {
		if status.Claims[i].Since != nil {
			o.claims = append(o.claims, status.Claims[i])
		}
	}
	switch {
	case o.gone:
	case status.IdentityUID != "" && status.IdentityUID != string(meta.UID) && (t == nil || t.UID != string(meta.UID)):
		o.unserved = reasonRestored
	case status.ClientID != id:
		o.unserved = reasonClientID
	}
	if t != nil && status.IdentityUID != "" && status.IdentityUID != string(meta.UID) {
		o.takenOver = &takenOver{identity: status.IdentityUID, proof: t.Proof}
	}
}

// oauthClient is an OAuthClient.
type oauthClient struct {
	object
	spec      *v1alpha1.OAuthClientSpec // nil: it could not be decoded
	notBefore metav1.Time
	mappings  []claimmap.Mapping
	mistake   string             // what is wrong with the claim mappings; empty: nothing
	client    *authserver.Client // what is served now; nil: nothing
}

// resourceServer is a ResourceServer.
type resourceServer struct {
	object
	spec     *v1alpha1.ResourceServerSpec // nil: it could not be decoded
	resource *authserver.ResourceServer   // what is served now; nil: nothing
}

// list is a list of objects as the API server sends it.
type list[T any] struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []T `json:"items"`
}

// DeepCopyObject returns a copy that shares what is never changed.
func (l *list[T]) DeepCopyObject() runtime.Object {
	out := *l
	return &out
}

// UnmarshalJSON reads an OAuthClient. Of an object that is not of the form of this version only
// the metadata is read: it is known, and not served.
func (o *oauthClient) UnmarshalJSON(data []byte) error {
	var oc v1alpha1.OAuthClient
	if err := json.Unmarshal(data, &oc); err != nil {
		*o = oauthClient{}
		return o.unreadable(data, err)
	}
	*o = describeClient(&oc)
	return nil
}

func describeClient(oc *v1alpha1.OAuthClient) oauthClient {
	o := oauthClient{object: object{ObjectMeta: trimMetadata(oc.ObjectMeta), class: string(oc.Spec.ClassName)}}
	o.issued(oc.ObjectMeta, &oc.Spec.Credentials, &oc.Status.IssuedStatus, oc.Status.TakenOver, v1alpha1.ClientIDOf(oc))
	if o.unserved == "" {
		o.unserved = unknownForm(&oc.Spec)
	}
	o.wanted = policy.ClaimsOfClient(&oc.Spec)
	if at := oc.Status.ValidAfter; at != nil {
		o.notBefore = *at
	}
	spec := oc.Spec // a pointer into oc would keep all of it
	o.spec = &spec
	o.spec.Credentials = credentialsForPolicy(&o.spec.Credentials)
	var mistakes []string
	o.mappings, mistakes = policy.ClaimMappings(o.spec)
	o.mistake = strings.Join(mistakes, "; ")
	for i := range o.spec.Scopes {
		o.spec.Scopes[i] = intern(o.spec.Scopes[i])
	}
	return o
}

// UnmarshalJSON reads a ResourceServer, in the same way.
func (o *resourceServer) UnmarshalJSON(data []byte) error {
	var rs v1alpha1.ResourceServer
	if err := json.Unmarshal(data, &rs); err != nil {
		*o = resourceServer{}
		return o.unreadable(data, err)
	}
	*o = describeResourceServer(&rs)
	return nil
}

func describeResourceServer(rs *v1alpha1.ResourceServer) resourceServer {
	o := resourceServer{object: object{ObjectMeta: trimMetadata(rs.ObjectMeta), class: string(rs.Spec.ClassName)}}
	o.issued(rs.ObjectMeta, &rs.Spec.Credentials, &rs.Status.IssuedStatus, nil, v1alpha1.ResourceServerIDOf(rs))
	o.wanted = policy.ClaimsOfResourceServer(&rs.Spec)
	spec := rs.Spec // a pointer into rs would keep all of it
	o.spec = &spec
	o.spec.Credentials = credentialsForPolicy(&o.spec.Credentials)
	return o
}

// unreadable keeps the metadata of what could not be decoded because of err.
func (o *object) unreadable(data []byte, err error) error {
	var bare struct {
		Metadata metav1.ObjectMeta `json:"metadata"`
	}
	if json.Unmarshal(data, &bare) != nil {
		return fmt.Errorf("read the metadata of an object: %w", err)
	}
	*o = object{ObjectMeta: trimMetadata(bare.Metadata), unserved: reasonUnreadable, err: err}
	return nil
}

// credentialsForPolicy returns what a policy looks at in credentials. Keys are read already, and take room.
func credentialsForPolicy(c *v1alpha1.CredentialsSpec) v1alpha1.CredentialsSpec {
	out := *c
	out.SecretTemplate = forPolicy(&c.SecretTemplate)
	if c.PrivateKeyJWT != nil {
		out.PrivateKeyJWT = &v1alpha1.PrivateKeyJWTSpec{JWKSURI: c.PrivateKeyJWT.JWKSURI}
	}
	return out
}

// forPolicy returns what a policy looks at in a template.
func forPolicy(t *v1alpha1.SecretTemplate) v1alpha1.SecretTemplate {
	out := v1alpha1.SecretTemplate{Type: t.Type, Preset: t.Preset}
	for key := range t.Labels {
		if out.Labels == nil {
			out.Labels = map[string]v1alpha1.LabelValue{}
		}
		out.Labels[key] = ""
	}
	for key := range t.Annotations {
		if out.Annotations == nil {
			out.Annotations = map[string]v1alpha1.AnnotationValue{}
		}
		out.Annotations[key] = ""
	}
	return out
}

// intern returns the one copy of a text that many objects hold.
func intern[T ~string](s T) T { return unique.Make(s).Value() }

// trimMetadata returns what is needed to tell objects and their versions apart, and the annotation
// by which the API server ends a stream of what was there before.
func trimMetadata(m metav1.ObjectMeta) metav1.ObjectMeta {
	out := metav1.ObjectMeta{Namespace: intern(m.Namespace), Name: m.Name, UID: m.UID, ResourceVersion: m.ResourceVersion}
	if end, found := m.Annotations[metav1.InitialEventsAnnotationKey]; found {
		out.Annotations = map[string]string{metav1.InitialEventsAnnotationKey: end}
	}
	return out
}

func (o *object) base() *object { return o }

// key names the object in the cluster.
func (o *object) key() string { return o.Namespace + "/" + o.Name }

// DeepCopyObject returns a copy that shares what is never changed.
func (o *oauthClient) DeepCopyObject() runtime.Object {
	out := *o
	return &out
}

// DeepCopyObject returns a copy that shares what is never changed.
func (o *resourceServer) DeepCopyObject() runtime.Object {
	out := *o
	return &out
}
