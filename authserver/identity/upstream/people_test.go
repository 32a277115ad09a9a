// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

func TestN260WhomTheRulesRefuseIsNotLetIn(t *testing.T) {
	groups := func(n int) (names []any) {
		for i := range n {
			names = append(names, "g"+strings.Repeat("x", i))
		}
		return names
	}
	for name, c := range map[string]struct {
		claims map[string]any
		edit   func(*OpenIDConnect)
	}{
		"a required claim": {map[string]any{"hd": "other.example"}, func(c *OpenIDConnect) {
			c.ClaimValidationRules = []ClaimRule{{Claim: "hd", RequiredValue: "example.com"}}
		}},
		"a claim that is not there": {nil, func(c *OpenIDConnect) { c.ClaimValidationRules = []ClaimRule{{Claim: "hd", RequiredValue: ""}} }},
		"a rule": {nil, func(c *OpenIDConnect) {
			c.ClaimValidationRules = []ClaimRule{{Expression: "'admins' in claims.groups", Message: "only admins"}}
		}},
		"a rule without its claim": {nil, func(c *OpenIDConnect) { c.ClaimValidationRules = []ClaimRule{{Expression: "claims.level > 3"}} }},
		"a rule about the person":  {nil, func(c *OpenIDConnect) { c.UserValidationRules = []UserRule{{Expression: "user.username != 'carol'"}} }},
		"an endless expression": {map[string]any{"l": groups(200)}, func(c *OpenIDConnect) {
			c.ClaimValidationRules = []ClaimRule{{Expression: "claims.l.all(a, claims.l.all(b, claims.l.all(c, a + b + c != '')))"}}
		}},
		"no name":                {map[string]any{"preferred_username": nil}, nil},
		"a list for a name":      {map[string]any{"preferred_username": []string{"a"}}, nil},
		"a name of the cluster":  {map[string]any{"preferred_username": "system:admin"}, nil},
		"a name of a client":     {map[string]any{"preferred_username": "client:x"}, nil},
		"a line break in a name": {map[string]any{"preferred_username": "a\nb"}, nil},
		"a long name":            {map[string]any{"preferred_username": strings.Repeat("n", 257)}, nil},
		"a long ID":              {map[string]any{"sub": strings.Repeat("7", 257)}, nil},
		"too many groups":        {map[string]any{"groups": groups(257)}, nil},
		"groups elsewhere":       {map[string]any{"groups": nil, "_claim_names": map[string]string{"groups": "src1"}, "_claim_sources": map[string]any{"src1": map[string]string{"endpoint": "https://x.example"}}}, nil},
		"a number for a group":   {map[string]any{"groups": []any{"a", 1}}, nil},
		"an object for groups":   {map[string]any{"groups": map[string]any{"a": 1}}, nil},
	} {
		s := newServer(t)
		s.claims = c.claims
		edit := c.edit
		if edit == nil {
			edit = func(*OpenIDConnect) {}
		}
		login, err := s.login(s.source(edit))
		refusedAs(t, name, login, err, authserver.UpstreamPersonUnfit)
	}
}

