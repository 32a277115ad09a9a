// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// push pushes an archive to a registry, with the login that `docker login` or `podman login` left behind.
func push(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) != 2 {
		return errors.New("push takes an archive and a reference, such as dist/image.tar registry.example.com/gatehouse:v1")
	}
	reference, err := name.ParseReference(args[1], name.StrictValidation)
	if err != nil {
		return fmt.Errorf("%q is not a reference such as registry.example.com/gatehouse:v1: %w", args[1], err)
	}
	folder, err := os.MkdirTemp("", "image-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if err := unpack(args[0], folder); err != nil {
		return fmt.Errorf("read %s: %w", args[0], err)
	}
	outer, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		return fmt.Errorf("read %s: %w", args[0], err)
	}
	manifest, err := outer.IndexManifest()
	switch {
	case err != nil:
		return fmt.Errorf("read %s: %w", args[0], err)
	case len(manifest.Manifests) != 1:
		return fmt.Errorf("%s holds %d images, want one: push takes an archive that make image has written", args[0], len(manifest.Manifests))
	}
	digest := manifest.Manifests[0].Digest
	index, err := outer.ImageIndex(digest)
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "image: pushing %s to %s\n", args[0], reference)
	if err := remote.WriteIndex(reference, index, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)); err != nil {
		return fmt.Errorf("push to %s: %w", reference, err)
	}
	fmt.Fprintln(stdout, reference.Context().Digest(digest.String()))
	return nil
}

// unpack unpacks an archive that this program wrote. Files cannot leave the folder.
func unpack(archive, folder string) error {
	from, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer from.Close()
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer root.Close()
	r := tar.NewReader(from)
	for {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := unpackEntry(root, header, r); err != nil {
			return err
		}
	}
}

func unpackEntry(root *os.Root, header *tar.Header, content io.Reader) error {
	if header.Typeflag == tar.TypeDir {
		return root.MkdirAll(filepath.Clean(header.Name), 0o755)
	}
	to, err := root.Create(header.Name)
	if err != nil {
		return err
	}
	defer to.Close()
	if _, err := io.Copy(to, content); err != nil {
		return err
	}
	return to.Close()
}
