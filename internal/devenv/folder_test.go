// SPDX-License-Identifier: Apache-2.0

package devenv

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestASecondEnvironmentInTheSameFolderIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dev")
	folder := openFolder(t, dir)
	_, err := OpenFolder(dir)
	want := fmt.Sprintf("another `make demo` or `make run` (process %d) works in %s: "+
		"stop it, or set DEV_DIR to another folder", os.Getpid(), dir)
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
	if err := folder.Close(); err != nil {
		t.Fatal(err)
	}
	if err := openFolder(t, dir).Close(); err != nil {
		t.Error(err)
	}
}

func TestTheLockOfAProcessThatDiedHoldsNobodyUp(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "lock"), "1\n") // process 1 runs, but does not hold it
	folder := openFolder(t, dir)
	text, err := os.ReadFile(folder.Path("lock"))
	if err != nil || string(text) != fmt.Sprintf("%d\n", os.Getpid()) {
		t.Errorf("the lock names %q, %v", text, err)
	}
}

func TestAnEnvironmentStartsFromNothingAndLeavesForeignFilesAlone(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"env", "gatehouse.db", "my-notes", "logs/old.log", "mounts/photoprint/client-id"} {
		write(t, filepath.Join(dir, name), "old")
	}
	folder := openFolder(t, dir)
	for name, want := range map[string]bool{"env": false, "gatehouse.db": false, "my-notes": true,
		"logs": true, "logs/old.log": false, "mounts/photoprint": false} {
		if _, err := os.Stat(folder.Path(name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEnvIsGoneWhenNothingServesAnyMore(t *testing.T) {
	folder := openFolder(t, t.TempDir())
	s := newEnvironment(folder)
	if err := s.WriteEnv(); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(folder.Path("env")); !os.IsNotExist(err) {
		t.Errorf("env: %v", err)
	}
}

func TestAShellReadsEnvWhateverTheFolderIsCalled(t *testing.T) {
	folder := openFolder(t, filepath.Join(t.TempDir(), "it's $HOME here"))
	s := newEnvironment(folder)
	s.KubectlPath = "/cache/kubectl"
	if err := s.WriteEnv(); err != nil {
		t.Fatal(err)
	}
	script := `. "$0"; printf '%s\n' "$KUBECONFIG" "$KUBECTL" "$GATEHOUSE_ISSUER" "$GATEHOUSE_CA" "$GATEHOUSE_METRICS" \
		"$GATEHOUSE_USER" "$GATEHOUSE_PASSWORD" "$GATEHOUSE_OTHER_USER" "$GATEHOUSE_OTHER_PASSWORD" "$PHOTOPRINT_URL" "$PHOTOS_URL"`
	out, err := exec.CommandContext(t.Context(), "sh", "-c", script, folder.Path("env")).Output()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{folder.Path("admin.kubeconfig"), "/cache/kubectl", "https://127.0.0.1:20000", folder.Path("tls/ca.crt"),
		"http://127.0.0.1:20001/metrics", "bob", s.Bob.Password, "alice", s.Alice.Password,
		"https://127.0.0.1:20003", "https://127.0.0.1:20004/photos"}
	if got := strings.Split(strings.TrimSpace(string(out)), "\n"); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if s.Bob.Password == s.Alice.Password || len(s.Bob.Password) != 19 {
		t.Errorf("passwords %q and %q", s.Bob.Password, s.Alice.Password)
	}
}

func openFolder(t *testing.T, dir string) *Folder {
	t.Helper()
	folder, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = folder.Close() }) // some tests have closed it
	return folder
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
