// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/credential"
	"github.com/gatehouse-dev/gatehouse/internal/gobuild"
	"github.com/gatehouse-dev/gatehouse/internal/postgrestest"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// offsetVariable is what internal/wallclock reads in a program that was built with the tag clockoffset.
const offsetVariable = "GATEHOUSE_TEST_CLOCK_OFFSET"

// offsets are how far the clocks of three replicas are ahead.
var offsets = []time.Duration{0, 4 * time.Minute, -4 * time.Minute}

// withWrongClocks starts three servers on one PostgreSQL, each with another clock.
func (w *environment) withWrongClocks(t *testing.T) (*replicas, []*replica) {
	t.Helper()
	program := filepath.Join(w.dir, "bin", "authserver-clockoffset")
	if out, err := gobuild.Command(program, "-tags=clockoffset", "./cmd/authserver").CombinedOutput(); err != nil {
		t.Fatalf("build the server with the clock of tests: %v\n%s", err, out)
	}
	for file, want := range map[string]bool{program: true, filepath.Join(w.dir, "bin", "authserver"): false} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte(offsetVariable)) != want {
			t.Fatalf("%s reads %s: %t, want %t", file, offsetVariable, !want, want)
		}
	}
	dsn := postgrestest.DSN(t)
	r := &replicas{w: w, balancer: newBalancer(t), store: func(int) string { return dsn }, program: program,
		variable: func(n int) []string { return []string{offsetVariable + "=" + offsets[n-1].String()} }}
	var running []*replica
	for range offsets {
		running = append(running, r.startReplica(t))
	}
	return r, running
}

