// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
)

// signer is a foreign program that signs.
type signer struct {
	name    string
	command []string
}

// signers use the programs of Debian: others of a machine do not see its packages.
var signers = []signer{
	{oauthlib, []string{"/usr/bin/python3", "signers/oauthlib_signer.py"}},
	{rubyOAuth, []string{"/usr/bin/ruby", "signers/ruby_oauth_signer.rb"}},
	{netOAuth, []string{"/usr/bin/perl", "signers/net_oauth_signer.pl"}},
}

// The names of the signers.
const (
	oauthlib  = "oauthlib"
	rubyOAuth = "ruby-oauth"
	netOAuth  = "Net::OAuth"
)

// packages are what hold them in Debian.
var packages = []string{"python3-oauthlib", "ruby", "ruby-oauth", "perl", "libnet-oauth-perl", "libjson-xs-perl"}

// install installs what is missing.
var install = sync.OnceValue(func() error {
	out, err := exec.Command("../../hack/require.sh", append([]string{"--libraries"}, packages...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("hack/require.sh: %w\n%s", err, out)
	}
	return nil
})

// answer is what a signer makes of a request.
type answer struct {
	URL           string `json:"url"`
	Authorization string `json:"authorization"`
	Body          string `json:"body"`
	Error         string `json:"error"` // why it cannot sign it
}

// sign has one process of the signer sign all requests. Each answer is handed over as it comes.
func (s signer) sign(ctx context.Context, requests []request, each func(r *request, a answer)) error {
	cmd := exec.CommandContext(ctx, s.command[0], s.command[1:]...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	written := make(chan error, 1)
	go func() { written <- errors.Join(writeLines(in, requests), in.Close()) }()
	lines, n := bufio.NewScanner(out), 0
	lines.Buffer(nil, 1<<20)
	for ; lines.Scan() && n < len(requests); n++ {
		var a answer
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			return fmt.Errorf("answer %q: %w", lines.Text(), err)
		}
		each(&requests[n], a)
	}
	if err := errors.Join(lines.Err(), <-written, cmd.Wait()); err != nil {
		return err
	}
	if n != len(requests) {
		return fmt.Errorf("%d answers to %d requests", n, len(requests))
	}
	return nil
}

func writeLines(to io.Writer, requests []request) error {
	w := bufio.NewWriter(to)
	encoder := json.NewEncoder(w)
	for n := range requests {
		if err := encoder.Encode(&requests[n]); err != nil {
			return err
		}
	}
	return w.Flush()
}

// assign shares out requests. One in so many goes to all signers, with 0 none does; each of the others
// goes to one that can sign it as the RFC says.
func assign(requests []request, shared int) map[string][]request {
	assigned := map[string][]request{}
	for _, r := range requests {
		able := slices.DeleteFunc(slices.Clone(signers), func(s signer) bool { return differenceOf(s, &r) != nil })
		to := able[r.Number%len(able):][:1]
		if shared > 0 && r.Number%shared == 0 {
			to = signers
		}
		for _, s := range to {
			assigned[s.name] = append(assigned[s.name], r)
		}
	}
	return assigned
}

// signAll has the signers sign the requests that assign gives them, all at the same time.
func signAll(t *testing.T, requests []request, shared int, each func(s signer, r *request, a answer)) {
	t.Helper()
	if err := install(); err != nil {
		t.Fatalf("install the signers: %v", err)
	}
	assigned := assign(requests, shared)
	var all sync.WaitGroup
	for _, s := range signers {
		all.Go(func() {
			if err := s.sign(t.Context(), assigned[s.name], func(r *request, a answer) { each(s, r, a) }); err != nil {
				t.Errorf("%s: %v", s.name, err)
			}
		})
	}
	all.Wait()
}
