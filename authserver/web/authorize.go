// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"

	"github.com/gatehouse-dev/gatehouse/authserver/oidc"
)

// authorize is a profile's authorization endpoint: it begins an interaction (RFC 6749 §4.1.1).
func (s *Site) authorize(d bearerDialect) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		req, err := d.parseAuthorize(r)
		if err != nil {
			return err
		}
		if req.IDTokenHint != "" {
			hint, err := oidc.ParseHint(s.issuer, req.IDTokenHint, s.auth.FindSigningKey)
			if err != nil {
				return err
			}
			req.Hint = &hint
		}
		i, err := s.auth.Authorize(r.Context(), req)
		if err != nil {
			return err
		}
		return s.begin(w, r, i)
	}
}
