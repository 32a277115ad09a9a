// SPDX-License-Identifier: Apache-2.0

package image

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// startRegistry starts a registry of this machine and returns its host and port.
func startRegistry(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "registry")
	if out, err := exec.Command("go", "-C", filepath.Join(root, "hack/image"), "build", "-o", program, "./registry").CombinedOutput(); err != nil {
		t.Fatalf("build the registry: %v\n%s", err, out)
	}
	cmd := exec.Command(program)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stdin.Close(); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("the registry ends with %v", err)
		}
	})
	address, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the registry does not say its address: %v", err)
	}
	return strings.TrimSpace(address)
}

// makePush runs `make push` for the image.
func makePush(folder, reference string) (stdout, stderr string, err error) {
	cmd := exec.Command("make", "--no-print-directory", "push", "IMAGE_FOLDER="+folder, "IMAGE="+reference)
	cmd.Dir = root
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), said.String(), err
}

// fetched returns what a registry has under a path, and the digest of it.
func fetched(t *testing.T, address string) (content []byte, digest string) {
	t.Helper()
	res, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if content, err = io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s, %v", address, res.Status, err)
	}
	sum := sha256.Sum256(content)
	return content, "sha256:" + hex.EncodeToString(sum[:])
}

func TestWhatIsPushedIsTheImage(t *testing.T) {
	t.Parallel()
	image, registry := sharedImage(t), startRegistry(t)
	out, said, err := makePush(image.folder, registry+"/team/gatehouse:v1")
	if want := registry + "/team/gatehouse@" + image.digest; err != nil || out != want {
		t.Fatalf("make push prints %q, want %q: %v\n%s", out, want, err, said)
	}
	if !strings.Contains(said, "pushing") || !strings.Contains(said, registry) {
		t.Errorf("while it works it says %q", said)
	}
	repository := "http://" + registry + "/v2/team/gatehouse"
	text, digest := fetched(t, repository+"/manifests/v1")
	if digest != image.digest {
		t.Errorf("the tag leads to %s, want %s", digest, image.digest)
	}
	var index struct{ Manifests []descriptor }
	if err := json.Unmarshal(text, &index); err != nil || len(index.Manifests) == 0 {
		t.Fatalf("the index has %d images, %v", len(index.Manifests), err)
	}
	for _, one := range index.Manifests {
		text, _ := fetched(t, repository+"/manifests/"+one.Digest)
		var manifest struct {
			Config descriptor
			Layers []descriptor
		}
		if err := json.Unmarshal(text, &manifest); err != nil || len(manifest.Layers) == 0 {
			t.Fatalf("the image has %d layers, %v", len(manifest.Layers), err)
		}
		for _, blob := range append(manifest.Layers, manifest.Config) {
			if _, digest := fetched(t, repository+"/blobs/"+blob.Digest); digest != blob.Digest {
				t.Errorf("under %s stands %s", blob.Digest, digest)
			}
		}
	}
}

func TestAPushThatCannotWorkSaysWhy(t *testing.T) {
	t.Parallel()
	image, registry := sharedImage(t), startRegistry(t)
	cut, empty := t.TempDir(), t.TempDir()
	whole, err := os.ReadFile(filepath.Join(image.folder, "image.tar"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(cut, "image.tar"), whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	var none bytes.Buffer
	w := tar.NewWriter(&none)
	const index = `{"schemaVersion":2,"manifests":[]}`
	if err := w.WriteHeader(&tar.Header{Name: "index.json", Mode: 0o644, Size: int64(len(index))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(index)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), os.WriteFile(filepath.Join(empty, "image.tar"), none.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct{ folder, reference, want string }{
		"no archive":         {t.TempDir(), registry + "/gatehouse:v1", "no such file"},
		"an archive cut off": {cut, registry + "/gatehouse:v1", "read " + cut},
		"an empty archive":   {empty, registry + "/gatehouse:v1", "holds 0 images, want one"},
		"no reference":       {image.folder, registry + "/Gatehouse v1", "is not a reference such as"},
		"nobody listens":     {image.folder, "127.0.0.1:1/gatehouse:v1", "push to 127.0.0.1:1/gatehouse:v1"},
		"no tag or registry": {image.folder, "gatehouse", "is not a reference such as"},
	} {
		t.Run(name, func(t *testing.T) {
			out, said, err := makePush(row.folder, row.reference)
			if err == nil || out != "" || !strings.Contains(said, row.want) {
				t.Errorf("it prints %q and says %q, %v; want %q", out, said, err, row.want)
			}
			if strings.Contains(said, "goroutine ") || strings.Contains(said, "%!") {
				t.Errorf("it says %s", said)
			}
		})
	}
}
