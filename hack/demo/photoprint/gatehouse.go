// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"golang.org/x/oauth2"
)

// config is all PhotoPrint knows of Gatehouse: its mounted Secret. It is read each time: when the Secret changes, Kubernetes
// changes the files, and PhotoPrint needs no restart.
func (a *app) config() (config *oauth2.Config, issuer string, err error) {
	key := func(name string) string {
		value, readErr := os.ReadFile(filepath.Join(a.secret, name))
		err = errors.Join(err, readErr)
		return string(value)
	}
	config = &oauth2.Config{
		ClientID:     key("client-id"),
		ClientSecret: key("client-secret"),
		Endpoint: oauth2.Endpoint{
			AuthURL:   key("authorization-endpoint"),
			TokenURL:  key("token-endpoint"),
			AuthStyle: oauth2.AuthStyleInHeader,
		},
		RedirectURL: a.callback,
		Scopes:      []string{"photos.read"},
	}
	issuer = key("issuer")
	if err != nil {
		return nil, "", fmt.Errorf("read the mounted Secret: %w", err)
	}
	return config, issuer, nil
}

// album is what PhotoStorage answers.
type album struct {
	Owner  string   `json:"owner"`
	Photos []string `json:"photos"`
}

// errTokenRefused is returned when PhotoStorage does not, or no longer, accept the access token.
var errTokenRefused = errors.New("PhotoStorage refused the access token")

// fetch asks PhotoStorage for the photos.
func (a *app) fetch(r *http.Request, token *oauth2.Token) (found album, err error) {
	req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, a.photos, nil)
	if err != nil {
		return found, err
	}
	token.SetAuthHeader(req)
	res, err := a.client.Do(req)
	if err != nil {
		return found, err
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusOK:
		err = json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&found)
	case http.StatusUnauthorized, http.StatusForbidden: // RFC 6750 §3.1
		err = errTokenRefused
	default:
		err = fmt.Errorf("%s answered %s", a.photos, res.Status)
	}
	return found, err
}
