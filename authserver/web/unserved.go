// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
)

// unserved is why a request reaches no handler: its path, its method or its time is wrong. Clients
// read it in the form of their profile, people as a page.
type unserved struct {
	status  int
	code    authserver.Code // for clients of OAuth 2.x
	problem oauth1.Fault    // for clients of OAuth 1.0a
	text    string          // for the developer of a client, in plain words
	page    errorView
}

func (e *unserved) Error() string { return e.text }

// notServedInAdvance has status 503: a browser then drops the answer, and asks again when somebody
// opens the page.
var notServedInAdvance = &unserved{
	status: http.StatusServiceUnavailable, code: authserver.TemporarilyUnavailable, problem: oauth1.Unavailable,
	text: "This address does not answer prefetch requests.",
	page: errorView{Title: "Not loaded in advance", Text: "The browser asked for this page before you opened it.", Advice: "Open the link again."},
}

func wrongMethod(named []string) *unserved {
	text := "Use " + strings.Join(named, " or ") + "."
	return &unserved{
		status: http.StatusMethodNotAllowed, code: authserver.InvalidRequest, problem: oauth1.MethodNotAllowed, text: text,
		page: errorView{
			Title: "This request cannot be answered", Text: "The request has a method that this address does not take. " + text,
			Advice: "Go back and try again.",
		},
	}
}

func pathNotFound(suggestion string) *unserved {
	return &unserved{
		status: http.StatusNotFound, code: oauth2.NotFound, problem: oauth1.NotFound, text: "There is nothing at this address." + suggestion,
		page: errorView{
			Title: "There is no such page", Text: "The address is wrong, or the page is gone.",
			Advice: "Check the address, or go to your account.",
		},
	}
}

// unknownPaths matches every path that the table of routes does not hold.
const unknownPaths = "/"

// clientPaths are where clients send requests. Nothing there is a page but what the table says.
var clientPaths = []struct {
	prefix  string
	profile authserver.Profile
}{
	{"/.well-known/", authserver.ProfileOAuth2},
	{"/oauth2/", authserver.ProfileOAuth2},
	{"/oauth1/", authserver.ProfileOAuth1},
	{"/manage/", authserver.ProfileConnectionsCloudOAuth1},
	{"/integration/", authserver.ProfileIntegrationCloud},
}

// clientPath returns the profile in which a client is answered at a path that is not served.
func clientPath(path string) (p authserver.Profile, ok bool) {
	for _, c := range clientPaths {
		if strings.HasPrefix(path, c.prefix) {
			return c.profile, true
		}
	}
	return authserver.ProfileOAuth2, false
}

// answerUnknown answers 404 whatever the method: as a page to a browser that opens an address, and
// otherwise in the form of the path's profile. Scripts of other sites may read the latter, so that
// they learn that a document does not exist, and go on.
func (s *Site) answerUnknown(table []route) http.Handler {
	asPage := s.page(func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Vary", "Accept")
		return pathNotFound("")
	})
	asAnswer := anyOrigin(s.api(func(w http.ResponseWriter, r *http.Request) error {
		if isPreflight(r) {
			allowRequest(w, r, "GET, HEAD, POST")
			return nil
		}
		p, ofClients := clientPath(r.URL.Path)
		if !ofClients {
			w.Header().Set("Vary", "Accept")
		}
		return withProfile(p, pathNotFound(suggestPaths(table, r.URL.Path)))
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ofClients := clientPath(r.URL.Path); !ofClients && opensPage(r) {
			asPage.ServeHTTP(w, r)
			return
		}
		asAnswer.ServeHTTP(w, r)
	})
}

// opensPage reports whether a browser sent the request to show the answer.
func opensPage(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) &&
		strings.Contains(strings.ToLower(strings.Join(r.Header.Values("Accept"), ",")), "text/html")
}

// suggestPaths names the paths of the table that have the same letters as path, such as
// /oauth2/token for /oauth/token/. Nothing of path itself is part of it.
func suggestPaths(table []route, path string) string {
	const longest = 128
	letters := lettersOf(path)
	if len(path) > longest || letters == "" {
		return ""
	}
	var paths []string
	for _, rt := range table {
		if !strings.Contains(rt.path, "{") && lettersOf(rt.path) == letters && !slices.Contains(paths, rt.path) {
			paths = append(paths, rt.path)
		}
	}
	if len(paths) == 0 {
		return ""
	}
	return " Do you mean " + strings.Join(paths, " or ") + "?"
}

func lettersOf(path string) string {
	return strings.Map(func(c rune) rune {
		if !unicode.IsLetter(c) {
			return -1
		}
		return unicode.ToLower(c)
	}, path)
}
