// SPDX-License-Identifier: Apache-2.0

package web

import "net/http"

// Leaving serves next. While leaving reports true, each answer also ends its connection, so that the
// client goes to another server before this one stops: with HTTP/1.1 by the header Connection, with
// HTTP/2 by a GOAWAY, after which the requests under way are finished.
func Leaving(leaving func() bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if leaving() {
			w.Header()["Connection"] = endConnection // net/http makes a GOAWAY of it where it is HTTP/2
		}
		next.ServeHTTP(w, r)
	})
}

// endConnection is shared by all answers, and nobody writes to it.
var endConnection = []string{"close"}
