// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// krewManifest is what of krew's manifest names the archives.
type krewManifest struct {
	APIVersion, Kind string
	Metadata         struct{ Name string }
	Spec             struct {
		Version, Homepage, ShortDescription, Description, Caveats string
		Platforms                                                 []struct {
			Selector struct {
				MatchLabels struct{ OS, Arch string }
			}
			URI, SHA256, Bin string
		}
	}
}

// plugin makes the plugin for one platform and returns the manifest and the archive.
func plugin(t *testing.T) (manifest krewManifest, archive []byte) {
	t.Helper()
	folder := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "hack/plugin.sh", folder)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "VERSION=v1.2.3", "PLATFORMS=linux/amd64")
	run(t, cmd)
	if err := yaml.UnmarshalStrict([]byte(read(t, filepath.Join(folder, "gatehouse.yaml"))), &manifest); err != nil {
		t.Fatal(err)
	}
	return manifest, []byte(read(t, filepath.Join(folder, "kubectl-gatehouse_linux_amd64.tar.gz")))
}

// N383: krew's manifest names each archive with its true checksum, and building twice gives one checksum.
func TestN383TheManifestForKrewHasTheChecksumOfItsArchive(t *testing.T) {
	manifest, first := plugin(t)
	_, second := plugin(t)
	if !bytes.Equal(first, second) {
		t.Error("two builds give two archives")
	}
	if manifest.Kind != "Plugin" || manifest.APIVersion != "krew.googlecontainertools.github.com/v1alpha2" || manifest.Metadata.Name != "gatehouse" || manifest.Spec.Version != "v1.2.3" {
		t.Errorf("the manifest is %+v", manifest)
	}
	var platforms []string
	for _, p := range manifest.Spec.Platforms {
		name := p.Selector.MatchLabels.OS + "_" + p.Selector.MatchLabels.Arch
		platforms = append(platforms, name)
		if want := "https://github.com/gatehouse-dev/gatehouse/releases/download/v1.2.3/kubectl-gatehouse_" + name + ".tar.gz"; p.URI != want {
			t.Errorf("%s comes from %s, want %s", name, p.URI, want)
		}
		program := "kubectl-gatehouse"
		if strings.HasPrefix(name, "windows_") {
			program += ".exe"
		}
		if p.Bin != program {
			t.Errorf("%s runs %s, want %s", name, p.Bin, program)
		}
		sum := sha256.Sum256(first)
		if name == "linux_amd64" && p.SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("%s has the checksum %s, want %x", name, p.SHA256, sum)
		}
	}
	if want := []string{"linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64", "windows_amd64", "windows_arm64"}; !slices.Equal(platforms, want) {
		t.Errorf("platforms %v, want %v", platforms, want)
	}
	for _, field := range []struct {
		name, text string
		longest    int // characters of a line, by krew's validate-krew-manifest
	}{{"shortDescription", manifest.Spec.ShortDescription, 70}, {"description", manifest.Spec.Description, 80}, {"caveats", manifest.Spec.Caveats, 80}} {
		lines := strings.Split(strings.TrimSpace(field.text), "\n")
		long := slices.ContainsFunc(lines, func(line string) bool { return len(line) > field.longest })
		if lines[0] == "" || long || field.name == "shortDescription" && len(lines) > 1 {
			t.Errorf("%s is %q", field.name, field.text)
		}
	}
	want := map[string]int64{"./": 0o755, "./LICENSE": 0o644, "./kubectl-gatehouse": 0o755}
	if files := filesOf(t, first); !maps.Equal(files, want) {
		t.Errorf("the archive holds %v, want %v", files, want)
	}
}

// N383: a checksum that has digits alone, or digits and one e, is a number to YAML unless it is quoted.
func TestN383AChecksumOfDigitsIsNoNumber(t *testing.T) {
	for _, sum := range []string{strings.Repeat("1", 64), strings.Repeat("1", 31) + "e" + strings.Repeat("1", 32)} {
		text := regexp.MustCompile(`SHA256_\w+`).ReplaceAllLiteralString(read(t, root+"/config/krew/gatehouse.yaml"), sum)
		var manifest krewManifest
		if err := yaml.Unmarshal([]byte(text), &manifest); err != nil || manifest.Spec.Platforms[0].SHA256 != sum {
			t.Errorf("%s is read as %+v, %v", sum, manifest.Spec.Platforms, err)
		}
	}
}

// N430: krew takes vMAJOR.MINOR.PATCH alone, and a manifest that it refuses would be found out by who installs a release.
func TestN430AVersionThatKrewRefusesIsRefused(t *testing.T) {
	for _, version := range []string{"0.1.0", "v0.1", "v01.1.0", "unknown", "8a6afcf", "v0.1.0-", "v0.1.0 ", "v0.1.0|x", "v0.1.0\nv0.1.0"} {
		cmd := exec.CommandContext(t.Context(), "hack/plugin.sh", t.TempDir())
		cmd.Dir, cmd.Env = root, append(os.Environ(), "VERSION="+version, "PLATFORMS=none/none")
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "krew takes") {
			t.Errorf("%q: %v %s", version, err, out)
		}
	}
}

// filesOf returns the mode of each file of an archive.
func filesOf(t *testing.T, archive []byte) map[string]int64 {
	t.Helper()
	unpacked, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]int64{}
	for r := tar.NewReader(unpacked); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = h.Mode
	}
}
