// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/internal/adminapi"
)

const audience = "admin@https://auth.example.com"

// apiServer knows tokens and what their users may do.
type apiServer struct {
	mu     sync.Mutex
	tokens int
	access []authorizationv1.SubjectAccessReviewSpec
	may    func(user string, a *authorizationv1.ResourceAttributes) bool
	wait   chan struct{} // nil: answers come at once
	now    int
	most   int

	tokenErr, accessErr error
}

// Token knows tokens of the form user.audience.
func (a *apiServer) Token(_ context.Context, r *authenticationv1.TokenReview) (*authenticationv1.TokenReview, error) {
	a.mu.Lock()
	a.tokens++
	a.now++
	a.most = max(a.most, a.now)
	wait, err := a.wait, a.tokenErr
	a.mu.Unlock()
	if wait != nil {
		<-wait
	}
	a.mu.Lock()
	a.now--
	a.mu.Unlock()
	user, of, _ := strings.Cut(r.Spec.Token, "~")
	if of == "admin" {
		r.Status = authenticationv1.TokenReviewStatus{Authenticated: true, Audiences: []string{audience}}
	} else if of == "agnostic" { // a webhook that knows no audiences
		r.Status = authenticationv1.TokenReviewStatus{Authenticated: true}
	}
	r.Status.User = authenticationv1.UserInfo{Username: user, Groups: []string{"group"}, Extra: map[string]authenticationv1.ExtraValue{"k": {"v"}}}
	return r, err
}

func (a *apiServer) Access(_ context.Context, r *authorizationv1.SubjectAccessReview) (*authorizationv1.SubjectAccessReview, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.access = append(a.access, r.Spec)
	r.Status.Allowed = a.may(r.Spec.User, r.Spec.ResourceAttributes)
	return r, a.accessErr
}

