// SPDX-License-Identifier: Apache-2.0

package resourceserver_test

import (
	"fmt"
	"log"
	"net/http"

	"github.com/gatehouse-dev/gatehouse/resourceserver"
)

// An API that shows photos to whoever has an access token with the scope photos.read, and
// deletes them for whoever has photos.write too. Its Secret is mounted at /etc/gatehouse.
func Example() {
	config, err := resourceserver.Mounted("/etc/gatehouse")
	if err != nil {
		log.Fatal(err)
	}
	config.ExternalURL = "https://photos.example" // a proxy in front ends TLS
	config.Realm = "PhotoStorage"
	guard, err := resourceserver.New(config)
	if err != nil {
		log.Fatal(err)
	}

	photos := http.NewServeMux()
	photos.HandleFunc("GET /photos", func(w http.ResponseWriter, r *http.Request) {
		caller, _ := resourceserver.CallerFrom(r.Context())
		fmt.Fprintf(w, "the photos of %s, found by %s\n", caller.Owner, caller.Subject)
	})
	photos.Handle("DELETE /photos/{name}", guard.Require("photos.write", http.HandlerFunc(
		func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })))

	api := http.NewServeMux()
	api.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {}) // anybody may ask
	api.Handle("/", guard.Require("photos.read", photos))
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", api))
}
