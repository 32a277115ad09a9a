// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// entry is a person of a users file.
type entry struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	PasswordHash string `json:"passwordHash"`
}

// usersFile writes a users file of the test's own; rewrite changes it as an editor would.
func usersFile(t *testing.T) (path string, rewrite func(...entry)) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "users.yaml")
	rewrite = func(people ...entry) {
		t.Helper()
		text, err := json.Marshal(map[string][]entry{"users": append([]entry{}, people...)}) // JSON is YAML too
		if err == nil {
			err = os.WriteFile(path+".new", text, 0o600)
		}
		if err == nil {
			err = os.Rename(path+".new", path)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	rewrite()
	return path, rewrite
}

// bobsHash returns the hash of Bob's password, which others may have too.
func (w *environment) bobsHash(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, "users.yaml"))
	var file struct {
		Users []entry `json:"users"`
	}
	if err == nil {
		err = json.Unmarshal(text, &file)
	}
	if err != nil || len(file.Users) == 0 {
		t.Fatalf("read the users file: %v", err)
	}
	return file.Users[0].PasswordHash
}

// kubectl runs it with input.
func (w *environment) kubectl(t *testing.T, input string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), w.KubectlPath, append([]string{"--kubeconfig", w.Kubeconfig}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("kubectl %v: %v\n%s", args, err, out)
	}
}

// awaitRight waits until the API server knows of a binding that it took: somebody may use the client of the namespace photos.
func (w *environment) awaitRight(t *testing.T, client string, as ...string) {
	t.Helper()
	arguments := append([]string{"--kubeconfig", w.Kubeconfig, "auth", "can-i", "authorize", "oauthclients.gatehouse.dev/" + client, "--namespace=photos"}, as...)
	testenv.Eventually(t, time.Minute, strings.Join(as, " ")+" may use "+client, func() bool {
		return exec.CommandContext(t.Context(), w.KubectlPath, arguments...).Run() == nil
	})
}

// asked is what the API photos/photostorage learns about a token.
type asked struct {
	Active   bool   `json:"active"`
	Username string `json:"username"`
	Subject  string `json:"sub"`
}

func (s *server) introspect(t *testing.T, token string) (a asked) {
	t.Helper()
	client, err := s.w.Client()
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.issuer+"/oauth2/introspect", strings.NewReader(url.Values{"token": {token}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(s.w.mounted(t, "photostorage", "client-id")), url.QueryEscape(s.w.mounted(t, "photostorage", "client-secret")))
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&a); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("introspection: %s, %v", res.Status, err)
	}
	return a
}

// carolsBinding entitles whoever is called carol to PhotoPrint.
const carolsBinding = `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: carol, namespace: photos}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: photoprint-users}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: "gatehouse:carol"}]
`

func TestN90N91N92WhoLeavesIsRefusedByTheRunningProgramAndTheNextOfTheNameInheritsNothing(t *testing.T) {
	w := start(t)
	path, rewrite := usersFile(t)
	carol := entry{ID: "2001", Name: "carol", PasswordHash: w.bobsHash(t)}
	rewrite(carol)
	s := w.serverWith(t, path)
	w.kubectl(t, carolsBinding, "apply", "-f", "-")
	w.awaitRight(t, "photoprint", "--as=gatehouse:carol")
	allow := func() (token, refresh string) {
		t.Helper()
		app := w.photoPrint(t, s.issuer)
		address, verifier := app.request()
		tokens, err := app.redeem(t, w.person(t, s.issuer).authorize(address, "carol", w.Bob.Password).Get("code"), verifier)
		if err != nil {
			t.Fatal(err)
		}
		return tokens.AccessToken, tokens.RefreshToken
	}
	token, refresh := allow()
	first := s.introspect(t, token)
	if !first.Active || first.Username != "carol" || len(first.Subject) != 26 {
		t.Fatalf("the API learns %+v", first)
	}
	active := func() bool { return s.introspect(t, token).Active }

	w.kubectl(t, "", "delete", "rolebinding", "carol", "-n", "photos")
	testenv.Eventually(t, time.Minute, "the token is refused without the RoleBinding", func() bool { return !active() })
	w.kubectl(t, carolsBinding, "apply", "-f", "-")
	testenv.Eventually(t, time.Minute, "the token is good with the RoleBinding", active)

	rewrite()
	testenv.Eventually(t, time.Minute, "the token of a removed person is refused", func() bool { return !active() })
	_, err := w.photoPrint(t, s.issuer).refresh(t, refresh)
	refusedWith(t, err, "invalid_grant")
	rewrite(carol)
	testenv.Eventually(t, time.Minute, "the token is good when she is put back", active)

	carol.ID = "2002"
	rewrite(carol)
	testenv.Eventually(t, time.Minute, "the token does not go to the next carol", func() bool { return !active() })
	next, _ := allow()
	if got := s.introspect(t, next); !got.Active || got.Username != "carol" || got.Subject == first.Subject || active() {
		t.Errorf("the next carol is %+v, the first one was %+v", got, first)
	}
	w.kubectl(t, "", "delete", "rolebinding", "carol", "-n", "photos")
}

func TestBobEndsHisSessionsInABrowserWithTheKeyboard(t *testing.T) {
	w, c := start(t), newChromium(t)
	elsewhere := make([]*person, 2)
	for n := range elsewhere {
		elsewhere[n] = w.person(t, w.Issuer)
		elsewhere[n].open("/login", url.Values{"username": {w.Bob.Name}, "password": {w.Bob.Password}})
	}
	there := func(p *person) bool {
		status, _, _ := p.open("/account", nil)
		return status == http.StatusOK
	}
	c.do("open the login page", chromedp.Navigate(w.Issuer+"/login"), chromedp.WaitVisible(`input[name=password]`))
	c.logIn(w.Bob.Name, w.Bob.Password)
	c.says("main", "Where you are signed in")
	c.says("main", "This browser")
	c.shoot("sessions")
	c.do("end the newest other session", chromedp.Focus(`form[action="/account/sessions/end"] input[name=session] + button`), chromedp.KeyEvent("\r"))
	c.says("[role=status]", "Signed out there.")
	if there(elsewhere[1]) || !there(elsewhere[0]) {
		t.Error("another session ended than the newest other one")
	}
	c.do("end all others", chromedp.Focus(`button[value=others]`), chromedp.KeyEvent("\r"))
	c.says("[role=status]", "Signed out everywhere else.")
	c.shoot("sessions-ended")
	if there(elsewhere[0]) {
		t.Error("another session is still there")
	}
	c.do("end all", chromedp.Focus(`button[value=all]`), chromedp.KeyEvent("\r"))
	c.says("main", "You are signed out")
	c.do("open the account page", chromedp.Navigate(w.Issuer+"/account"), chromedp.WaitVisible(`input[name=password]`))
}
