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
	// testCookie says nothing. A browser that sends it back keeps cookies.
	testCookie = cookiePrefix + "test"
	// interactionCookie is followed by the interaction's ID.
	interactionCookie = cookiePrefix + "i-"
)

const (
	// untilClosed lets a cookie end with the browser.
	untilClosed    time.Duration = 0
	noticeLifetime               = time.Minute
	// expiredLifetime is how long a browser keeps an interaction that has expired. So its page can
	// still lead back to the application.
	expiredLifetime = 24 * time.Hour
	// maxInteractions is how many requests of one browser are under way at most.
	maxInteractions = 5
)

func setCookie(w http.ResponseWriter, name, value string, lifetime time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, MaxAge: int(lifetime / time.Second),
		Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
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

// keepInteractions drops what is no interaction, and the oldest ones, so that at
// most n stay.
func (s *Site) keepInteractions(w http.ResponseWriter, r *http.Request, n int) {
	var kept []*authserver.Interaction
	for _, c := range r.Cookies() {
		id, ok := strings.CutPrefix(c.Name, interactionCookie)
		if !ok {
			continue
		}
		i, err := s.auth.OpenInteraction(id, c.Value)
		if expired, ok := errors.AsType[authserver.InteractionError](err); ok && expired.Interaction() != nil {
			i, err = expired.Interaction(), nil
		}
		if err != nil {
			dropCookie(w, c.Name)
			continue
		}
		kept = append(kept, i)
	}
	slices.SortFunc(kept, func(a, b *authserver.Interaction) int { return a.StartedAt.Compare(b.StartedAt) })
	for _, i := range kept[:max(0, len(kept)-n)] {
		dropCookie(w, interactionCookie+i.ID)
	}
}
