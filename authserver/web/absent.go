// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// justBegun is how long after the start of an interaction its cookie must be on its way: the browser
// follows one redirect.
const justBegun = 30 * time.Second

// whyAbsent tells why a browser came to an interaction without its cookie. What can be told, can be
// told from the ID, which says when the interaction began, and from the other cookies.
func (s *Site) whyAbsent(r *http.Request, id string) error {
	begun, ok := authserver.BegunAt(id)
	if !ok || !isInteractionID(id) {
		return authserver.NewInteractionError(addressIncomplete, "this is no address of a request")
	}
	age := s.now().Sub(begun)
	ours, newer := s.countCookies(r, begun)
	switch {
	case age >= authserver.InteractionLifetime:
		return authserver.NewInteractionError(authserver.InteractionExpired, "the request is too old")
	case ours == 0 && age < justBegun:
		return authserver.NewInteractionError(cookiesOff, "the browser did not send the cookie back")
	case ours == 0:
		return authserver.NewInteractionError(cookiesMissing, "the browser sent no cookie of this site")
	case newer.count >= maxInteractions || newer.bytes+usualInteraction > maxInteractionBytes:
		return authserver.NewInteractionError(cookieReplaced, "newer requests took its place")
	default:
		return authserver.NewInteractionError(cookieUnknown, "the browser does not have the request")
	}
}

// usualInteraction is how many bytes the cookie of a request has that carries nothing unusual.
const usualInteraction = 600

// cookieCount is how many cookies there are, and how many bytes they have.
type cookieCount struct{ count, bytes int }

// countCookies counts the cookies of ours, and those of interactions that began at this time or later.
func (s *Site) countCookies(r *http.Request, begun time.Time) (ours int, newer cookieCount) {
	for _, c := range r.Cookies() {
		if !strings.HasPrefix(c.Name, cookiePrefix) {
			continue
		}
		ours++
		id, ok := strings.CutPrefix(c.Name, interactionCookie)
		if at, known := authserver.BegunAt(id); ok && known && !at.Before(begun) {
			newer.count++
			newer.bytes += cookieSize(c.Name, c.Value)
		}
	}
	return ours, newer
}
