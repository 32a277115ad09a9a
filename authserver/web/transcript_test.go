// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"encoding/base64"
	"flag"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

var update = flag.Bool("update", false, "write the answers of the transcripts in testdata as they are now")

// A transcript is a flow in a file, request by request. It is a txtar archive whose parts are
//
//	-- given --    lines that change the fixture, see (*teller).change
//	-- NAME --     a request: its line, its header, a blank line, its form with a field a line.
//	               NAME is "app" for a client without cookies, or whose browser sends it
//	-- answer --   what comes back. -update writes this part
//
// A request's line "Sign: CLIENT METHOD NAME=VALUE ..." stands for its Authorization header of OAuth
// 1.0a, see (*teller).sign.
//
// Values that are made by chance have names in braces, in answers and in the requests after.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := newTeller(t).retell(string(text))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(text), got); diff != "" {
				t.Errorf("the flow is told differently (-file +now), -update writes it down:\n%s", diff)
			}
		})
	}
}

// teller goes through a transcript with a house of its own.
type teller struct {
	*house
	t        *testing.T
	browsers map[string]*browser
	names    map[string]string // of values, by name
}

// who are the clients of the fixture in a transcript.
var who = map[string]string{
	"album": authtest.Album, "flows": authtest.Flows, "photoprint": authtest.PhotoPrint,
	"photobook": authtest.PhotoBook, "bookshelf": authtest.BookShelf, "photostorage": authtest.PhotoStorage,
	"scrapbook": authtest.Scrapbook, "photoreport": authtest.PhotoReport,
}

func newTeller(t *testing.T) *teller {
	h := newHouse(t)
	teller := &teller{house: h, t: t, browsers: map[string]*browser{}, names: map[string]string{
		"bob's password": strings.ReplaceAll(authtest.BobPassword, " ", "+"), "alice's password": strings.ReplaceAll(authtest.AlicePassword, " ", "+"),
		"a state of 4097 bytes": strings.Repeat("s", 4097), "a code of 257 bytes": strings.Repeat("c", 257),
	}}
	for name, id := range who {
		teller.names["secret of "+name] = h.Secret(id)
		teller.names["basic of "+name] = base64.StdEncoding.EncodeToString([]byte(id + ":" + h.Secret(id)))
	}
	return teller
}

// part is one file of a txtar archive: a line with its name, and lines.
type part struct{ name, text string }

// parts splits a txtar archive into what comes before the first part and the parts.
func parts(text string) (before string, out []part) {
	for line := range strings.Lines(text) {
		name, ok := strings.CutPrefix(strings.TrimSpace(line), "-- ")
		if name, closed := strings.CutSuffix(name, " --"); ok && closed {
			out = append(out, part{name: name})
			continue
		}
		if len(out) == 0 {
			before += line
			continue
		}
		out[len(out)-1].text += line
	}
	return before, out
}

// retell returns the transcript with the answers of now.
func (s *teller) retell(text string) string {
	before, all := parts(text)
	var b strings.Builder
	b.WriteString(before)
	for _, p := range all {
		if p.name == "answer" {
			continue
		}
		b.WriteString("-- " + p.name + " --\n" + strings.TrimRight(p.text, "\n") + "\n\n")
		if p.name == "given" {
			for line := range strings.Lines(p.text) {
				s.change(strings.Fields(line))
			}
			continue
		}
		b.WriteString("-- answer --\n" + s.ask(p) + "\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// change does one line of what is given.
func (s *teller) change(words []string) {
	if len(words) == 0 || words[0] == "#" {
		return
	}
	words = append(words, "", "", "")
	edit := func(change func(*authserver.Client)) { s.Clients.Change(who[words[1]], change) }
	soon := func() time.Time { return s.Clock.Now().Add(24 * time.Hour) }
	switch words[0] {
	case "sign-in":
		s.browsers[words[1]] = s.signedIn(s.t, words[1], map[string]string{"bob": authtest.BobPassword, "alice": authtest.AlicePassword}[words[1]])
	case "wait":
		d, err := time.ParseDuration(words[1])
		if err != nil {
			s.t.Fatal(err)
		}
		s.Clock.Advance(d)
	case "entitle":
		s.Entitlement.Allow(words[1], who[words[2]])
	case "withdraw":
		s.Entitlement.Withdraw(words[1], who[words[2]])
	case "suspend":
		edit(func(c *authserver.Client) { c.Suspended = true })
	case "unready":
		edit(func(c *authserver.Client) { c.Accepted = false })
	case "delete":
		s.Clients.Delete(who[words[1]])
	case "callback": // none: it never had one
		edit(func(c *authserver.Client) { c.CallbackURLs = strings.Fields(words[2]) })
	case "signature-method":
		edit(func(c *authserver.Client) { c.SignatureMethods = []string{words[2]} })
	case "leave":
		s.Directory.Remove(words[1])
	case "secret-in-url":
		edit(func(c *authserver.Client) { c.SecretInURLUntil = soon() })
	case "secret-in-header":
		edit(func(c *authserver.Client) { c.SecretInHeaderUntil = soon() })
	case "public":
		edit(func(c *authserver.Client) { c.Public = true })
	case "deactivated": // the operator has seen it suspended, and active again
		edit(func(c *authserver.Client) { c.NotBefore = s.Clock.Now().Add(time.Second) })
	case "refresh-limit":
		n, err := strconv.Atoi(words[2])
		if err != nil {
			s.t.Fatal(err)
		}
		edit(func(c *authserver.Client) { c.RefreshLimit = &n })
	case "store-gone":
		s.Store.Fail(authserver.ErrUnavailable)
	case "store-broken":
		s.Store.Fail(http.ErrNoLocation)
	case "store-back":
		s.Store.Fail(nil)
	default:
		s.t.Fatalf("there is no %s that can be given", words[0])
	}
}

var braces = regexp.MustCompile(`\{[^{}]+\}`)

// ask sends the request of a part and returns the answer as the transcript shows it.
func (s *teller) ask(p part) string {
	text := braces.ReplaceAllStringFunc(p.text, func(name string) string {
		value, ok := s.names[strings.Trim(name, "{}")]
		if !ok {
			s.t.Fatalf("nothing is called %s yet", name)
		}
		return value
	})
	head, form, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(strings.TrimSpace(head), "\n")
	method, target, _ := strings.Cut(lines[0], " ")
	form = strings.Join(strings.Fields(s.signQuestion(form)), "&")
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.issuer+target, strings.NewReader(form))
	if err != nil {
		s.t.Fatal(err)
	}
	if form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Sign" {
			name, value = "Authorization", s.sign(value, method, r.URL.String())
		}
		r.Header.Set(name, value)
	}
	response, err := s.sender(p.name).Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.shown(response, string(body))
}

