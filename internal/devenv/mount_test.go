// SPDX-License-Identifier: Apache-2.0

package devenv

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAMountedSecretIsAFilePerKey(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "photoprint")
	for _, data := range []map[string][]byte{
		{"client-id": []byte("photos.photoprint"), "client-secret": []byte("one")},
		{"client-id": []byte("photos.photoprint"), "client-secret": []byte("two"), "issuer": []byte("https://auth.example")},
	} {
		for range 2 { // the second time nothing is to be done
			if err := mount(folder, data); err != nil {
				t.Fatal(err)
			}
		}
		for key, want := range data {
			if got, err := os.ReadFile(filepath.Join(folder, key)); err != nil || string(got) != string(want) {
				t.Errorf("%s is %q, %v", key, got, err)
			}
		}
	}
	values, err := filepath.Glob(filepath.Join(folder, "..values_*"))
	if err != nil || len(values) != 1 {
		t.Errorf("old values are left: %q, %v", values, err)
	}
}

func TestTheMountFollowsTheSecretsOfItsNames(t *testing.T) {
	dir := t.TempDir()
	m := newMounter(t, dir, `{"metadata":{"name":"photoprint-oauth"},"data":{"client-id":"b25l"}}
		{"metadata":{"name":"other"},"data":{"client-id":"eA=="}}
		{"metadata":{"name":"photoprint-oauth"},"data":{"client-id":"dHdv"}}`)
	if err := m.watch(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := map[string][]byte{"client-id": []byte("two")}
	if diff := cmp.Diff(want, mounted(filepath.Join(dir, "photoprint"))); diff != "" {
		t.Error(diff)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("mounted: %v", entries)
	}
}

func TestAMountThatCannotBeIsTold(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "photoprint"), "a file is in the way")
	m := newMounter(t, dir, `{"metadata":{"name":"photoprint-oauth"},"data":{"client-id":"b25l"}}`)
	failed := make(chan error, 1)
	m.failed = func(err error) { failed <- err }
	m.begin(t.Context())
	defer m.stop()
	if err := <-failed; !strings.Contains(err.Error(), "mount the Secret photoprint-oauth") {
		t.Error(err)
	}
}

func TestMountsEndWithTheirEnvironment(t *testing.T) {
	m := newMounter(t, t.TempDir(), "")
	m.command = func() *exec.Cmd { return exec.Command("sleep", "1000") }
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	m.begin(ctx)
	m.stop()
	if ctx.Err() != nil {
		t.Error("stop did not end the watch")
	}
}

// newMounter mounts what output holds.
func newMounter(t *testing.T, dir, output string) *mounter {
	t.Helper()
	return &mounter{
		command: func() *exec.Cmd { return exec.Command("printf", "%s", output) },
		folders: map[string]string{"photoprint-oauth": filepath.Join(dir, "photoprint")},
		failed:  func(err error) { t.Error(err) },
	}
}