type fixture struct {
	*authtest.Env
	t       *testing.T
	api     *apiServer
	handler http.Handler
	ready   error
	memory  *authserver.Refusals
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	s := &fixture{Env: authtest.New(t), t: t, api: &apiServer{}, memory: authserver.NewRefusals()}
	s.api.may = func(user string, _ *authorizationv1.ResourceAttributes) bool { return user == "admin" }
	var err error
	s.handler, err = Handler(Config{
		Auth: s.Auth, Refusals: s.memory, Reviews: s.api, Audience: audience, Log: slog.New(slog.DiscardHandler), Now: s.Clock.Now,
		Ready: func(*http.Request) error { return s.ready },
		ClientNamed: func(namespace, name string) (*authserver.Client, bool) {
			c, ok := s.Clients.ByID(namespace + "." + name)
			return c, ok
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// send sends a request as admin, unless edits say otherwise, and returns status and body.
func (s *fixture) send(method, target string, edits ...func(*http.Request)) (int, string) {
	s.t.Helper()
	r := httptest.NewRequest(method, "https://admin.example"+target, nil)
	r.Header.Set("Authorization", "Bearer admin~admin")
	for _, edit := range edits {
		edit(r)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		s.t.Errorf("%s %s: Content-Type %q", method, target, got)
	}
	if w.Code == http.StatusUnauthorized && w.Header().Get("WWW-Authenticate") == "" {
		s.t.Error("a refused token has no WWW-Authenticate")
	}
	if w.Code == http.StatusServiceUnavailable && w.Header().Get("Retry-After") == "" {
		s.t.Error("who has to come again is not told when")
	}
	return w.Code, w.Body.String()
}

func with(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

func (s *fixture) refused(name string, status int, reason, method, target string, edits ...func(*http.Request)) {
	s.t.Helper()
	before := len(s.Audit.Events(authserver.EventAdministrationRefused))
	code, body := s.send(method, target, edits...)
	var f adminapi.Failure
	if err := json.Unmarshal([]byte(body), &f); err != nil || code != status || f.Reason != reason || f.Message == "" {
		s.t.Errorf("%s: %d %s, want %d %s", name, code, body, status, reason)
	}
	if after := len(s.Audit.Events(authserver.EventAdministrationRefused)); after != before+1 && f.Reason != "Busy" {
		s.t.Errorf("%s: %d audit events", name, after-before)
	}
}

func get[T any](s *fixture, target string) T {
	s.t.Helper()
	code, body := s.send(http.MethodGet, target)
	var answer T
	if err := json.Unmarshal([]byte(body), &answer); err != nil || code != http.StatusOK {
		s.t.Fatalf("%s: %d %s", target, code, body)
	}
	return answer
}

const clientGrants = "/admin/v1/namespaces/photos/clients/photoprint/grants"

func TestN300ACallerWithoutOneTokenIsRefused(t *testing.T) {
	s := newFixture(t)
	for name, edit := range map[string]func(*http.Request){
		"none":      func(r *http.Request) { r.Header.Del("Authorization") },
		"two":       func(r *http.Request) { r.Header.Add("Authorization", "Bearer admin~admin") },
		"Basic":     func(r *http.Request) { r.Header.Set("Authorization", "Basic YWRtaW46YWRtaW4=") },
		"empty":     func(r *http.Request) { r.Header.Set("Authorization", "Bearer ") },
		"a comma":   with("admin~admin,x"),
		"two words": with("admin~admin x"),
		"no ASCII":  with("admin~admin\xff"),
		"too long":  with("admin~admin" + strings.Repeat("x", maxToken)),
	} {
		for _, target := range []string{adminapi.PathUsage, clientGrants, "/admin/v1/nothing"} {
			s.refused(name, http.StatusUnauthorized, "Unauthorized", http.MethodGet, target, edit)
		}
	}
	if s.api.tokens > 0 {
		t.Errorf("the API server was asked %d times", s.api.tokens)
	}
}

func TestN301ATokenForAnotherAudienceIsRefused(t *testing.T) {
	s := newFixture(t)
	for _, token := range []string{"admin~other", "admin~agnostic", "admin", "~admin"} {
		s.refused(token, http.StatusUnauthorized, "Unauthorized", http.MethodGet, adminapi.PathUsage, with(token))
	}
}

// calls has one for each route, and what the API server is asked about it.
var calls = []struct{ method, target, verb, subresource, namespace, name string }{
	{http.MethodGet, adminapi.PathUsage, "list", "usage", "", ""},
	{http.MethodGet, adminapi.PathGrants + "?person=bob", "list", "grants", "", ""},
	{http.MethodDelete, adminapi.PathGrants + "?person=bob", "delete", "grants", "", ""},
	{http.MethodGet, "/admin/v1/namespaces/photos/grants?person=bob", "list", "grants", "photos", ""},
	{http.MethodDelete, "/admin/v1/namespaces/photos/grants?person=bob", "delete", "grants", "photos", ""},
	{http.MethodGet, clientGrants, "get", "grants", "photos", "photoprint"},
	{http.MethodDelete, clientGrants, "delete", "grants", "photos", "photoprint"},
	{http.MethodDelete, clientGrants + "/00000000000000000000000000000001", "delete", "grants", "photos", "photoprint"},
	{http.MethodGet, "/admin/v1/namespaces/photos/clients/photoprint/usage", "get", "grants", "photos", "photoprint"},
	{http.MethodGet, "/admin/v1/namespaces/photos/clients/photoprint/explain?person=bob", "get", "grants", "photos", "photoprint"},
	{http.MethodGet, adminapi.PathRefused, "list", "usage", "", ""},
	{http.MethodGet, adminapi.PathRefusals, "list", "grants", "", ""},
	{http.MethodGet, "/admin/v1/namespaces/photos/refusals", "list", "grants", "photos", ""},
	{http.MethodGet, "/admin/v1/namespaces/photos/clients/photoprint/refusals", "get", "grants", "photos", "photoprint"},
}

func TestN302ACallerWithoutThePermissionIsRefused(t *testing.T) {
	s := newFixture(t)
	if len(calls) != len((&endpoint{}).routes()) {
		t.Error("this test does not call every route")
	}
	for _, c := range calls {
		s.Clock.Advance(answerTime) // nothing is remembered
		s.refused(c.method+" "+c.target, http.StatusForbidden, "Forbidden", c.method, c.target, with("jane~admin"))
		spec := s.api.access[len(s.api.access)-1]
		want := authorizationv1.ResourceAttributes{Verb: c.verb, Group: "gatehouse.dev", Version: "v1alpha1", Resource: "oauthclients",
			Subresource: c.subresource, Namespace: c.namespace, Name: c.name}
		if *spec.ResourceAttributes != want || spec.User != "jane" || spec.Groups[0] != "group" || spec.Extra["k"][0] != "v" {
			t.Errorf("%s %s asks for %+v", c.method, c.target, spec)
		}
	}
}

// N303: a token of this server, or a client secret, opens nothing here, and the API server does not see it.
func TestN303ATokenOfOursIsRefusedAndGoesNowhere(t *testing.T) {
	s := newFixture(t)
	for _, token := range []string{"gha_AAAA", "ghr_AAAA", s.Secret(authtest.PhotoPrint)} {
		s.refused(token, http.StatusUnauthorized, "Unauthorized", http.MethodGet, adminapi.PathUsage, with(token))
	}
	if s.api.tokens > 0 {
		t.Errorf("the API server saw %d of them", s.api.tokens)
	}
}

// grant has Bob allow a client of the fixture something and returns the grant's ID.
func (s *fixture) grant(clientUID, owner string, n byte) authserver.GrantID {
	s.t.Helper()
	now := s.Clock.Now()
	g := authserver.Grant{ID: authserver.GrantID{n, byte(len(clientUID))}, ClientUID: clientUID, Owner: owner, Scopes: []string{"photos.read"}, Profile: authserver.ProfileOAuth2,
		ApprovedAt: now, EndsAt: now.Add(24 * time.Hour), Proof: authserver.Proof{Hash: authserver.Hash{n}, ExpiresAt: now.Add(time.Minute)}}
	if err := s.Store.Approve(s.t.Context(), g, nil); err != nil {
		s.t.Fatal(err)
	}
	return g.ID
}

func (s *fixture) uid(clientID string) string {
	c, _ := s.Clients.ByID(clientID)
	return c.UID
}

func (s *fixture) subject(name, password string) string {
	return s.Visit(s.t, name, password).Owner.Subject
}

func TestN304ANamespacedRoleSeesAndRevokesGrantsOfItsNamespaceOnly(t *testing.T) {
	s := newFixture(t)
	bob := s.subject(authtest.Bob, authtest.BobPassword)
	mine, theirs := s.grant(s.uid(authtest.PhotoPrint), bob, 1), s.grant(s.uid(authtest.BookShelf), bob, 2)
	s.api.may = func(user string, a *authorizationv1.ResourceAttributes) bool {
		return user == "admin" && a.Namespace == "photos"
	}
	page := get[adminapi.GrantPage](s, "/admin/v1/namespaces/photos/grants?person=bob")
	if len(page.Items) != 1 || page.Items[0].ID != mine.String() || page.Items[0].Client != "photoprint" || page.Items[0].Person.Name != authtest.Bob {
		t.Errorf("grants %+v", page)
	}
	s.refused("another client", http.StatusForbidden, "Forbidden", http.MethodGet, "/admin/v1/namespaces/books/clients/bookshelf/grants")
	s.refused("all", http.StatusForbidden, "Forbidden", http.MethodGet, "/admin/v1/grants?person=bob")
	for _, id := range []string{theirs.String(), "ff" + mine.String()[2:]} {
		if code, body := s.send(http.MethodDelete, clientGrants+"/"+id); code != http.StatusNotFound {
			t.Errorf("a grant of another client: %d %s", code, body)
		}
	}
	for _, want := range []string{`{"revoked":1}`, `{"revoked":0}`} {
		if code, body := s.send(http.MethodDelete, "/admin/v1/namespaces/photos/grants?person=bob"); code != http.StatusOK || strings.TrimSpace(body) != want {
			t.Errorf("revoke: %d %s, want %s", code, body, want)
		}
	}
	if g, err := s.Store.Grant(t.Context(), theirs); err != nil || !g.RevokedAt.IsZero() {
		t.Errorf("the grant of the other namespace: %+v, %v", g, err)
	}
	if events := s.Audit.Events(authserver.EventGrantRevoked); len(events) != 1 || events[0].Actor != "admin" {
		t.Errorf("audit events %+v", events)
	}
}

// N370: pages of a namespace tell nothing of grants in others: neither their IDs nor how many there are.
func TestN370PagesOfANamespaceTellNothingOfOthers(t *testing.T) {
	s := newFixture(t)
	bob := s.subject(authtest.Bob, authtest.BobPassword)
	var mine []string
	for n := byte(1); n <= 3; n++ {
		mine = append(mine, s.grant(s.uid(authtest.PhotoPrint), bob, 2*n).String())
		s.grant(s.uid(authtest.BookShelf), bob, 2*n+1)
	}
	const all = "/admin/v1/namespaces/photos/grants?person=bob"
	var got []string
	for place, pages := "", 0; pages < 10; pages++ {
		page := get[adminapi.GrantPage](s, all+"&limit=2"+place)
		for _, g := range page.Items {
			got = append(got, g.ID)
		}
		if page.Continue == "" {
			if pages != 1 {
				t.Errorf("%d pages", pages+1)
			}
			break
		}
		if page.Continue != mine[1] {
			t.Errorf("continue is %s, and the last grant on the page %s", page.Continue, mine[1])
		}
		place = "&continue=" + page.Continue
	}
	if !slices.Equal(got, mine) {
		t.Errorf("grants %v, want %v", got, mine)
	}
	if page := get[adminapi.GrantPage](s, all+"&limit=3"); len(page.Items) != 3 || page.Continue != "" {
		t.Errorf("a page that holds all has the continue %q", page.Continue)
	}
}

// N370: the same for "more": only grants of the namespace make it.
func TestN370MoreIsSaidOfGrantsOfTheNamespaceOnly(t *testing.T) {
	s := newFixture(t)
	bob := s.subject(authtest.Bob, authtest.BobPassword)
	const each = 50 // a person has no more live grants for one client
	for n := range adminapi.MaxPage/each + 1 {
		for _, of := range []string{authtest.PhotoPrint, authtest.BookShelf} {
			c, _ := s.Clients.ByID(of)
			clone := *c
			clone.UID, clone.ID, clone.Name = fmt.Sprint(c.UID, n), fmt.Sprint(c.ID, n), fmt.Sprint(c.Name, n)
			s.Clients.Put(clone)
			for k := range each {
				now, id := s.Clock.Now(), [3]byte{byte(n), byte(k), byte(len(of))}
				g := authserver.Grant{ID: authserver.GrantID(append(id[:], make([]byte, 13)...)), ClientUID: clone.UID, Owner: bob, Scopes: []string{"photos.read"},
					Profile: authserver.ProfileOAuth2, ApprovedAt: now, EndsAt: now.Add(24 * time.Hour),
					Proof: authserver.Proof{Hash: authserver.Hash{id[0], id[1], id[2]}, ExpiresAt: now.Add(time.Minute)}}
				if err := s.Store.Approve(t.Context(), g, nil); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, want := range []string{`{"revoked":500,"more":true}`, `{"revoked":50}`, `{"revoked":0}`} {
		if code, body := s.send(http.MethodDelete, "/admin/v1/namespaces/photos/grants?person=bob"); code != http.StatusOK || strings.TrimSpace(body) != want {
			t.Errorf("revoke: %d %s, want %s", code, body, want)
		}
	}
}

func TestN305APageThatIsTooLargeOrARequestThatIsNoneIsRefused(t *testing.T) {
	s := newFixture(t)
	for _, query := range []string{
		"limit=501", "limit=0", "limit=-1", "limit=x", "limit=99999999999999999999", "limit=5&limit=5", "limit=", "continue=%ff", "continue=" + strings.Repeat("A", 600),
		"continue=AAAA", "unknown=1", "limit=%zz",
	} {
		if code, body := s.send(http.MethodGet, adminapi.PathUsage+"?"+query); code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", query, code, body)
		}
	}
	for _, target := range []string{
		"/admin/v1/grants", "/admin/v1/namespaces/photos/grants", "/admin/v1/grants?person=bob&subject=x", "/admin/v1/grants?person=" + strings.Repeat("x", maxPerson+1),
		clientGrants + "?continue=zz", clientGrants + "?limit=501",
	} {
		if code, body := s.send(http.MethodGet, target); code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", target, code, body)
		}
	}
	for name, edit := range map[string]func(*http.Request){
		"a body": func(r *http.Request) { r.ContentLength = 1 }, "a body without an end": func(r *http.Request) { r.ContentLength = -1 },
	} {
		s.refused(name, http.StatusBadRequest, "BadRequest", http.MethodGet, adminapi.PathUsage, edit)
	}
}

func TestN306APathThatIsSpelledOtherwiseLeadsNowhere(t *testing.T) {
	s := newFixture(t)
	for _, target := range []string{
		"/", "/admin", "/admin/v1", "/admin/v1/", "/admin/v2/clients/usage", "//admin/v1/clients/usage", "/admin/v1/clients/../clients/usage",
		"/admin/v1//clients/usage", "/admin/v1/clients/usage/", "/admin/v1/clients%2fusage", "/admin/v1/namespaces/photos%2fclients/x/grants",
		"/admin/v1/namespaces/photos/clients/..%2f..%2fbooks/grants", "/admin/v1/namespaces/photos/clients/../../books/clients/bookshelf/grants",
		"/ADMIN/v1/clients/usage", "/oauth2/token", "/metrics", "/healthz",
	} {
		s.refused(target, http.StatusNotFound, "NotFound", http.MethodGet, target)
	}
	for _, target := range []string{
		"/admin/v1/namespaces/PHOTOS/clients/photoprint/grants", "/admin/v1/namespaces/photos.books/clients/photoprint/grants",
		"/admin/v1/namespaces/photos/clients/Photo_Print/grants", "/admin/v1/namespaces/" + strings.Repeat("a", 64) + "/grants",
	} {
		s.refused(target, http.StatusBadRequest, "BadRequest", http.MethodGet, target)
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodHead, http.MethodOptions} {
		if code, _ := s.send(method, clientGrants); code != http.StatusMethodNotAllowed && method != http.MethodHead {
			t.Errorf("%s: %d", method, code)
		}
	}
	if n := len(s.api.access); n > 1 { // HEAD is a GET
		t.Errorf("access was asked for %d times", n)
	}
}

func TestN308AnswersAreRememberedForSecondsAndBounded(t *testing.T) {
	s := newFixture(t)
	for range 3 {
		get[adminapi.UsagePage](s, adminapi.PathUsage)
		s.refused("wrong", http.StatusUnauthorized, "Unauthorized", http.MethodGet, adminapi.PathUsage, with("wrong"))
	}
	if s.api.tokens != 2 || len(s.api.access) != 1 {
		t.Errorf("%d tokens and %d permissions were asked for", s.api.tokens, len(s.api.access))
	}
	s.Clock.Advance(10*time.Second - 1)
	get[adminapi.UsagePage](s, adminapi.PathUsage)
	if s.api.tokens != 2 || len(s.api.access) != 1 {
		t.Errorf("after nearly ten seconds %d tokens and %d permissions were asked for", s.api.tokens, len(s.api.access))
	}
	s.Clock.Advance(1)
	away := errors.New("the API server is away") // while the answers that were remembered are yes
	for _, row := range []struct {
		name          string
		token, access error
	}{{"nobody can be asked", away, away}, {"nobody says who calls", away, nil}, {"nobody says what they may do", nil, away}} {
		s.api.tokenErr, s.api.accessErr = row.token, row.access
		s.refused(row.name, http.StatusServiceUnavailable, "Unavailable", http.MethodGet, adminapi.PathUsage)
		s.api.tokenErr, s.api.accessErr = nil, nil
		get[adminapi.UsagePage](s, adminapi.PathUsage)
		s.Clock.Advance(10 * time.Second)
	}
	s.api.may = func(string, *authorizationv1.ResourceAttributes) bool { return false }
	s.refused("who lost the permission", http.StatusForbidden, "Forbidden", http.MethodGet, adminapi.PathUsage)

	a := newAnswers[bool](s.Clock.Now)
	for n := range 3 * maxAnswers {
		a.put([32]byte{byte(n), byte(n >> 8)}, true)
		if len(a.all) > maxAnswers {
			t.Fatalf("%d answers are kept", len(a.all))
		}
	}
}

func TestN308ManyCallersDoNotAskTheAPIServerAllAtOnce(t *testing.T) {
	s := newFixture(t)
	s.api.wait = make(chan struct{})
	var all sync.WaitGroup
	for n := range 4 * maxRequests {
		all.Go(func() {
			if code, _ := s.send(http.MethodGet, adminapi.PathUsage, with(fmt.Sprint("wrong-", n))); code != http.StatusUnauthorized && code != http.StatusServiceUnavailable {
				t.Errorf("status %d", code)
			}
		})
	}
	for done := false; !done; { // until as many wait as may
		s.api.mu.Lock()
		done = s.api.now == maxReviews
		s.api.mu.Unlock()
	}
	close(s.api.wait)
	all.Wait()
	if s.api.most > maxReviews {
		t.Errorf("%d questions at a time", s.api.most)
	}
}

func TestN310NobodyLearnsWhichClientsThereAreWithoutPermission(t *testing.T) {
	s := newFixture(t)
	for _, c := range calls {
		if c.name == "" {
			continue
		}
		call, absent := c.method+" "+c.target, strings.Replace(c.target, "/photoprint/", "/nothing/", 1)
		status, there := s.send(c.method, c.target, with("jane~admin"))
		code, not := s.send(c.method, absent, with("jane~admin"))
		if status != http.StatusForbidden || code != status || there != not {
			t.Errorf("%s: %d %s differs from %d %s", call, status, there, code, not)
		}
		want := http.StatusNotFound
		if strings.Contains(c.target, "/explain?") { // which says by a check what is not there
			want = http.StatusOK
		}
		if code, body := s.send(c.method, absent); code != want {
			t.Errorf("%s, with permission: %d %s", call, code, body)
		}
	}
}

func TestN313OfSeveralPeopleWithOneNameOneIsNamedBySubject(t *testing.T) {
	s := newFixture(t)
	bob := s.subject(authtest.Bob, authtest.BobPassword)
	other := authserver.Confirmation{Person: authserver.Person{ConfirmedAt: s.Clock.Now(), Owner: authserver.Owner{Subject: "other", Source: "ldap", Name: authtest.Bob}}}
	if err := s.Store.ConfirmPeople(t.Context(), []authserver.Confirmation{other}); err != nil {
		t.Fatal(err)
	}
	mine := s.grant(s.uid(authtest.PhotoPrint), bob, 1)
	s.grant(s.uid(authtest.PhotoPrint), "other", 2)
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		if code, body := s.send(method, "/admin/v1/grants?person=bob"); code != http.StatusConflict {
			t.Errorf("%s: %d %s", method, code, body)
		}
		if code, body := s.send(method, "/admin/v1/grants?person=nobody"); code != http.StatusNotFound {
			t.Errorf("%s of nobody: %d %s", method, code, body)
		}
	}
	page := get[adminapi.GrantPage](s, "/admin/v1/grants?subject="+url.QueryEscape(bob))
	if len(page.Items) != 1 || page.Items[0].ID != mine.String() {
		t.Errorf("grants %+v", page)
	}
}

// N422: whoever may ask about one namespace does not learn by a name who is in the directory.
func TestN422WhoAsksAboutANamespaceDoesNotLearnWhichPeopleThereAre(t *testing.T) {
	s := newFixture(t)
	bob := s.subject(authtest.Bob, authtest.BobPassword)
	other := authserver.Confirmation{Person: authserver.Person{ConfirmedAt: s.Clock.Now(), Owner: authserver.Owner{Subject: "other", Source: "ldap", Name: authtest.Bob}}}
	s.grant(s.uid(authtest.BookShelf), bob, 1)
	photos := []string{"/admin/v1/namespaces/photos/grants", clientGrants}
	alike := func(when string) {
		t.Helper()
		for _, path := range photos {
			for _, method := range []string{http.MethodGet, http.MethodDelete} {
				code, body := s.send(method, path+"?person=bob")
				if none, nobody := s.send(method, path+"?person=nobody"); code != http.StatusOK || none != code || body != nobody {
					t.Errorf("%s: %s %s: %d %s of bob, %d %s of nobody", when, method, path, code, body, none, nobody)
				}
			}
		}
	}
	alike("one person")
	if err := s.Store.ConfirmPeople(t.Context(), []authserver.Confirmation{other}); err != nil {
		t.Fatal(err)
	}
	alike("two people")
	mine := s.grant(s.uid(authtest.PhotoPrint), bob, 2)
	for _, path := range photos {
		if page := get[adminapi.GrantPage](s, path+"?person=bob"); len(page.Items) != 1 || page.Items[0].ID != mine.String() {
			t.Errorf("%s: the grants of the one who gave one: %+v", path, page)
		}
	}
	s.grant(s.uid(authtest.PhotoPrint), "other", 3)
	for _, path := range photos {
		for _, method := range []string{http.MethodGet, http.MethodDelete} {
			if code, body := s.send(method, path+"?person=bob"); code != http.StatusConflict {
				t.Errorf("%s %s: both gave one: %d %s", method, path, code, body)
			}
		}
	}
	for _, subject := range []string{bob, "other"} {
		if page := get[adminapi.GrantPage](s, clientGrants+"?subject="+url.QueryEscape(subject)); len(page.Items) != 1 {
			t.Errorf("the grant of %s ended: %+v", subject, page)
		}
	}
}

// N448: what is asked about the time before is answered as by a new store, also by pages of one row, and on all replicas.
func TestN448UsageIsCountedFromTheEndOfAGapOn(t *testing.T) {
	s := newFixture(t)
	if page := get[adminapi.UsagePage](s, adminapi.PathUsage); page.Counting != nil {
		t.Errorf("before the first write uses are counted: %+v", page.Counting)
	}
	hour := s.Clock.Now().Truncate(time.Hour)
	row := func(id string, since, at time.Time) authserver.Use {
		return authserver.Use{UID: authserver.CountingUID, CredentialID: id, Since: since, UsedAt: at}
	}
	for _, step := range []struct {
		noted       []authserver.Use
		since, till time.Time
	}{
		{[]authserver.Use{row(authserver.CountingID, hour, hour)}, hour, hour},
		{[]authserver.Use{row(authserver.MissedID, hour.Add(2*time.Hour), hour.Add(2*time.Hour)), row(authserver.CountingID, hour, hour.Add(2*time.Hour))}, hour.Add(3 * time.Hour), hour.Add(2 * time.Hour)},
		{[]authserver.Use{row(authserver.CountingID, hour.Add(time.Hour), hour.Add(9*time.Hour))}, hour.Add(3 * time.Hour), hour.Add(9 * time.Hour)}, // another replica
	} {
		if err := s.Store.NoteUses(t.Context(), append(step.noted, authserver.Use{UID: "u", Since: hour, UsedAt: hour}, authserver.Use{UID: "v", Since: hour, UsedAt: hour})); err != nil {
			t.Fatal(err)
		}
		page := get[adminapi.UsagePage](s, adminapi.PathUsage+"?limit=1")
		want := &adminapi.Counting{Since: step.since, Until: step.till}
		if diff := cmp.Diff(want, page.Counting); diff != "" || len(page.Items) != 1 || page.Items[0].UID != "u" {
			t.Errorf("page %+v, counting (-want +got):\n%s", page, diff)
		}
		if next := get[adminapi.UsagePage](s, adminapi.PathUsage+"?limit=1&continue="+page.Continue); next.Counting != nil || len(next.Items) != 1 || next.Items[0].UID != "v" {
			t.Errorf("the next page %+v", next)
		}
	}
}

func TestUsageComesPageByPage(t *testing.T) {
	s := newFixture(t)
	var uses []authserver.Use
	hour := s.Clock.Now().Truncate(time.Hour)
	for _, uid := range []string{s.uid(authtest.PhotoPrint), "unknown"} {
		uses = append(uses,
			authserver.Use{UID: uid, Since: hour, UsedAt: hour, IDTokenBytes: 3100, IDTokenAt: hour},
			authserver.Use{UID: uid, CredentialID: "1", Since: hour.Add(-time.Hour), UsedAt: hour, Challenged: 1, ChallengedAt: hour},
			authserver.Use{UID: uid, CredentialID: "2", Since: hour, UsedAt: hour.Add(time.Hour), Unchallenged: 2, UnchallengedAt: hour})
	}
	if err := s.Store.NoteUses(t.Context(), uses); err != nil {
		t.Fatal(err)
	}
	if err := s.Auth.FlushUses(t.Context()); err != nil {
		t.Fatal(err)
	}
	whole := get[adminapi.UsagePage](s, adminapi.PathUsage)
	if whole.Counting == nil || !whole.Counting.Since.Equal(hour) || len(whole.Items) != 2 || whole.Continue != "" {
		t.Fatalf("usage %+v", whole)
	}
	item := whole.Items[0]
	if item.Name != "photoprint" || item.Namespace != "photos" || !item.Since.Equal(hour.Add(-time.Hour)) || !item.LastUsed.Equal(hour.Add(time.Hour)) ||
		item.PKCE.Challenged != 1 || item.PKCE.Unchallenged != 2 || item.IDToken.Bytes != 3100 || len(item.Credentials) != 2 {
		t.Errorf("usage of PhotoPrint: %+v", item)
	}
	one := get[adminapi.ClientUsage](s, "/admin/v1/namespaces/photos/clients/photoprint/usage")
	if diff := cmp.Diff(item, one); diff != "" {
		t.Errorf("the usage of the one client differs (-all +one):\n%s", diff)
	}
	if none := get[adminapi.ClientUsage](s, "/admin/v1/namespaces/books/clients/bookshelf/usage"); !none.LastUsed.IsZero() || none.Name != "bookshelf" {
		t.Errorf("the usage of a client that is not used: %+v", none)
	}
	var rows int
	next := adminapi.PathUsage + "?limit=2"
	for n := 0; next != ""; n++ {
		page := get[adminapi.UsagePage](s, next)
		for _, item := range page.Items {
			rows += max(1, len(item.Credentials))
		}
		next = ""
		if page.Continue != "" {
			next = adminapi.PathUsage + "?limit=2&continue=" + page.Continue
		}
		if n > 10 {
			t.Fatal("there is no last page")
		}
	}
	if rows < 4 {
		t.Errorf("pages hold %d entries", rows)
	}
}

func TestAServerThatIsNotReadyAnswersNothing(t *testing.T) {
	s := newFixture(t)
	s.ready = errors.New("the registry")
	s.refused("not ready", http.StatusServiceUnavailable, "NotReady", http.MethodGet, clientGrants)
	s.ready = nil
	s.Store.Fail(authserver.ErrUnavailable)
	if code, body := s.send(http.MethodGet, clientGrants); code != http.StatusServiceUnavailable {
		t.Errorf("without the store: %d %s", code, body)
	}
}
