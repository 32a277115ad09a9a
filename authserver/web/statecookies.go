// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// stateCookieName is the name of the cookie that holds a piece of an interaction's state.
func stateCookieName(id string, piece int) string {
	return stateCookie + id + "-" + strconv.Itoa(piece)
}

// setState puts the pieces of a long state into the browser, each in a cookie of its own: no browser
// takes a cookie of more than 4,096 bytes. They come only with requests for their interaction.
func setState(w http.ResponseWriter, id string, pieces []string) {
	for n, piece := range pieces {
		setCookieAt(w, interactionPath(id), stateCookieName(id, n), piece, authserver.InteractionLifetime+expiredLifetime)
	}
}

// stateOf returns the pieces that the browser sent.
func stateOf(r *http.Request, id string) []string {
	var pieces []string
	for n := range authserver.MaxStatePieces {
		if piece := cookieOf(r, stateCookieName(id, n)); piece != "" {
			pieces = append(pieces, piece)
		}
	}
	return pieces
}

// dropState takes the pieces of a state out of the browser.
func dropState(w http.ResponseWriter, id string) {
	for n := range authserver.MaxStatePieces {
		setCookieAt(w, interactionPath(id), stateCookieName(id, n), "", -time.Second)
	}
}
