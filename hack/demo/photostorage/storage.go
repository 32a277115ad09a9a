// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"net/http"

	"github.com/gatehouse-dev/gatehouse/resourceserver"
)

// scopeRead is what a token needs to see photos. The ResourceServer photos/photostorage declares it.
const scopeRead = "photos.read"

// storage answers for the photos.
type storage struct {
	guard  *resourceserver.Guard
	photos map[string][]string // by the subject of their owner
}

func (s *storage) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /photos", s.guard.Require(scopeRead, http.HandlerFunc(s.getPhotos)))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	return mux
}

// getPhotos lists the photos of the owner who gave the token.
func (s *storage) getPhotos(w http.ResponseWriter, r *http.Request) {
	caller, _ := resourceserver.CallerFrom(r.Context()) // the guard has seen to it that there is one
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	// The only error left is a client that went away.
	_ = json.NewEncoder(w).Encode(map[string]any{"owner": caller.Owner, "photos": s.photos[caller.Subject]})
}