func TestMappings(t *testing.T) {
	text := func(s string) *string { return &s }
	for name, c := range map[string]struct {
		mappings ClaimMappings
		name     string
		groups   []string
		id       string
	}{
		"claims":                     {ClaimMappings{Username: Mapping{Claim: "preferred_username"}, Groups: Mapping{Claim: "groups"}}, "carol", []string{"staff"}, "7"},
		"prefixes":                   {ClaimMappings{Username: Mapping{Claim: "preferred_username", Prefix: text("partner:")}, Groups: Mapping{Claim: "groups", Prefix: text("p-")}}, "partner:carol", []string{"p-staff"}, "7"},
		"expressions":                {ClaimMappings{Username: Mapping{Expression: "'x-' + claims.preferred_username"}, Groups: Mapping{Expression: "claims.roles.filter(r, r.startsWith('a')).map(r, 'r:' + r)"}, UID: Mapping{Expression: "string(claims.number)"}}, "x-carol", []string{"r:a", "r:ab"}, "9007199254740993"},
		"a number":                   {ClaimMappings{Username: Mapping{Claim: "preferred_username"}, UID: Mapping{Claim: "number"}}, "carol", nil, "9007199254740993"},
		"a group that is a text":     {ClaimMappings{Username: Mapping{Claim: "preferred_username"}, Groups: Mapping{Claim: "name"}}, "carol", []string{"Carol"}, "7"},
		"groups that cannot be used": {ClaimMappings{Username: Mapping{Claim: "preferred_username"}, Groups: Mapping{Expression: "['system:masters', 'b', 'a', 'b', '']"}}, "carol", []string{"a", "b"}, "7"},
		"a claim that is not there":  {ClaimMappings{Username: Mapping{Claim: "preferred_username"}, Groups: Mapping{Expression: "has(claims.teams) ? claims.teams : []"}}, "carol", nil, "7"},
	} {
		s := newServer(t)
		s.claims = map[string]any{"roles": []string{"ab", "b", "a"}, "number": 9007199254740993}
		login, err := s.login(s.source(func(o *OpenIDConnect) { o.ClaimMappings = c.mappings }))
		if err != nil || login.Owner.Name != c.name || !slices.Equal(login.Owner.Groups, c.groups) || login.Owner.SourceID != c.id ||
			login.Owner.Subject != authserver.SubjectOf("partner", c.id) {
			t.Errorf("%s: %+v: %v", name, login.Owner, err)
		}
	}
}

func TestEverythingThatIsWrongWithASourceIsSaid(t *testing.T) {
	prefix := "x"
	bad := OpenIDConnect{Issuer: "http://partner.example", Common: Common{
		Scopes: []string{"profile", "a b"}, TokenEndpointAuthMethod: "none", AuthorizationParameters: map[string]string{"state": "x"}, Timeout: 1,
		ClaimMappings: ClaimMappings{
			Groups: Mapping{Claim: "a", Expression: "b"}, UID: Mapping{Claim: "email"}, DisplayName: Mapping{Expression: "claims."}, Email: Mapping{Claim: "email", Prefix: &prefix},
		},
		ClaimValidationRules: []ClaimRule{{}, {Expression: "1 + 1"}, {Expression: "true", RequiredValue: "x"}},
		UserValidationRules:  []UserRule{{}, {Expression: "claims.a == 'b'"}},
	}}
	wants(t, bad.Check(), "issuer", "clientID", "clientSecretFile", "scopes", "scopes", "tokenEndpointAuthMethod", "authorizationParameters", "timeout",
		"claimMappings.username", "claimMappings.groups", "claimMappings.uid", "claimMappings.displayName", "claimMappings.email",
		"claimValidationRules[0]", "claimValidationRules[1]", "claimValidationRules[2]", "userValidationRules[0]", "userValidationRules[1]")
	wants(t, OAuth2{AuthorizationURL: "https://x.example/a#b"}.Check(), "authorizationURL", "tokenURL", "userInfoURL", "clientID", "clientSecretFile",
		"claimMappings.username", "claimMappings.uid")
	if found := newServer(t).config().Check(); len(found) > 0 {
		t.Errorf("a good source: %v", found)
	}
	if _, err := NewOpenIDConnect("partner", bad, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("it is made all the same")
	}
}

func wants(t *testing.T, found []error, keys ...string) {
	t.Helper()
	var got []string
	for _, err := range found {
		key, _, _ := strings.Cut(err.Error(), ": ")
		got = append(got, key)
	}
	slices.Sort(got)
	slices.Sort(keys)
	if !slices.Equal(got, keys) {
		t.Errorf("found %v, want %v", got, keys)
	}
}

var person = authserver.Person{Owner: carol}

func noTurn() error { return nil }

