// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// LoginWay is a way to log in: with a password here, or on another server.
type LoginWay struct {
	// Key is that of the source of people. Empty: with a password, whatever source knows the name.
	Key string
	// Name is what people read.
	Name string
	// Domains are those of the mail addresses of its people.
	Domains []string
}

const (
	pathLoginSource   = "/login/source/"
	pathLoginCallback = "/login/callback/"
	pathLoginChoose   = "/login/choose"

	// wayCookie remembers the way that somebody logged in by.
	wayCookie    = cookiePrefix + "way"
	wayLifetime  = 90 * 24 * time.Hour
	wayQuery     = "with"
	wayPassword  = "password"
	wayChoice    = "choice"
	againQuery   = "again"
	maxMailInput = 320 // RFC 5321 §4.5.3.1: 64 octets, @, 255 octets
)

// PasswordWay is how the way with a password is called.
const PasswordWay = "User name and password"

// choiceView is what the choice page shows.
type choiceView struct {
	loginView
	Interaction string // empty: for the account page
	Ways        []choice
	ByMail      bool // there is a field for a mail address
	Email       string
	Narrowed    bool // the mail address has chosen
}

// choice is a link of the choice page.
type choice struct{ Name, Address string }

// offerLogin lets a person log in who came to a page: straight on where there is one way, where they went before, or where the request says
// whose mail address they have. On the way from one of our own pages they choose: they may have signed out to be somebody else, and
// Chromium lets no form of ours lead to another server.
func (s *Site) offerLogin(w http.ResponseWriter, r *http.Request, i authserver.Interaction, view loginView) error {
	if len(s.ways) == 1 && s.ways[0].Key == "" {
		return s.showLogin(w, r, http.StatusOK, view)
	}
	way, ok := s.wayOf(r, i.OpenID.LoginHint)
	switch {
	case !ok:
		return s.showChoice(w, http.StatusOK, choiceView{loginView: view, Interaction: i.ID, Ways: s.choices(i.ID, s.ways)})
	case way.Key == "":
		view.Otherwise = pageOfLogin(i.ID) + "?" + wayQuery + "=" + wayChoice
		return s.showLogin(w, r, http.StatusOK, view)
	}
	redirect(w, r, addressOfWay(i.ID, way))
	return nil
}

// wayOf returns the way to go on without a question.
func (s *Site) wayOf(r *http.Request, hint string) (LoginWay, bool) {
	switch asked := r.URL.Query().Get(wayQuery); {
	case asked == wayPassword:
		return s.way("")
	case asked != "" || r.Header.Get("Sec-Fetch-Site") == "same-origin":
		return LoginWay{}, false
	}
	if found := s.waysOfMail(hint); len(found) == 1 {
		return found[0], true
	}
	if key, ok := strings.CutPrefix(cookieOf(r, wayCookie), "v1."); ok {
		if way, ok := s.way(key); ok {
			return way, true
		}
	}
	return s.ways[0], len(s.ways) == 1
}

func (s *Site) way(key string) (LoginWay, bool) {
	n := slices.IndexFunc(s.ways, func(way LoginWay) bool { return way.Key == key })
	if n < 0 {
		return LoginWay{}, false
	}
	return s.ways[n], true
}

// waysOfMail returns the ways of the domain of a mail address.
func (s *Site) waysOfMail(address string) []LoginWay {
	at := strings.LastIndexByte(address, '@')
	if at < 1 || len(address) > maxMailInput {
		return nil
	}
	domain := strings.ToLower(strings.TrimSpace(address[at+1:]))
	return slices.DeleteFunc(slices.Clone(s.ways), func(way LoginWay) bool { return !slices.Contains(way.Domains, domain) })
}

// rememberWay keeps the way for the next time.
func rememberWay(w http.ResponseWriter, key string) { setCookie(w, wayCookie, "v1."+key, wayLifetime) }

// rememberPassword does so for the form, where there is another way.
func rememberPassword(w http.ResponseWriter, ways []LoginWay) {
	if len(ways) > 1 {
		rememberWay(w, "")
	}
}

func (s *Site) choices(interaction string, ways []LoginWay) []choice {
	out := make([]choice, len(ways))
	for n, way := range ways {
		out[n] = choice{way.Name, addressOfWay(interaction, way)}
	}
	return out
}

// addressOfWay is where a way begins.
func addressOfWay(interaction string, way LoginWay) string {
	if way.Key == "" {
		return pageOfLogin(interaction) + "?" + wayQuery + "=" + wayPassword
	}
	address := pathLoginSource + way.Key
	if interaction != "" {
		address += "?" + url.Values{"interaction": {interaction}}.Encode()
	}
	return address
}

func pageOfLogin(interaction string) string {
	if interaction == "" {
		return pathLogin
	}
	return interactionPath(interaction)
}

func (s *Site) showChoice(w http.ResponseWriter, status int, view choiceView) error {
	view.ByMail = slices.ContainsFunc(s.ways, func(way LoginWay) bool { return len(way.Domains) > 0 })
	if view.Onward {
		allowReturn(w, view.callback)
	} else {
		isolateWindow(w)
	}
	return s.render(w, status, pageChoice, view)
}

// postLoginChoose shows the choice page again, with the ways of a mail address alone.
func (s *Site) postLoginChoose(w http.ResponseWriter, r *http.Request) error {
	f, err := fields(r)
	if err != nil {
		return err
	}
	view := choiceView{loginView: loginView{Action: pathLogin}, Email: f.Get("email")}
	var i authserver.Interaction
	if id := f.Get("interaction"); id != "" {
		r.SetPathValue("id", id)
		if i, err = s.interaction(r); err != nil {
			return err
		}
		p, err := s.auth.Next(r.Context(), i, nil)
		if err != nil {
			return withProfile(i.Profile, err)
		}
		view.loginView = s.loginViewOf(i, p)
	}
	found, status := s.waysOfMail(view.Email), http.StatusOK
	view.Narrowed = len(found) > 0
	if !view.Narrowed {
		found, status = s.ways, http.StatusForbidden
		view.Problem = "No way to sign in is known for this mail address. Check the address, or choose from the list."
	}
	view.Interaction, view.Ways = i.ID, s.choices(i.ID, found)
	return s.showChoice(w, status, view)
}
