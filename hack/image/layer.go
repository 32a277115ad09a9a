// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// file is a regular file of a layer. Root owns it, everybody may read it, and nobody may write it.
type file struct {
	name       string // without a slash at its beginning
	executable bool
	content    []byte
}

// layer makes a layer of files and the folders that they need. The order of the files does not matter.
func layer(files []file, created time.Time) (v1.Layer, error) {
	var archive bytes.Buffer
	if err := writeTar(&archive, files, created); err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive.Bytes())), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer), tarball.WithCompressionLevel(gzip.DefaultCompression))
}

// writeTar writes files, sorted, with the folders above each before it.
func writeTar(to io.Writer, files []file, created time.Time) error {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	w := tar.NewWriter(to)
	made := map[string]bool{".": true}
	for _, f := range files {
		if err := writeFolders(w, path.Dir(f.name), made, created); err != nil {
			return err
		}
		header := &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Size: int64(len(f.content)), Mode: 0o444, ModTime: created, Format: tar.FormatUSTAR}
		if f.executable {
			header.Mode = 0o555
		}
		if err := w.WriteHeader(header); err != nil {
			return err
		}
		if _, err := w.Write(f.content); err != nil {
			return err
		}
	}
	return w.Close()
}

func writeFolders(w *tar.Writer, name string, made map[string]bool, created time.Time) error {
	if made[name] {
		return nil
	}
	if err := writeFolders(w, path.Dir(name), made, created); err != nil {
		return err
	}
	made[name] = true
	return w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755, ModTime: created, Format: tar.FormatUSTAR})
}
