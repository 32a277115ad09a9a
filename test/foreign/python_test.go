// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
)

// python is Debian's: other Pythons of a machine do not see its packages.
const python = "/usr/bin/python3"

// install installs the foreign stack where it is missing.
var install = sync.OnceValue(func() error {
	if exec.Command(python, "-c", "import requests_oauthlib").Run() == nil {
		return nil
	}
	for _, arguments := range [][]string{
		{"update", "-q"},
		{"install", "-q", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120", "python3-requests-oauthlib"},
	} {
		cmd := exec.Command("apt-get", arguments...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w\n%s", arguments[0], err, out)
		}
	}
	if out, err := exec.Command(python, "-c", "import requests_oauthlib").CombinedOutput(); err != nil {
		return fmt.Errorf("import requests_oauthlib: %w\n%s", err, out)
	}
	return nil
})

// settings are the first line of client.py's input.
type settings struct {
	Key              string `json:"key"`
	Secret           string `json:"secret"`
	Method           string `json:"method"`
	Place            string `json:"place"` // of the protocol parameters, as oauthlib names it
	Callback         string `json:"callback"`
	CA               string `json:"ca"`
	RequestTokenURL  string `json:"requestTokenURL"`
	AuthorizationURL string `json:"authorizationURL"`
	AccessTokenURL   string `json:"accessTokenURL"`
}

// request is one that the app is asked to make.
type request struct {
	Method string            `json:"method"`
	URL    string            `json:"url"`
	Data   map[string]string `json:"data,omitempty"`
	JSON   map[string]string `json:"json,omitempty"`
	Times  int               `json:"times"`
}

// reply is a line of client.py.
type reply struct {
	Open     string `json:"open"`
	Refused  string `json:"refused"`
	Ready    bool   `json:"ready"`
	Statuses []int  `json:"statuses"`
	Body     string `json:"body"`
}

// app is a client.py that runs.
type app struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Scanner
}

// start starts the app. It ends with its test.
func start(t *testing.T, s settings) *app {
	t.Helper()
	if err := install(); err != nil {
		t.Fatalf("install the foreign stack: %v", err)
	}
	cmd := exec.Command(python, "client.py") // ends with its input, not in the middle of an answer
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // is what it ends at
		if err := cmd.Wait(); err != nil {
			t.Errorf("the app: %v", err)
		}
	})
	a := &app{t: t, in: in, out: bufio.NewScanner(out)}
	a.write(s)
	return a
}

// write hands the app a line of JSON.
func (a *app) write(value any) {
	a.t.Helper()
	line, err := json.Marshal(value)
	if err != nil {
		a.t.Fatal(err)
	}
	a.say(string(line))
}

func (a *app) say(line string) {
	a.t.Helper()
	if _, err := fmt.Fprintln(a.in, line); err != nil {
		a.t.Fatalf("write to the app: %v", err)
	}
}

// read reads what the app says next.
func (a *app) read() (r reply) {
	a.t.Helper()
	if !a.out.Scan() {
		a.t.Fatalf("the app has ended: %v", a.out.Err())
	}
	if err := json.Unmarshal(a.out.Bytes(), &r); err != nil {
		a.t.Fatalf("the app says %q: %v", a.out.Text(), err)
	}
	return r
}

// call has the app make a request.
func (a *app) call(r request) reply {
	a.t.Helper()
	r.Times = max(r.Times, 1)
	a.write(r)
	return a.read()
}
