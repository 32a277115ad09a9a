// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// The steps of a flow, as drivers report them.
const (
	stepOpen       = "open"       // the person has logged in and allowed
	stepToken      = "token"      // an access token
	stepCall       = "call"       // an API call with it
	stepRefresh    = "refresh"    // another one, by the refresh token
	stepIntrospect = "introspect" // what the token is worth
	stepRevoke     = "revoke"
)

var (
	login     = []string{stepOpen, stepToken, stepCall}
	refreshed = append(slices.Clone(login), stepRefresh, stepCall)
	whole     = append(slices.Clone(refreshed), stepIntrospect, stepRevoke)
	revoked   = append(slices.Clone(refreshed), stepRevoke)
	machine   = []string{stepToken, stepCall}
)

// walk is one flow that a library walks.
type walk struct {
	library string   // as docs/clients.md names it
	command []string // the driver, as its language runs it
	client  string   // of package authtest
	way     string   // which of the library's ways, where it has several
	noPKCE  bool     // the client has pkce: Optional
	steps   []string
}

// walks are all flows. A library with several stands in several rows.
var walks = []walk{
	{"Authlib", inPython("authlib_2.py"), authtest.PhotoPrint, "", false, whole},
	{"Authlib", inPython("authlib_2.py"), authtest.Flows, "", false, refreshed},
	{"requests-oauthlib", inPython("requests_oauthlib_2.py"), authtest.PhotoPrint, "", false, revoked},
	{"Flask-Dance", inPython("flask_dance_2.py"), authtest.PhotoPrint, "", true, login},
	{"oauth2 (Ruby)", inRuby("oauth2.rb"), authtest.PhotoPrint, "", false, refreshed},
	{"oauth2 (Ruby)", inRuby("oauth2.rb"), authtest.Album, "", false, refreshed},
	{"oauth2 (Ruby)", inRuby("oauth2.rb"), authtest.BookShelf, "client_credentials", false, machine},
	{"oauth (Ruby)", inRuby("oauth.rb"), authtest.PhotoBook, "header", false, login},
	{"oauth (Ruby)", inRuby("oauth.rb"), authtest.PhotoBook, "body", false, login},
	{"oauth (Ruby)", inRuby("oauth.rb"), authtest.PhotoBook, "query_string", false, login},
	{"Net::OAuth2", inPerl("net_oauth2.pl"), authtest.PhotoPrint, "", false, refreshed},
	{"Net::OAuth", inPerl("net_oauth.pl"), authtest.PhotoBook, "HMAC-SHA1", false, login},
	{"Net::OAuth", inPerl("net_oauth.pl"), authtest.Scrapbook, "PLAINTEXT", false, login},
	{"Mojolicious::Plugin::OAuth2", inPerl("mojolicious_oauth2.pl"), authtest.PhotoPrint, "", true, login},
	{"pecl oauth", inPHP("oauth.php"), authtest.PhotoBook, "header", false, login},
	{"pecl oauth", inPHP("oauth.php"), authtest.PhotoBook, "form", false, login},
	{"pecl oauth", inPHP("oauth.php"), authtest.PhotoBook, "query", false, login},
	{"liboauth", inC("liboauth"), authtest.PhotoBook, "", false, login},
	{"iddawc", inC("iddawc"), authtest.PhotoPrint, "", false, whole},
	{"openid-client", inNode("openid-client.mjs"), authtest.PhotoPrint, "", false, whole},
	{"openid-client", inNode("openid-client.mjs"), authtest.Desktop, "", false, revoked},
	{"openid-client", inNode("openid-client.mjs"), authtest.PhotoReport, "client_credentials", false, machine},
	{"passport-oauth2", inNode("passport-oauth2.mjs"), authtest.PhotoPrint, "", false, login},
	{"simple-oauth2", inNode("simple-oauth2.mjs"), authtest.PhotoPrint, "", false, revoked},
	{"oauth-1.0a", inNode("oauth-1.0a.mjs"), authtest.PhotoBook, "", false, login},
	{"zitadel/oidc rp", inGo("zitadel"), authtest.PhotoPrint, "", false, refreshed},
	{"mrjones/oauth", inGo("mrjones"), authtest.PhotoBook, "", false, login},
	{"golang.org/x/oauth2", inGo("xoauth2"), authtest.Desktop, "", false, refreshed},
}

// callbacks are where the browser comes back to.
var callbacks = map[string]string{
	authtest.PhotoPrint: authtest.PhotoPrintCallback, authtest.Desktop: "http://127.0.0.1:49152/callback",
	authtest.PhotoBook: authtest.PhotoBookCallback, authtest.Album: authtest.AlbumCallback,
	authtest.Scrapbook: authtest.ScrapbookCallback, authtest.Flows: authtest.FlowsCallback,
}

