// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// scopeRead is what a token needs to see photos. The OAuthClient photos/photostorage declares it.
const scopeRead = "photos.read"

// storage answers for the photos.
type storage struct {
	secret string              // folder with the mounted Secret
	client *http.Client        // to Gatehouse
	photos map[string][]string // by owner
}

func (s *storage) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /photos", s.getPhotos)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	return mux
}

// getPhotos lists the photos of the owner who gave the token.
func (s *storage) getPhotos(w http.ResponseWriter, r *http.Request) {
	token, found := bearer(r)
	if !found {
		refuse(w, http.StatusUnauthorized, "", "") // RFC 6750 §3.1: no error code where no token was sent
		return
	}
	answer, err := s.introspect(r, token)
	switch {
	case err != nil:
		slog.ErrorContext(r.Context(), "Gatehouse could not be asked about a token", "err", err)
		http.Error(w, "PhotoStorage cannot check access tokens now. Try again later.", http.StatusServiceUnavailable)
	case !answer.Active || answer.Type != "Bearer":
		refuse(w, http.StatusUnauthorized, "invalid_token", "the access token is not valid, or no longer")
	case !slices.Contains(strings.Fields(answer.Scope), scopeRead):
		refuse(w, http.StatusForbidden, "insufficient_scope", "the access token does not let its bearer see photos")
	default:
		writeJSON(w, map[string]any{"owner": answer.Owner, "photos": s.photos[answer.Owner]})
	}
}

// bearer is the token of the Authorization header (RFC 6750 §2.1). A token anywhere else is not looked at: what is in a
// URL ends up in logs.
func bearer(r *http.Request) (token string, found bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return token, strings.EqualFold(scheme, "Bearer") && token != ""
}

// refuse answers as RFC 6750 §3 says. An empty code stands for a request without a token.
func refuse(w http.ResponseWriter, status int, code, description string) {
	challenge := `Bearer realm="PhotoStorage"`
	if code != "" {
		challenge += fmt.Sprintf(`, error=%q, error_description=%q`, code, description)
	}
	if code == "insufficient_scope" {
		challenge += fmt.Sprintf(`, scope=%q`, scopeRead)
	}
	w.Header().Set("WWW-Authenticate", challenge)
	http.Error(w, http.StatusText(status), status)
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(value) // the only error left is a client that went away
}

// mounted reads a key of the mounted Secret. It is read each time: when the Secret changes, Kubernetes changes the file,
// and PhotoStorage needs no restart.
func (s *storage) mounted(key string) (string, error) {
	value, err := os.ReadFile(filepath.Join(s.secret, key))
	if err != nil {
		return "", fmt.Errorf("read the mounted Secret: %w", err)
	}
	return string(value), nil
}