func TestN257WhoIsNotConfirmedByTheServerIsGone(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*server)
		edit   func(*OpenIDConnect)
		want   error
	}{
		"the token is not taken":              {func(s *server) { s.refresh = "another" }, nil, authserver.ErrTokenRefused},
		"about somebody else":                 {func(s *server) { s.claims["sub"] = "8" }, nil, authserver.ErrNotFound},
		"a rule refuses them now":             {func(s *server) { s.claims["groups"] = []string{} }, func(c *OpenIDConnect) { c.ClaimValidationRules = []ClaimRule{{Expression: "'staff' in claims.groups"}} }, authserver.ErrNotFound},
		"a token that proves nothing":         {func(s *server) { s.claims["aud"] = "x" }, nil, authserver.ErrNotFound},
		"userinfo of somebody else":           {func(s *server) { s.userInfo["sub"], s.token["id_token"] = "8", nil }, func(c *OpenIDConnect) { c.UserInfo = true }, authserver.ErrNotFound},
		"the server does not know the client": {func(s *server) { s.refused = "invalid_client" }, nil, authserver.ErrUnavailable},
		"the server has another error":        {func(s *server) { s.refused = "slow_down" }, nil, authserver.ErrUnavailable},
		"the keys cannot be read": {func(s *server) {
			s.serve = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/keys" {
					return false
				}
				w.WriteHeader(http.StatusInternalServerError)
				return true
			}
		}, nil, authserver.ErrUnavailable},
	} {
		s := newServer(t)
		s.refresh = "first"
		c.change(s)
		edit := c.edit
		if edit == nil {
			edit = func(*OpenIDConnect) {}
		}
		if _, err := s.source(edit).Refresh(t.Context(), person, "first", noTurn); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestAConfirmationSaysWhatIsNew(t *testing.T) {
	s := newServer(t)
	s.refresh, s.token["refresh_token"], s.claims["groups"] = "first", "second", []string{"admins"}
	source := s.source()
	login, err := source.Refresh(t.Context(), person, "first", noTurn)
	if err != nil || login.RefreshToken != "second" || !slices.Equal(login.Owner.Groups, []string{"admins"}) {
		t.Errorf("%+v: %v", login, err)
	}
	s.change(func() { s.token["refresh_token"] = nil })
	if login, err := source.Refresh(t.Context(), person, "first", noTurn); err != nil || login.RefreshToken != "first" {
		t.Errorf("a token that stays good: %+v: %v", login, err)
	}
	s.change(func() { s.token["id_token"] = nil })
	if login, err := source.Refresh(t.Context(), person, "first", noTurn); err != nil || !slices.Equal(login.Owner.Groups, carol.Groups) {
		t.Errorf("without an ID token: %+v: %v", login, err)
	}
	s.change(func() {
		s.token["id_token"] = s.signed(with(map[string]any{"iss": s.http.URL, "sub": "7", "aud": clientID, "exp": 1 << 40, "iat": 1}, nil))
	})
	if login, err := source.Refresh(t.Context(), person, "first", noTurn); err != nil || login.Owner.Name != "carol" {
		t.Errorf("an ID token without more than who it is: %+v: %v", login, err)
	}
	busy := errors.New("another replica asks")
	before := len(s.served)
	if _, err := source.Refresh(t.Context(), person, "first", func() error { return busy }); !errors.Is(err, busy) || len(s.served) != before {
		t.Errorf("out of turn: %v, %d requests", err, len(s.served)-before)
	}
}

func TestN253NobodyWaitsForASourceThatDidNotAnswerAMomentAgo(t *testing.T) {
	s := newServer(t)
	s.refresh = "first"
	source := s.source()
	if _, err := source.Refresh(t.Context(), person, "first", noTurn); err != nil {
		t.Fatal(err)
	}
	s.change(func() { s.refused = "invalid_client" })
	asked := 0
	for range 5 {
		if _, err := source.Refresh(t.Context(), person, "first", func() error { asked++; return nil }); !errors.Is(err, authserver.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	if asked != 1 {
		t.Errorf("it was asked %d times, want 1", asked)
	}
	s.change(func() { s.refused = "" })
	if _, err := s.login(source); err != nil { // a login is tried all the same
		t.Error(err)
	}
	if _, err := source.Refresh(t.Context(), person, "first", noTurn); err != nil {
		t.Errorf("after it answered again: %v", err)
	}
}

// hub is a server like GitHub: OAuth 2.0 with an API that says who somebody is, and errors with status 200.
func hub(t *testing.T, user map[string]any) (*Source, *httptest.Server) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login/oauth/access_token", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("client_secret") != secret || r.FormValue("code_verifier") == "" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
		if r.FormValue("code") != code {
			_, _ = io.WriteString(w, "error=bad_verification_code&error_description=The+code+passed+is+incorrect+or+expired.")
			return
		}
		_, _ = io.WriteString(w, "access_token=gho_x&scope=read%3Auser&token_type=bearer")
	})
	mux.HandleFunc("GET /user", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer gho_x" || r.Header.Get("User-Agent") == "" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_ = json.NewEncoder(w).Encode(user)
	})
	s := &server{t: t, http: httptest.NewTLSServer(mux), secret: t.TempDir() + "/secret"}
	t.Cleanup(s.http.Close)
	write(t, s.secret, secret)
	source, err := NewOAuth2("hub", OAuth2{
		AuthorizationURL: s.http.URL + "/login/oauth/authorize", TokenURL: s.http.URL + "/login/oauth/access_token", UserInfoURL: s.http.URL + "/user",
		Common: Common{
			ClientID: clientID, ClientSecretFile: s.secret, CAFile: s.authority(), Scopes: []string{"read:user"}, TokenEndpointAuthMethod: methodPost,
			ClaimMappings: ClaimMappings{
				Username: Mapping{Expression: "'hub:' + claims.login"}, UID: Mapping{Claim: "id"}, DisplayName: Mapping{Claim: "name"}, Email: Mapping{Claim: "email"},
			},
		},
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return source, s.http
}

func TestALoginAtAServerLikeGitHub(t *testing.T) {
	source, at := hub(t, map[string]any{"id": 1234567890123, "login": "octocat", "name": nil, "email": "octocat@hub.example"})
	address, err := source.Begin(t.Context(), authserver.UpstreamRequest{RedirectURI: callback, State: "s", Nonce: "n", CodeVerifier: strings.Repeat("v", 43)})
	if err != nil || !strings.HasPrefix(address, at.URL+"/login/oauth/authorize?") || strings.Contains(address, "nonce") || !strings.Contains(address, "code_challenge=") {
		t.Errorf("the address is %s: %v", address, err)
	}
	a := authserver.UpstreamAnswer{RedirectURI: callback, Code: code, CodeVerifier: strings.Repeat("v", 43)}
	login, err := source.Finish(t.Context(), a)
	if err != nil || login.Owner.Name != "hub:octocat" || login.Owner.SourceID != "1234567890123" || login.Owner.DisplayName != "hub:octocat" ||
		login.Owner.Email != "" || login.RefreshToken != "" {
		t.Errorf("%+v: %v", login, err)
	}
	a.Code = "another code"
	login, err = source.Finish(t.Context(), a)
	if refusedAs(t, "another code", login, err, authserver.UpstreamAnswerUnfit); source.Down() {
		t.Error("a wrong code takes the source down")
	}
	for _, trial := range source.Try(t.Context()) {
		if strings.HasSuffix(trial.URL, "/user") && trial.Err != nil {
			t.Errorf("%s: %v", trial.URL, trial.Err)
		}
	}
}

func TestTryAsksEachAddress(t *testing.T) {
	s := newServer(t)
	for _, trial := range s.source().Try(t.Context()) {
		if trial.Err != nil {
			t.Errorf("%s: %v", trial.URL, trial.Err)
		}
	}
	bad := map[string]func(*Source) string{
		s.secret: func(*Source) string { write(t, s.secret, ""); return s.secret },
		s.http.URL: func(*Source) string {
			s.change(func() { s.metadata["issuer"] = "https://evil.example" })
			return s.http.URL
		},
	}
	for name, spoil := range bad {
		source := s.source()
		url := spoil(source)
		failed := false
		for _, trial := range source.Try(t.Context()) {
			failed = failed || trial.URL == url && trial.Err != nil
		}
		if !failed {
			t.Errorf("%s is good", name)
		}
	}
}

// Some servers put the nonce of the login into the ID tokens of refreshes too (OpenID Connect Core §12.2).
func TestARefreshedIDTokenMayHaveTheNonceOfTheLogin(t *testing.T) {
	s := newServer(t)
	s.refresh, s.claims["nonce"] = "first", "of the login"
	if login, err := s.source().Refresh(t.Context(), person, "first", noTurn); err != nil || login.Owner.Name != "carol" {
		t.Errorf("%+v: %v", login.Owner, err)
	}
}

// N257: the rules and groups of a person count in each confirmation that says more than who it is of.
func TestN257AConfirmationWithoutANameConfirmsNobody(t *testing.T) {
	s := newServer(t)
	s.refresh, s.claims["preferred_username"], s.claims["groups"] = "first", nil, []string{}
	if _, err := s.source().Refresh(t.Context(), person, "first", noTurn); !errors.Is(err, authserver.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// N256: beside an error after the token was used stands the next token.
func TestN256TheNextTokenComesBesideAnError(t *testing.T) {
	s := newServer(t)
	s.refresh, s.token["refresh_token"], s.userInfo = "first", "second", map[string]any{"sub": "8"}
	login, err := s.source(func(c *OpenIDConnect) { c.UserInfo = true }).Refresh(t.Context(), person, "first", noTurn)
	if err == nil || login.RefreshToken != "second" {
		t.Errorf("%+v: %v", login, err)
	}
}

// N255: NormalizeName would make one name of two.
func TestN255ANameThatLooksLikeAnotherIsRefused(t *testing.T) {
	for _, name := range []string{"carol\u200b", "ca\u00a0rol", "Jose\u0301"} {
		s := newServer(t)
		s.claims["preferred_username"] = name
		login, err := s.login(s.source())
		refusedAs(t, name, login, err, authserver.UpstreamPersonUnfit)
	}
}

func TestOAuth2IsNotAskedForANewLogin(t *testing.T) {
	source, _ := hub(t, map[string]any{"id": 7, "login": "carol"})
	_, err := source.Begin(t.Context(), authserver.UpstreamRequest{RedirectURI: callback, State: "s", Nonce: "n", CodeVerifier: strings.Repeat("v", 43), MaxAge: new(authserver.Seconds)})
	if !errors.Is(err, authserver.UpstreamLoginOld) {
		t.Errorf("%v", err)
	}
}

// N330: what a source says of one person says nothing about the source, and a fault of the source says nothing about a person.
func TestN330ARefusalOfOnePersonIsNoFaultOfTheSource(t *testing.T) {
	at := func(path string, status int) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == path {
				w.WriteHeader(status)
			}
			return r.URL.Path == path
		}
	}
	for name, c := range map[string]struct {
		serve func(http.ResponseWriter, *http.Request) bool
		want  error
		down  bool
	}{
		"UserInfo does not take the token": {at("/userinfo", http.StatusUnauthorized), authserver.ErrTokenRefused, false},
		"UserInfo says no":                 {at("/userinfo", http.StatusForbidden), authserver.ErrUnavailable, false},
		"UserInfo has a fault":             {at("/userinfo", http.StatusBadGateway), authserver.ErrUnavailable, true},
		"UserInfo has a limit":             {at("/userinfo", http.StatusTooManyRequests), authserver.ErrUnavailable, true},
		"the token endpoint has a fault":   {at("/token", http.StatusInternalServerError), authserver.ErrUnavailable, true},
		"the token endpoint says no":       {at("/token", http.StatusBadRequest), authserver.ErrUnavailable, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.serve, s.refresh = c.serve, "first"
			source := s.source(func(o *OpenIDConnect) { o.UserInfo = true })
			if _, err := source.Refresh(t.Context(), person, "first", noTurn); !errors.Is(err, c.want) {
				t.Errorf("confirmed with %v, want %v", err, c.want)
			}
			if source.Down() != c.down {
				t.Errorf("the source is down: %t", source.Down())
			}
			text := s.logged.String()
			if strings.Count(text, "\n") != 1 || !strings.Contains(text, "source=partner") || c.down != strings.Contains(text, "does not answer") {
				t.Errorf("the log says %q", text)
			}
			if _, err := source.Refresh(t.Context(), person, "first", noTurn); err == nil || strings.Count(s.logged.String(), "\n") != 1 {
				t.Errorf("the log says it again: %q", s.logged.String())
			}
		})
	}
}

// A code that somebody made up may be answered with a fault: the people of the source are still confirmed.
func TestN330AMadeUpCodeDoesNotTakeTheSourceDown(t *testing.T) {
	s := newServer(t)
	s.serve = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" {
			w.WriteHeader(http.StatusInternalServerError)
		}
		return r.URL.Path == "/token"
	}
	source := s.source()
	_, err := s.login(source)
	if !errors.Is(err, authserver.ErrUnavailable) || !strings.Contains(err.Error(), "status 500") || source.Down() {
		t.Errorf("%v, and the source is down: %t", err, source.Down())
	}
	if text := s.logged.String(); text != "" { // whoever serves the login has the error, and logs it
		t.Errorf("the log says of the source %q", text)
	}
}
