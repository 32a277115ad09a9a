// SPDX-License-Identifier: Apache-2.0

package registry

import "github.com/gatehouse-dev/gatehouse/internal/credential"

// takenOver is that an object goes on with the identity of an earlier one of its namespace and name, which
// had the deletionPolicy Retain.
type takenOver struct{ identity, proof string }

// identity returns the UID that grants are given to and credentials are derived from.
func (o *object) identity() string {
	if o.takenOver != nil {
		return o.takenOver.identity
	}
	return string(o.UID)
}

// UseSharedKey has the registry check by the key of both programs what statuses say of identities, and of what proves
// an object without a client secret.
func (r *Registry) UseSharedKey(key credential.Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sharedKey.Equal(key) {
		return
	}
	r.sharedKey = key
	for _, o := range r.clients.all {
		if o.takenOver != nil || o.stated != nil {
			r.publishClient(o)
		}
	}
	for _, o := range r.resourceServers.all {
		if o.stated != nil {
			r.publishResourceServer(o)
		}
	}
}

// mayGoOn reports whether the object is served under the identity that its status names, or else why not.
// Whoever can write a status could name somebody else's: the operator alone can prove one. Before the key
// has been read nothing is answered anyway. It needs the lock.
func (r *Registry) mayGoOn(o *object) (ok bool, reason string) {
	switch t := o.takenOver; {
	case t == nil:
		return true, ""
	case r.sharedKey.IsZero():
		return false, ""
	case !credential.VerifyTakeover(r.sharedKey, credential.Takeover{Namespace: o.Namespace, Name: o.Name, Identity: t.identity, UID: string(o.UID)}, t.proof):
		return false, reasonTakenOver
	default:
		return true, ""
	}
}
