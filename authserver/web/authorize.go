// SPDX-License-Identifier: Apache-2.0

package web

import "net/http"

// authorize is a profile's authorization endpoint: it begins an interaction (RFC 6749 §4.1.1).
func (s *Site) authorize(d bearerDialect) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		req, err := d.parseAuthorize(r)
		if err != nil {
			return err
		}
		i, err := s.auth.Authorize(r.Context(), req)
		if err != nil {
			return err
		}
		return s.begin(w, r, i)
	}
}
