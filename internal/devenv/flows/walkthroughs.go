// SPDX-License-Identifier: Apache-2.0

package flows

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/controlplane/process"
	"github.com/gatehouse-dev/gatehouse/internal/devenv"
	"github.com/gatehouse-dev/gatehouse/internal/devenv/transcript"
)

// CheckWalkthroughs does what docs/walkthrough-*.md tell their reader to do, in an environment that serves in dir, so that they stay true.
func CheckWalkthroughs(ctx context.Context, s *devenv.Environment, dir string, script *transcript.Transcript) error {
	w := &walk{Environment: s, dir: dir}
	if err := script.Step(ctx, "curl", "following docs/walkthrough-curl.md", w.curl); err != nil {
		return err
	}
	if err := script.Step(ctx, "OAuth 1.0a", "following docs/walkthrough-oauth1.md", w.oauth1); err != nil {
		return err
	}
	return script.Step(ctx, "x/oauth2", "following docs/walkthrough-x-oauth2.md", w.xOAuth2)
}

type walk struct {
	*devenv.Environment
	dir string
}

func (w *walk) curl(ctx context.Context) (string, error) {
	return w.paste(ctx, "docs/walkthrough-curl.md", "an answer to our question", `"grandma-at-90.jpg"`, `"active":true`, `"invalid_grant"`,
		"The access token is not valid", "invalid_request: code_challenge is required", "gha_")
}

func (w *walk) oauth1(ctx context.Context) (string, error) {
	return w.paste(ctx, "docs/walkthrough-oauth1.md", "oauth_callback_confirmed=true", "See your photos", `"grandma-at-90.jpg"`,
		"The request is not well signed")
}

// paste pastes all shell blocks of a page into one shell, which prints what is wanted.
func (w *walk) paste(ctx context.Context, page string, wanted ...string) (string, error) {
	blocks, err := w.read(page, "sh")
	if err != nil {
		return "", err
	}
	out, err := w.Shell(ctx, strings.Join(blocks, "\n"))
	if err != nil {
		return "", err
	}
	for _, want := range wanted {
		if !strings.Contains(out, want) {
			return "", fmt.Errorf("%q is not printed, but:\n%s", want, out)
		}
	}
	return fmt.Sprintf("the %d blocks of %s do what they say", len(blocks), page), nil
}

// xOAuth2 builds the program and is its user.
func (w *walk) xOAuth2(ctx context.Context) (string, error) {
	blocks, err := w.read("docs/walkthrough-x-oauth2.md", "go")
	if err != nil {
		return "", err
	}
	source, binary := filepath.Join(w.dir, "photoframe.go"), filepath.Join(w.dir, "bin", "photoframe")
	if err := os.WriteFile(source, []byte(blocks[0]), 0o600); err != nil {
		return "", fmt.Errorf("save the program: %w", err)
	}
	if _, err := w.Shell(ctx, fmt.Sprintf("go build -o '%s' '%s'", binary, source)); err != nil {
		return "", err
	}
	printed, err := w.use(ctx, binary)
	if err != nil {
		return "", err
	}
	if !strings.Contains(printed, "200 OK") || !strings.Contains(printed, "grandma-at-90.jpg") || !strings.Contains(printed, "refreshed: true") {
		return "", fmt.Errorf("the program did not get the photos and refresh, it printed:\n%s", printed)
	}
	return "the program of docs/walkthrough-x-oauth2.md does what it says", nil
}

// use runs the program, opens the address that it prints, and returns what it prints then.
func (w *walk) use(ctx context.Context, binary string) (printed string, err error) {
	output, stdout, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer output.Close()
	cmd := exec.Command(binary)
	cmd.Stdout, cmd.Stderr = stdout, stdout
	cmd.Env = append(os.Environ(), "GATEHOUSE_CA="+w.CA, "GATEHOUSE_ISSUER="+w.Issuer, "PHOTOS_URL="+w.PhotosURL)
	program, err := process.Start("photoframe", cmd)
	_ = stdout.Close() // the program has a descriptor of its own
	if err != nil {
		return "", err
	}
	defer context.AfterFunc(ctx, func() { _ = output.Close() })() // ends the reads when the person does not want to wait
	reader := bufio.NewReader(output)
	if err := w.allow(ctx, reader); err != nil {
		return "", errors.Join(err, program.Stop(time.Second))
	}
	rest, err := io.ReadAll(io.LimitReader(reader, maxPage))
	return string(rest), errors.Join(err, program.Wait(ctx, time.Second))
}

// allow is Bob, who opens what the program asks him to.
func (w *walk) allow(ctx context.Context, printed *bufio.Reader) error {
	address := ""
	for !strings.HasPrefix(address, "https://") {
		line, err := printed.ReadString('\n')
		if err != nil {
			return fmt.Errorf("the program prints no address: %w", err)
		}
		address = strings.TrimSpace(line)
	}
	client, err := w.Client()
	if err != nil {
		return err
	}
	bob, err := newBrowser(client)
	if err != nil {
		return err
	}
	p, err := bob.open(ctx, address)
	if err != nil {
		return err
	}
	if p, err = bob.submit(ctx, p, "/login", url.Values{"username": {w.Bob.Name}, "password": {w.Bob.Password}}); err != nil {
		return err
	}
	if p, err = bob.submit(ctx, p, "/consent", url.Values{"decision": {"allow"}}); err != nil {
		return err
	}
	return p.shows(http.StatusOK, "Thank you")
}

// devFolder is the folder .dev, and not the end of gatehouse.dev.
var devFolder = regexp.MustCompile(`(^|\W)\.dev/`)

// read returns the blocks of a page in one language, with the folder of this environment where the page says .dev/.
func (w *walk) read(page, language string) (blocks []string, err error) {
	text, err := os.ReadFile(page)
	if err != nil {
		return nil, err
	}
	for _, rest := range strings.Split(string(text), "\n```"+language+"\n")[1:] {
		block, _, _ := strings.Cut(rest, "\n```")
		blocks = append(blocks, devFolder.ReplaceAllString(block, "${1}"+strings.ReplaceAll(w.dir, "$", "$$")+"/"))
	}
	if len(blocks) == 0 {
		return nil, fmt.Errorf("%s has no block of %s", page, language)
	}
	return blocks, nil
}
