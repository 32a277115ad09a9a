// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// introspection is what PhotoStorage wants to know of a token (RFC 7662 §2.2).
type introspection struct {
	Active bool   `json:"active"`
	Type   string `json:"token_type"` // Bearer for an access token; a refresh token is not for us
	Scope  string `json:"scope"`
	Owner  string `json:"username"` // empty for a token that no person gave
}

// introspect asks Gatehouse about token (RFC 7662 §2.1). Each request asks anew, so a revoked grant ends at once.
func (s *storage) introspect(r *http.Request, token string) (answer introspection, err error) {
	endpoint, err := s.mounted("introspection-endpoint")
	if err != nil {
		return answer, err
	}
	form := url.Values{"token": {token}}
	req, err := http.NewRequestWithContext(r.Context(), http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return answer, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if err := s.authenticate(req); err != nil {
		return answer, err
	}
	res, err := s.client.Do(req)
	if err != nil {
		return answer, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return answer, fmt.Errorf("%s answered %s", endpoint, res.Status)
	}
	err = json.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(&answer)
	return answer, err
}

// authenticate adds PhotoStorage's own credentials, escaped as RFC 6749 §2.3.1 says.
func (s *storage) authenticate(req *http.Request) error {
	id, err := s.mounted("client-id")
	if err != nil {
		return err
	}
	secret, err := s.mounted("client-secret")
	if err != nil {
		return err
	}
	req.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	return nil
}
