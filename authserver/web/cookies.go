// SPDX-License-Identifier: Apache-2.0

package web

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// The cookies. With __Host- a browser takes and sends them only over https, and no other
// host, not even a sibling of ours, can set them (RFC 6265bis §4.1.3.2).
const (
	cookiePrefix  = "__Host-gatehouse-" // of all of ours
	sessionCookie = cookiePrefix + "session"
	deviceCookie  = cookiePrefix + "device"
	noticeCookie  = cookiePrefix + "notice"
	// halfCookie says whose password was right a moment ago.
	halfCookie = cookiePrefix + "half"
	// browserCookie ties a login page to the browser that shows it. A browser that sends it back keeps cookies.
	browserCookie = cookiePrefix + "browser"
	// interactionCookie is followed by the interaction's ID.
	interactionCookie = cookiePrefix + "i-"
	// stateCookie is followed by the interaction's ID and the number of the piece. It comes only with
	// requests for its interaction, which __Host- does not allow.
	stateCookie = "__Secure-gatehouse-s-"
)

const (
	// untilClosed lets a cookie end with the browser.
	untilClosed    time.Duration = 0
	noticeLifetime               = time.Minute
	// expiredLifetime is how long a browser keeps an interaction that has expired. So its page can
	// still lead back to the application.
	expiredLifetime = 24 * time.Hour
	// maxInteractions and maxInteractionBytes are how many requests of one browser are under way at
	// most, and how many bytes their cookies take in a request's header. Apache, nginx and others take a
	// header line of 8 KiB at most; session, device, browser and notice take less than 700 bytes of it. A request
	// with a state of 40 bytes takes about 600 bytes, so 12 fit.
	maxInteractions     = 20
	maxInteractionBytes = 7400
)

func setCookie(w http.ResponseWriter, name, value string, lifetime time.Duration) {
	setCookieAt(w, "/", name, value, lifetime)
}

func setCookieAt(w http.ResponseWriter, path, name, value string, lifetime time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, MaxAge: int(lifetime / time.Second),
		Path: path, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

func dropCookie(w http.ResponseWriter, name string) { setCookie(w, name, "", -time.Second) }

// cookieOf returns the value of a cookie; empty if there is none.
func cookieOf(r *http.Request, name string) string {
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}

// hasCookies reports whether the browser has sent any cookie of ours.
func hasCookies(r *http.Request) bool {
	return slices.ContainsFunc(r.Cookies(), func(c *http.Cookie) bool { return strings.HasPrefix(c.Name, cookiePrefix) })
}

// cookieSize is how many bytes a cookie takes in a request's header, with what separates it from the
// next one.
func cookieSize(name, value string) int { return len(name) + len("=") + len(value) + len("; ") }

// keptInteraction is a request of this browser, and how large its cookie is.
type keptInteraction struct {
	authserver.Interaction
	size int
}

// keepInteractions drops what is no interaction any more, and the oldest ones, so that at most n stay
// and their cookies take no more bytes than room, together with those of logins at other servers. The one that the path names stays:
// somebody is looking at it.
func (s *Site) keepInteractions(w http.ResponseWriter, r *http.Request, n, room int) {
	var kept []keptInteraction
	for _, c := range r.Cookies() {
		if strings.HasPrefix(c.Name, upstreamCookie) {
			room -= cookieSize(c.Name, c.Value)
		}
		id, ok := strings.CutPrefix(c.Name, interactionCookie)
		if !ok {
			continue
		}
		i, err := s.auth.OpenInteraction(id, c.Value)
		if expired, ok := errors.AsType[authserver.InteractionError](err); ok {
			i, _ = expired.Interaction()
		}
		if i.ID == "" {
			dropCookie(w, c.Name)
			continue
		}
		size := cookieSize(c.Name, c.Value)
		if id == r.PathValue("id") {
			n, room = n-1, room-size
			continue
		}
		kept = append(kept, keptInteraction{i, size})
	}
	slices.Reverse(kept) // of two of one moment, a browser sends the older one first (RFC 6265 §5.4)
	slices.SortStableFunc(kept, func(a, b keptInteraction) int { return b.StartedAt.Compare(a.StartedAt) })
	for place, i := range kept { // the newest first
		if room -= i.size; place >= n || room < 0 {
			dropCookie(w, interactionCookie+i.ID)
			if i.StateApart {
				dropState(w, i.ID)
			}
		}
	}
}
