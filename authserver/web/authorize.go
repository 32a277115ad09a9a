// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"

	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
)

// authorize begins an interaction (RFC 6749 §4.1.1).
func (s *Site) authorize(w http.ResponseWriter, r *http.Request) error {
	req, err := oauth2.ParseAuthorize(r)
	if err != nil {
		return err
	}
	i, err := s.Auth.Authorize(r.Context(), req)
	if err != nil {
		return err
	}
	return s.begin(w, r, i)
}
