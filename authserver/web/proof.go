// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// proofView is what the page with a displayed proof shows.
type proofView struct {
	Client *authserver.Client
	Proof  string
}

// showProof shows the proof to the owner, who types it into a client that has no callback
// (RFC 5849 §2.2).
func (s *Site) showProof(w http.ResponseWriter, a *authserver.Approval) error {
	client, ok := s.auth.Client(a.ClientID)
	if !ok {
		return authserver.Refuse(authserver.UnknownClient, "no such client")
	}
	isolateWindow(w)
	return s.render(w, http.StatusOK, pageProof, proofView{Client: client, Proof: a.Proof})
}
