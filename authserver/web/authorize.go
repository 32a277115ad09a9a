// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// authorize is a profile's authorization endpoint: it begins an interaction (RFC 6749 §4.1.1).
func (s *Site) authorize(p authserver.Profile) handler {
	parse := dialectOf(p).parseAuthorize
	return speaking(p, func(w http.ResponseWriter, r *http.Request) error {
		req, err := parse(r)
		if err != nil {
			return err
		}
		i, err := s.auth.Authorize(r.Context(), req)
		if err != nil {
			return err
		}
		return s.begin(w, r, i)
	})
}
