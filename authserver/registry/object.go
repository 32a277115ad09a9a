// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/authserver"
)

// object is an OAuthClient as far as this server needs it. It is decoded in place of
// v1alpha1.OAuthClient, for two reasons: of 10,000 objects only what is served is ever kept,
// and one that cannot be decoded does not make the whole list fail.
type object struct {
	metav1.TypeMeta
	metav1.ObjectMeta

	client   *authserver.Client // nil: not served
	declared []authserver.Scope
	// broughtID is the client ID that the spec brings along; empty: none.
	broughtID string
	// claimant holds creation time and UID, for v1alpha1.Older; nil where nothing is claimed.
	claimant *v1alpha1.OAuthClient
	// unserved tells why client is nil or not known to anybody, where there is something to tell.
	unserved string
	err      error // what could not be decoded
}

// claims returns what only one object can have and this one wants. o may be nil.
func (o *object) claims() []claim {
	if o == nil {
		return nil
	}
	var all []claim
	for _, s := range o.declared {
		all = append(all, claim{claimScope, s.Name})
	}
	if o.broughtID != "" {
		all = append(all, claim{claimClientID, o.broughtID})
	}
	return all
}

// objectList is a list of objects as the API server sends it.
type objectList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []object `json:"items"`
}

// UnmarshalJSON reads an OAuthClient and keeps what describes it. Of an object that is not
// of the form of this version only the metadata is read: it is known, and not served.
func (o *object) UnmarshalJSON(data []byte) error {
	var oc v1alpha1.OAuthClient
	if err := json.Unmarshal(data, &oc); err != nil {
		var bare struct {
			Metadata metav1.ObjectMeta `json:"metadata"`
		}
		if json.Unmarshal(data, &bare) != nil {
			return fmt.Errorf("read an OAuthClient's metadata: %w", err)
		}
		*o = object{ObjectMeta: slim(bare.Metadata), unserved: reasonUnreadable, err: err}
		return nil
	}
	*o = describe(&oc)
	return nil
}

// describe keeps of the object what is served.
func describe(oc *v1alpha1.OAuthClient) object {
	o := object{ObjectMeta: slim(oc.ObjectMeta), declared: declaredScopes(oc)}
	o.client, o.unserved = clientOf(oc)
	if oc.DeletionTimestamp.IsZero() {
		o.broughtID = string(oc.Spec.ClientID)
	}
	if len(o.claims()) > 0 {
		o.claimant = &v1alpha1.OAuthClient{ObjectMeta: metav1.ObjectMeta{UID: oc.UID, CreationTimestamp: oc.CreationTimestamp}}
	}
	return o
}

// slim returns what is needed to tell objects and their versions apart, and the annotation
// by which the API server ends a stream of what was there before.
func slim(m metav1.ObjectMeta) metav1.ObjectMeta {
	out := metav1.ObjectMeta{Namespace: m.Namespace, Name: m.Name, UID: m.UID, ResourceVersion: m.ResourceVersion}
	if end, found := m.Annotations[metav1.InitialEventsAnnotationKey]; found {
		out.Annotations = map[string]string{metav1.InitialEventsAnnotationKey: end}
	}
	return out
}

// key names the object in the cluster.
func (o *object) key() string { return o.Namespace + "/" + o.Name }

// DeepCopyObject returns a copy that shares what is never changed.
func (o *object) DeepCopyObject() runtime.Object {
	out := *o
	return &out
}

// DeepCopyObject returns a copy that shares what is never changed.
func (l *objectList) DeepCopyObject() runtime.Object {
	out := *l
	return &out
}
