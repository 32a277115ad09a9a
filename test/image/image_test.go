// SPDX-License-Identifier: Apache-2.0

package image

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

const root = "../.."

// images is the folder of the images; TestMain removes it.
var images string

func TestMain(m *testing.M) {
	var err error
	if images, err = os.MkdirTemp("", "gatehouse-image-"); err != nil {
		panic(err)
	}
	status := m.Run()
	if err := os.RemoveAll(images); err != nil {
		panic(err)
	}
	os.Exit(status)
}

// made is an image: where it is, and the digest that was printed.
type made struct{ folder, digest string }

// theImage is the image that all tests share.
var theImage = sync.OnceValues(func() (made, error) { return makeImage("first") })

// makeImage makes the image for this machine's architecture in a folder of its own.
func makeImage(name string) (made, error) {
	folder := filepath.Join(images, name)
	cmd := exec.Command("make", "--no-print-directory", "image", "VERSION=v1", "IMAGE_FOLDER="+folder, "PLATFORMS=linux/"+runtime.GOARCH)
	cmd.Dir = root
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	if err != nil {
		return made{}, fmt.Errorf("make image: %w\n%s", err, stderr.String())
	}
	return made{folder: folder, digest: strings.TrimSpace(string(stdout))}, nil
}

func sharedImage(t *testing.T) made {
	t.Helper()
	image, err := theImage()
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func TestTheImageOfOneSourceHasOneDigest(t *testing.T) {
	t.Parallel()
	first := sharedImage(t)
	second, err := makeImage("second")
	if err != nil {
		t.Fatal(err)
	}
	if first.digest != second.digest || !strings.HasPrefix(first.digest, "sha256:") {
		t.Errorf("the first run gave the digest %q, the second %q", first.digest, second.digest)
	}
	for _, name := range []string{"image.tar", "image.linux-" + runtime.GOARCH + ".cdx.json"} {
		if a, b := read(t, first.folder, name), read(t, second.folder, name); a != b {
			t.Errorf("%s differs between two runs", name)
		}
	}
	if whole, _ := openArchive(t, filepath.Join(first.folder, "image.tar")).index(t); whole.Digest != first.digest {
		t.Errorf("the archive holds %s, and %s was printed", whole.Digest, first.digest)
	}
}

func read(t *testing.T, folder, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheImageHoldsWhatProgramsExpect(t *testing.T) {
	t.Parallel()
	folder := sharedImage(t).folder
	image := t.TempDir()
	settings := openArchive(t, filepath.Join(folder, "image.tar")).unpack(t, runtime.GOARCH, image)
	if settings.User != "65532:65532" || len(settings.Entrypoint) != 1 || settings.Labels["org.opencontainers.image.version"] != "v1" {
		t.Errorf("the settings are %+v", settings)
	}
	if !x509.NewCertPool().AppendCertsFromPEM([]byte(read(t, image, "etc/ssl/certs/ca-certificates.crt"))) {
		t.Error("the image holds no certificate of an authority")
	}
	if _, err := time.LoadLocationFromTZData("Asia/Kolkata", []byte(read(t, image, "usr/share/zoneinfo/Asia/Kolkata"))); err != nil {
		t.Error(err)
	}
	if licence := read(t, image, "licenses/LICENSE"); licence != read(t, root, "LICENSE") {
		t.Error("the licence in the image is not that of the project")
	}
	listsItsParts(t, read(t, folder, "image.linux-"+runtime.GOARCH+".cdx.json"))
}

// listsItsParts checks that a CycloneDX document names what is known to be in the programs, with versions.
func listsItsParts(t *testing.T, text string) {
	t.Helper()
	var document struct {
		BOMFormat  string
		Components []struct{ Name, Version, PURL string }
	}
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	versions := map[string]string{}
	for _, c := range document.Components {
		versions[c.Name] = c.Version
		if c.PURL != "pkg:golang/"+c.Name+"@"+c.Version {
			t.Errorf("%s has the package URL %q", c.Name, c.PURL)
		}
	}
	for _, name := range []string{"std", "k8s.io/client-go", "sigs.k8s.io/controller-runtime"} {
		if document.BOMFormat != "CycloneDX" || versions[name] == "" {
			t.Errorf("the list of parts does not name %s", name)
		}
	}
}