// skew returns what a replica says of its clock.
func (r *replica) skew(t *testing.T) time.Duration {
	t.Helper()
	res, err := http.Get("http://" + r.ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^gatehouse_clock_skew_seconds (\S+)$`).FindSubmatch(text)
	if found == nil {
		t.Fatal("the replica says nothing of its clock")
	}
	seconds, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(seconds * float64(time.Second))
}

const keysSecret = "gatehouse-authserver-keys"

// keySet reads the keys of the tokens.
func (w *environment) keySet(t *testing.T) credential.KeySet {
	t.Helper()
	text, err := w.Kubectl(t.Context(), "get", "secret", "--namespace", "gatehouse-system", keysSecret, "--output", "json")
	if err != nil {
		t.Fatal(err)
	}
	var secret struct{ Data map[string][]byte }
	if err := json.Unmarshal([]byte(text), &secret); err != nil {
		t.Fatal(err)
	}
	set, err := credential.ParseKeySet(secret.Data)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// writeKeySet replaces the keys of the tokens by the same with other times: it is how a month passes in this test.
func (w *environment) writeKeySet(t *testing.T, set credential.KeySet) {
	t.Helper()
	patch := []map[string]any{{"op": "replace", "path": "/data", "value": set.Data()}}
	text, err := json.Marshal(patch)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Kubectl(t.Context(), "patch", "secret", "--namespace", "gatehouse-system", keysSecret, "--type=json", "--patch", string(text)); err != nil {
		t.Fatal(err)
	}
}

// publishKey lets a month pass for the keys, and waits until the operator has published a new one, which waits.
func (w *environment) publishKey(t *testing.T, meanwhile func()) credential.KeySet {
	t.Helper()
	set := w.keySet(t)
	for n := range set.Keys {
		age := credential.RotationPeriod * time.Duration(len(set.Keys)-n)
		set.Keys[n].NotBefore = time.Now().UTC().Truncate(time.Second).Add(-age)
	}
	w.writeKeySet(t, set)
	var published credential.KeySet
	testenv.Eventually(t, time.Minute, "the operator publishes a key", func() bool {
		meanwhile()
		published = w.keySet(t)
		return len(published.Keys) == len(set.Keys)+1
	})
	if until := time.Until(published.Keys[len(published.Keys)-1].NotBefore); until < 50*time.Minute {
		t.Fatalf("the new key is to be used in %s", until)
	}
	return published
}

// useNewest lets the hour pass until the newest key is used, but for a few seconds.
func (w *environment) useNewest(t *testing.T, published credential.KeySet) {
	t.Helper()
	published.Keys[len(published.Keys)-1].NotBefore = time.Now().UTC().Truncate(time.Second).Add(5 * time.Second)
	w.writeKeySet(t, published)
}

// keyOf returns the ID of the key that a token was made with: its first four bytes.
func keyOf(t *testing.T, token string) string {
	t.Helper()
	_, body, _ := strings.Cut(token, "_")
	raw, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil || len(raw) < 4 {
		t.Fatalf("a token is not what this test expects: %v", err)
	}
	return fmt.Sprintf("%x", raw[:4])
}

// holder is a client with a grant, whose requests go to one replica after the other.
type holder struct {
	apps    []*app // of each replica
	refresh string
	access  []string // all that it got
}

// use has the next replica refresh, and each of them say that the first tokens and the newest one are active. It returns the key
// that the replica made the new token with.
func (h *holder) use(t *testing.T, turn int) string {
	t.Helper()
	tokens, err := h.apps[turn%len(h.apps)].refresh(t, h.refresh)
	if err != nil {
		t.Fatalf("N196: replica %d refused a refresh: %v", turn%len(h.apps), err)
	}
	h.refresh, h.access = tokens.RefreshToken, append(h.access, tokens.AccessToken)
	for n, app := range h.apps {
		for _, token := range slices.Compact([]string{h.access[0], h.access[len(h.access)/2], tokens.AccessToken}) {
			if !app.active(t, token) {
				t.Fatalf("N196: a token of key %s is not active on replica %d", keyOf(t, token), n)
			}
		}
	}
	return keyOf(t, tokens.AccessToken)
}

func TestN196KeysThatRotateUnderWrongClocksRefuseNothing(t *testing.T) {
	w := start(t)
	r, running := w.withWrongClocks(t)
	h := &holder{}
	for n, one := range running {
		h.apps = append(h.apps, r.app(t, one.main))
		if got := one.skew(t); (got - offsets[n]).Abs() > time.Minute {
			t.Fatalf("the clock of replica %d is ahead by %s, want %s", n, got, offsets[n])
		}
	}
	bob := r.roaming(t)
	redeem := func() (refresh, access string) {
		code, verifier := r.grant(t, bob)
		tokens, err := h.apps[0].redeem(t, code, verifier)
		if err != nil {
			t.Fatalf("N196: a code of another replica was refused: %v", err)
		}
		return tokens.RefreshToken, tokens.AccessToken
	}
	var access string
	h.refresh, access = redeem()
	h.access = append(h.access, access)

	done := make(chan struct{})
	var chains []*chain
	var all sync.WaitGroup
	for range 3 {
		c := &chain{app: r.app(t, r.balancer.address())}
		c.token, _ = redeem()
		chains = append(chains, c)
		all.Go(func() { c.run(t, done) })
	}
	ended := sync.OnceFunc(func() { close(done); all.Wait() })
	t.Cleanup(ended)

	turn, direct := 0, r.roaming(t).Client
	for range 2 {
		published := w.publishKey(t, func() { h.use(t, turn); turn++ })
		newest := published.Keys[len(published.Keys)-1]
		testenv.Eventually(t, time.Minute, "each replica has read the key that waits", func() bool {
			every, _ := publishes(t, running, direct, rs256(t, newest).ID)
			return every
		})
		w.useNewest(t, published)
		made := newest.ID
		// Until each replica has used the new key, three times in a row.
		for inUse := 0; inUse < 3*len(running); turn++ {
			if h.use(t, turn) == made {
				inUse++
			} else {
				inUse = 0
			}
		}
		r.grant(t, bob) // an interaction from one replica to the other
	}
	ended()
	refreshes := int64(len(h.access))
	for n, c := range chains {
		refreshes += c.count.Load()
		if why := c.failed.Load(); why != nil || c.tries.Load() > 0 {
			t.Errorf("N196: of chain %d %d requests were refused: %v", n, c.tries.Load(), why)
		}
	}
	t.Logf("%d refreshes through two rotations, none refused", refreshes)
}
