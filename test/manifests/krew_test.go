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
	"os"
	"os/exec"
	"path/filepath"
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
		Version, Homepage, ShortDescription string
		Platforms                           []struct {
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
	if err := yaml.Unmarshal([]byte(read(t, filepath.Join(folder, "gatehouse.yaml"))), &manifest); err != nil {
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
	files := filesOf(t, first)
	if !slices.Equal(files, []string{"./", "./LICENSE", "./kubectl-gatehouse"}) {
		t.Errorf("the archive holds %v", files)
	}
}

func filesOf(t *testing.T, archive []byte) (names []string) {
	t.Helper()
	unpacked, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(unpacked); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
	}
}
