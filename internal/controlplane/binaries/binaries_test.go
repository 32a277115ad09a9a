// SPDX-License-Identifier: Apache-2.0

package binaries

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAFolderOfTheUserWins(t *testing.T) {
	dir := t.TempDir()
	for _, name := range Names() {
		write(t, filepath.Join(dir, name), "", 0o755)
	}
	t.Setenv(AssetsVariable, dir)
	got, err := Ensure(t.Context(), io.Discard)
	if err != nil || got != dir {
		t.Fatalf("got %q, %v, want %q", got, err, dir)
	}
}

func TestAFolderOfTheUserThatLacksProgramsIsRefusedByTheirNames(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "etcd"), "", 0o755)
	write(t, filepath.Join(dir, "kube-apiserver"), "not executable", 0o644)
	write(t, filepath.Join(dir, "kubectl"), "", 0o755)
	t.Setenv(AssetsVariable, dir)
	_, err := Ensure(t.Context(), io.Discard)
	if err == nil || !strings.Contains(err.Error(), "lacks kube-apiserver, kube-controller-manager:") {
		t.Fatalf("got %v, want the names of what is missing", err)
	}
}

func TestTheFolderIsNamedByTheVersionsThatTheModulesRequire(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	b, err := newBuilder(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"kubernetes-v1.", "etcd-v3."} {
		if !strings.Contains(filepath.Base(b.dir), part) {
			t.Errorf("%s does not hold %s", b.dir, part)
		}
	}
}

func TestWhatIsMissingIsBuiltWithProgress(t *testing.T) {
	var progress bytes.Buffer
	b := fakeBuilder(t, &progress)
	write(t, filepath.Join(b.dir, "etcd"), "there already", 0o755)
	if err := b.buildMissing(t.Context()); err != nil {
		t.Fatal(err)
	}
	if lacks := missing(b.dir, b.names); len(lacks) > 0 {
		t.Errorf("missing: %s", lacks)
	}
	for _, want := range []string{"kube-apiserver (1 of 3), ", "kubectl (3 of 3) built in "} {
		if !strings.Contains(progress.String(), want) {
			t.Errorf("progress does not hold %q:\n%s", want, &progress)
		}
	}
	if strings.Contains(progress.String(), "etcd (") {
		t.Errorf("etcd was built again:\n%s", &progress)
	}
}

func TestOfTwoCallersAtOnceOneBuilds(t *testing.T) {
	var progress [2]bytes.Buffer
	one := fakeBuilder(t, &progress[0])
	other := *one
	other.progress = &progress[1]

	var wait sync.WaitGroup
	errs := make([]error, 2)
	for i, b := range []*builder{one, &other} {
		wait.Go(func() { errs[i] = b.buildMissing(t.Context()) })
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	said := progress[0].String() + progress[1].String()
	if n := strings.Count(said, "building "); n != 1 {
		t.Fatalf("%d callers built:\n%s", n, said)
	}
}

func TestAnInterruptedBuildLeavesNothing(t *testing.T) {
	b := fakeBuilder(t, io.Discard)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.build(ctx, "etcd", "1 of 1"); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want %v", err, context.Canceled)
	}
	if diff := cmp.Diff([]string(nil), names(t, b.dir)); diff != "" {
		t.Errorf("left behind (-want +got):\n%s", diff)
	}
}

func TestWhatAKilledBuildLeftIsRemoved(t *testing.T) {
	b := fakeBuilder(t, io.Discard)
	if err := os.Mkdir(filepath.Join(b.dir, ".building"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(b.dir, ".building", "etcd"), "half of it", 0o755)
	if err := b.build(t.Context(), "etcd", "1 of 1"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"etcd"}, names(t, b.dir)); diff != "" {
		t.Errorf("in the folder (-want +got):\n%s", diff)
	}
}

func TestAFailedBuildSaysWhatTheCompilerSaid(t *testing.T) {
	b := fakeBuilder(t, io.Discard)
	write(t, filepath.Join(b.sources["etcd"].folder, "main.go"), "package main\nfunc main() { nonsense() }\n", 0o644)
	err := b.build(t.Context(), "etcd", "1 of 1")
	if err == nil || !strings.Contains(err.Error(), "undefined: nonsense") {
		t.Fatalf("got %v, want the compiler's words", err)
	}
}

func TestAVersionIsStampedIntoMajorAndMinorToo(t *testing.T) {
	got := stamps("v1.37.2")
	for _, want := range []string{".gitVersion=v1.37.2", ".gitMajor=1", ".gitMinor=37"} {
		if strings.Count(got, "-X k8s.io/component-base/version"+want) != 1 {
			t.Errorf("%s is not in %s", want, got)
		}
	}
}

// fakeBuilder builds programs that do nothing, from modules with the names of the real ones.
func fakeBuilder(t *testing.T, progress io.Writer) *builder {
	t.Helper()
	modules := t.TempDir()
	b := &builder{
		what: "controlplane", dir: t.TempDir(), names: Names(), sources: sourcesOf(modules, "v1.2.3"),
		progress: progress, interval: time.Millisecond, now: time.Now,
	}
	const program = "package main\n\nfunc main() {}\n"
	write(t, filepath.Join(modules, "etcd", "go.mod"), "module example.com/etcd\n\ngo 1.26\n", 0o644)
	write(t, filepath.Join(b.sources["etcd"].folder, "main.go"), program, 0o644)
	write(t, filepath.Join(modules, "kubernetes", "go.mod"), "module k8s.io/kubernetes\n\ngo 1.26\n", 0o644)
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kubectl"} {
		write(t, filepath.Join(modules, "kubernetes", "cmd", name, "main.go"), program, 0o644)
	}
	return b
}

func write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func TestAProgramIsBuiltOnceAndNamedByItsVersion(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	folder := t.TempDir()
	write(t, filepath.Join(folder, "go.mod"), "module example.com/hello\n\ngo 1.26\n\nrequire example.com/pinned v1.2.3\n", 0o644)
	write(t, filepath.Join(folder, "main.go"), "package main\n\nfunc main() {}\n", 0o644)
	for i, want := range []string{"hello (1 of 1) built in ", ""} {
		var progress bytes.Buffer
		// The version of what is pinned names the folder, though this main does not use it.
		path, err := EnsureProgram(t.Context(), &progress, Program{Name: "hello", Folder: folder, Package: "main.go", Module: "example.com/pinned"})
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode()&0o111 == 0 || !strings.Contains(path, filepath.Join("programs", "hello-v1.2.3_")) {
			t.Errorf("the program is %s: %v", path, err)
		}
		if said := progress.String(); !strings.Contains(said, want) || want == "" && said != "" {
			t.Errorf("build %d said %q", i+1, said)
		}
	}
}

func TestAProgramWithoutAVersionIsRefused(t *testing.T) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, "go.mod"), "module example.com/hello\n\ngo 1.26\n", 0o644)
	_, err := EnsureProgram(t.Context(), io.Discard, Program{Name: "hello", Folder: folder, Package: ".", Module: "example.com/pinned"})
	if err == nil || !strings.Contains(err.Error(), "does not require example.com/pinned") {
		t.Errorf("%v", err)
	}
}