// sender is the browser with this name, or a client without cookies.
func (s *teller) sender(name string) *http.Client {
	b, ok := s.browsers[name]
	if !ok {
		b = s.browser(s.t)
		if name != "app" {
			s.browsers[name] = b
		}
	}
	return b.Client
}

// chance finds what is made by chance in an answer. The name is that of the value.
var chance = regexp.MustCompile(strings.Join([]string{
	`/interaction/(?P<interaction>[A-Za-z0-9_-]{16,64})`, `name="ticket" value="(?P<ticket>[^"]+)"`,
	`[?&]code=(?P<code>[^&\s"]+)`, `oauth_verifier=(?P<oauth_verifier>[^&\s"]+)`, `class="proof"[^>]*><span>(?P<verifier>[^<]+)<`,
	`oauth_token=(?P<oauth_token>[^&\s"]+)`, `oauth_token_secret=(?P<oauth_token_secret>[^&\s"]+)`,
	`\baccess_token"?[=:]"?(?P<access_token>gha_[^&\s"]+)`, `\brefresh_token"?[=:]"?(?P<refresh_token>ghr_[^&\s"]+)`,
	`Request ID</dt><dd><code>(?P<request>[^<]+)<`,
}, "|"))

// shown is an answer in a transcript: its status, the part of its header that clients
// live by, and its body; of a page, what a person reads.
func (s *teller) shown(r *http.Response, body string) string {
	s.learn(r.Header.Get("Location") + "\n" + strings.ReplaceAll(body, "</span><span>", "")) // a proof is shown in groups
	var b strings.Builder
	b.WriteString(r.Status + "\n")
	for _, name := range []string{"Location", "Content-Type", "Cache-Control", "WWW-Authenticate", "Retry-After", "Allow"} {
		moved := r.StatusCode/100 == 3 && name == "Content-Type"
		if value := r.Header.Get(name); value != "" && !moved {
			b.WriteString(name + ": " + value + "\n")
		}
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") {
		root, err := html.Parse(strings.NewReader(body))
		if err != nil {
			s.t.Fatal(err)
		}
		body = read(root)
	}
	if body = strings.TrimRight(body, "\n"); body != "" {
		b.WriteString("\n" + body + "\n")
	}
	return s.told(b.String())
}

// learn names what is new in an answer: ticket, ticket 2, ticket 3.
func (s *teller) learn(text string) {
	known := slices.Collect(maps.Values(s.names))
	for _, match := range chance.FindAllStringSubmatch(text, -1) {
		for n, kind := range chance.SubexpNames() {
			if kind == "" || match[n] == "" || slices.Contains(known, match[n]) {
				continue
			}
			name := kind
			for count := 2; s.names[name] != ""; count++ {
				name = kind + " " + strconv.Itoa(count)
			}
			s.names[name], known = match[n], append(known, match[n])
		}
	}
}

// told puts names for values.
func (s *teller) told(text string) string {
	text = strings.ReplaceAll(text, s.issuer, "https://auth.example")
	text = strings.ReplaceAll(text, strings.ReplaceAll(strings.ReplaceAll(s.issuer, ":", "%3A"), "/", "%2F"), "https%3A%2F%2Fauth.example")
	for _, name := range slices.SortedFunc(maps.Keys(s.names), func(a, b string) int { return len(s.names[b]) - len(s.names[a]) }) {
		if !strings.HasSuffix(name, "password") {
			text = strings.ReplaceAll(text, s.names[name], "{"+name+"}")
		}
	}
	return text
}

// read returns what a person reads on a page, a line for each paragraph, field and button.
func read(root *html.Node) string {
	var lines []string
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		text := textOf(n)
		switch n.Data {
		case "output":
			text = strings.ReplaceAll(text, " ", "")
			fallthrough
		case "h1", "h2", "h3", "p", "dt":
			lines = append(lines, text)
		case "li":
			if attribute(n, "class") == "" { // no card, which has lines of its own
				lines = append(lines, text)
			}
		case "dd":
			lines[len(lines)-1] += ": " + text
		case "label":
			lines = append(lines, box(n)+text)
		case "button":
			lines = append(lines, "["+text+"]")
		case "a":
			if attribute(n, "class") == "button" {
				lines = append(lines, "["+text+"]("+attribute(n, "href")+")")
			}
		}
	}
	return strings.Join(lines, "\n")
}

// box is how the check box of a label is shown.
func box(label *html.Node) string {
	for n := range label.Descendants() {
		if n.Data == "input" {
			if slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "checked" }) {
				return "[x] "
			}
			return "[ ] "
		}
	}
	return ""
}
