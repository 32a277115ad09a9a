// SPDX-License-Identifier: Apache-2.0

package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// descriptor is one of the OCI image specification, as far as the tests read it.
type descriptor struct {
	Digest      string            `json:"digest"`
	Annotations map[string]string `json:"annotations"`
	Platform    struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
	} `json:"platform"`
}

// archive is an OCI archive: its files by name.
type archive map[string][]byte

func openArchive(t *testing.T, path string) archive {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	all := archive{}
	eachEntry(t, file, func(header *tar.Header, content []byte) {
		if header.Typeflag == tar.TypeReg {
			all[header.Name] = content
		}
	})
	return all
}

func eachEntry(t *testing.T, from io.Reader, do func(*tar.Header, []byte)) {
	t.Helper()
	for r := tar.NewReader(from); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		do(header, content)
	}
}

func (a archive) parse(t *testing.T, name string, into any) {
	t.Helper()
	if err := json.Unmarshal(a[name], into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func blob(digest string) string { return "blobs/" + strings.Replace(digest, ":", "/", 1) }

// index returns the descriptor of the image and those of its platforms.
func (a archive) index(t *testing.T) (whole descriptor, platforms []descriptor) {
	t.Helper()
	var outer, inner struct{ Manifests []descriptor }
	a.parse(t, "index.json", &outer)
	if len(outer.Manifests) != 1 {
		t.Fatalf("the archive holds %d images, want 1", len(outer.Manifests))
	}
	a.parse(t, blob(outer.Manifests[0].Digest), &inner)
	return outer.Manifests[0], inner.Manifests
}

// settings are what a container engine reads before it starts a container.
type settings struct {
	User       string
	Entrypoint []string
	Env        []string
	Labels     map[string]string
}

// unpack unpacks the layers of a platform into a folder and returns the settings of the image.
func (a archive) unpack(t *testing.T, architecture, folder string) settings {
	t.Helper()
	_, platforms := a.index(t)
	for _, p := range platforms {
		if p.Platform.OS != "linux" || p.Platform.Architecture != architecture {
			continue
		}
		var manifest struct {
			Config descriptor
			Layers []descriptor
		}
		a.parse(t, blob(p.Digest), &manifest)
		for _, layer := range manifest.Layers {
			a.unpackLayer(t, layer.Digest, folder)
		}
		var config struct{ Config settings }
		a.parse(t, blob(manifest.Config.Digest), &config)
		return config.Config
	}
	t.Fatalf("the archive holds no image for linux/%s", architecture)
	return settings{}
}

// unpackLayer unpacks one layer, and finds nothing in it that would let a program raise its rights or change the image.
func (a archive) unpackLayer(t *testing.T, digest, folder string) {
	t.Helper()
	layer, err := gzip.NewReader(bytes.NewReader(a[blob(digest)]))
	if err != nil {
		t.Fatal(err)
	}
	eachEntry(t, layer, func(header *tar.Header, content []byte) {
		if header.Uid != 0 || header.Gid != 0 || header.Mode&0o7022 != 0 {
			t.Errorf("%s: owner %d:%d, mode %o; want root, without setuid, and writable by nobody else", header.Name, header.Uid, header.Gid, header.Mode)
		}
		path := filepath.Join(folder, filepath.FromSlash(header.Name))
		switch header.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(path, 0o755)
		case tar.TypeReg:
			err = os.WriteFile(path, content, os.FileMode(header.Mode))
		default:
			t.Errorf("%s is neither a file nor a folder", header.Name)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
}
