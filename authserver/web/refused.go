// SPDX-License-Identifier: Apache-2.0

package web

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// refusedNote gathers, while a request is answered, why it is refused.
type refusedNote struct {
	mu        sync.Mutex
	clientUID string
	clientID  string // from the audit log; in place of clientUID where that is not known
	about     authserver.RefusedRequest
	refused   bool
}

// noteClient says which client a request is about, once that is known.
func noteClient(ctx context.Context, uid string) {
	if info := requestInfoOf(ctx); info != nil && uid != "" {
		info.refusal.mu.Lock()
		info.refusal.clientUID = uid
		info.refusal.mu.Unlock()
	}
}

// noteRefusal says what the outside is told.
func noteRefusal(ctx context.Context, e authserver.Refusal) {
	info := requestInfoOf(ctx)
	if info == nil {
		return
	}
	n := &info.refusal
	n.mu.Lock()
	defer n.mu.Unlock()
	n.refused = true
	n.about.Code, n.about.Description = e.Code(), e.Description()
	if to, ok := errors.AsType[authserver.ReturnError](e); ok {
		n.clientID = to.Return().ClientID
	}
	if m, ok := errors.AsType[authserver.MismatchError](e); ok {
		n.about.Mismatch = m.Detail()
		n.clientUID = cmp.Or(m.Detail().ClientUID, n.clientUID)
	}
}

// event takes in what the audit log is told of the request.
func (n *refusedNote) event(e authserver.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if e.ClientID != "" {
		n.clientID = e.ClientID
	}
	if e.Owner != "" {
		n.about.Owner = e.Owner
	}
	switch e.Name {
	case authserver.EventClientRefused, authserver.EventRequestRefused, authserver.EventEntitlementRefused, authserver.EventProofReused, authserver.EventRefreshReused:
		n.refused, n.about.Reason = true, e.Reason
	default:
	}
}

// take returns the refusal; false: the request was not refused.
func (n *refusedNote) take(requestID string, now time.Time, clientOf func(id string) (*authserver.Client, bool)) (authserver.RefusedRequest, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	r := n.about
	if !n.refused {
		return r, false
	}
	if n.clientUID == "" {
		if c, known := clientOf(n.clientID); known {
			n.clientUID = c.UID
		}
	}
	r.RequestID, r.At, r.ClientUID = requestID, now, n.clientUID
	return r, true
}

// rememberRefusal keeps a request that was refused, for whoever asks for the reason by its ID.
func (s *Site) rememberRefusal(info *requestInfo, now time.Time) {
	r, refused := info.refusal.take(info.id, now, s.auth.Client)
	if !refused {
		return
	}
	s.metrics.refused(r.Mismatch.Is)
	s.refusals.Remember(r)
}