func TestEachLibraryWalksItsFlow(t *testing.T) {
	provide(t)
	for _, w := range walks {
		t.Run(strings.TrimSpace(strings.Join([]string{w.library, w.client, w.way}, " ")), func(t *testing.T) {
			t.Parallel()
			e := newEnvironment(t)
			e.Clients.Change(w.client, func(c *authserver.Client) { c.PKCEOptional = c.PKCEOptional || w.noPKCE })
			s := e.settings(w.client, callbacks[w.client])
			s["way"] = w.way
			if diff := cmp.Diff(w.steps, e.follow(t, w, start(t, e, s, w.command...))); diff != "" {
				t.Errorf("the steps that the library did (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(eventsOf(w.steps), e.events()); diff != "" {
				t.Errorf("what the server says that happened (-want +got):\n%s", diff)
			}
		})
	}
}

// follow does what the driver asks of a person, checks what it reports, and returns its steps.
func (e *environment) follow(t *testing.T, w walk, d *driver) (steps []string) {
	t.Helper()
	for {
		r, more := d.next()
		switch {
		case !more:
			return steps
		case r.Refused != "":
			t.Fatalf("after %v the library says: %s", steps, r.Refused)
		case r.Open != "":
			r.Did = stepOpen
			location, _ := e.bob(t).decide(r.Open, "allow")
			d.write(back{location})
		case r.Did == stepCall:
			e.checkCall(t, w, r)
		case r.Did == stepIntrospect && r.Username != authtest.Bob:
			t.Errorf("introspection names %q", r.Username)
		}
		steps = append(steps, r.Did)
	}
}

// checkCall checks the answer of the API: it names whose data it is and who asks.
func (e *environment) checkCall(t *testing.T, w walk, r report) {
	t.Helper()
	var got []string
	want := []string{authtest.Bob, w.client, "GET", "", ""}
	if !slices.Contains(w.steps, stepOpen) {
		want[0] = ""
	}
	if w.client == authtest.Album || w.client == authtest.Scrapbook {
		if !strings.Contains(r.Body, authtest.Bob) || r.Status != 200 {
			t.Errorf("getUserIdentity: %d %s", r.Status, r.Body)
		}
		return
	}
	if err := json.Unmarshal([]byte(r.Body), &got); err != nil || r.Status != 200 {
		t.Errorf("the API answers %d %s", r.Status, r.Body)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the API understood (-want +got):\n%s", diff)
	}
}

// eventOf is what the server records for a step.
var eventOf = map[string]authserver.EventName{
	stepOpen: authserver.EventGrantApproved, stepToken: authserver.EventProofRedeemed,
	stepRefresh: authserver.EventTokenRefreshed, stepRevoke: authserver.EventGrantRevoked,
}

func eventsOf(steps []string) (events []authserver.EventName) {
	for _, step := range steps {
		if event, ok := eventOf[step]; ok {
			events = append(events, event)
		}
	}
	if !slices.Contains(steps, stepOpen) {
		return []authserver.EventName{authserver.EventTokenIssued}
	}
	return events
}

// events are what the server has recorded, of the kinds in eventOf and the refusals.
func (e *environment) events() (names []authserver.EventName) {
	for _, event := range e.Audit.Events("") {
		switch event.Name {
		case authserver.EventGrantApproved, authserver.EventProofRedeemed, authserver.EventTokenRefreshed, authserver.EventGrantRevoked,
			authserver.EventTokenIssued, authserver.EventClientRefused, authserver.EventRequestRefused, authserver.EventProofReused, authserver.EventRefreshReused:
			names = append(names, event.Name)
		}
	}
	return names
}

// What is driven here is documented for who searches for it, and what the page marks as driven is driven here.
func TestTheDocsNameEachLibrary(t *testing.T) {
	driven := []string{"requests-oauthlib, OAuth1Session"} // oauthlib_test.go
	for _, w := range walks {
		driven = append(driven, w.library)
	}
	slices.Sort(driven)
	driven = slices.Compact(driven)
	tried, _, _ := strings.Cut(read(t, "../../docs/clients.md"), "\n## MCP hosts\n")
	if diff := cmp.Diff(driven, firstCells(tried, "✔")); diff != "" {
		t.Errorf("the rows of docs/clients.md with ✔ (-want +got):\n%s", diff)
	}
	listed := firstCells(read(t, "README.md"), "")
	for _, library := range driven {
		name, _, _ := strings.Cut(library, ",")
		if !slices.Contains(listed, name) {
			t.Errorf("README.md has no row for %s", name)
		}
	}
}

// firstCells are the first cells of the rows of tables that hold the mark, in order.
func firstCells(page, mark string) (cells []string) {
	for line := range strings.Lines(page) {
		if cell, rest, ok := strings.Cut(strings.TrimPrefix(line, "| "), " |"); ok && strings.HasPrefix(line, "| ") && strings.Contains(rest, mark) {
			cells = append(cells, cell)
		}
	}
	slices.Sort(cells)
	return slices.Compact(cells)
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
