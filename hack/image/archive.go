// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io/fs"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Keys of the OCI image specification, "Pre-Defined Annotation Keys".
const (
	keyTitle    = "org.opencontainers.image.title"
	keySource   = "org.opencontainers.image.source"
	keyLicenses = "org.opencontainers.image.licenses"
	keyVersion  = "org.opencontainers.image.version"
	keyRefName  = "org.opencontainers.image.ref.name"
)

func (o options) labels() map[string]string {
	return map[string]string{keyTitle: "Gatehouse", keySource: "https://" + module, keyLicenses: "Apache-2.0", keyVersion: o.version}
}

// image is the image of a platform: the base and a layer with the programs that a folder holds.
func (o options) image(p v1.Platform, base v1.Layer, bin string) (v1.Image, error) {
	var files []file
	for _, name := range programs {
		content, err := os.ReadFile(filepath.Join(bin, name))
		if err != nil {
			return nil, err
		}
		files = append(files, file{name: name, executable: true, content: content})
	}
	top, err := layer(files, o.created)
	if err != nil {
		return nil, err
	}
	made := v1.Time{Time: o.created}
	img, err := mutate.Append(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON),
		mutate.Addendum{Layer: base, History: v1.History{Created: made, CreatedBy: "user, certificates of authorities, time zones"}},
		mutate.Addendum{Layer: top, History: v1.History{Created: made, CreatedBy: "the programs"}})
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = p.OS, p.Architecture, made
	config.Config = v1.Config{
		User: user + ":" + user, Entrypoint: []string{"/operator"}, Labels: o.labels(),
		Env: []string{"PATH=/", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"},
	}
	return mutate.ConfigFile(img, config)
}

// writeArchive writes images, by platform, as one OCI archive: an image layout in a tar file. It returns the digest of
// the index, under which a registry knows the image.
func (o options) writeArchive(images map[string]v1.Image, folder, archive string) (v1.Hash, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, p := range o.platforms {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: images[p.String()], Descriptor: v1.Descriptor{Platform: &p}})
	}
	index = mutate.Annotations(index, o.labels()).(v1.ImageIndex)
	digest, err := index.Digest()
	if err != nil {
		return digest, err
	}
	written, err := layout.Write(folder, mutate.IndexMediaType(empty.Index, types.OCIImageIndex))
	if err != nil {
		return digest, err
	}
	if err := written.AppendIndex(index, layout.WithAnnotations(map[string]string{keyRefName: o.version})); err != nil {
		return digest, err
	}
	return digest, o.pack(folder, archive)
}

// pack writes a folder as a tar file that always has the same bytes.
func (o options) pack(folder, archive string) error {
	var files []file
	root := os.DirFS(folder)
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(root, name)
		files = append(files, file{name: name, content: content})
		return err
	})
	if err != nil {
		return err
	}
	to, err := os.Create(archive + ".new")
	if err != nil {
		return err
	}
	defer to.Close()
	if err := writeTar(to, files, o.created); err != nil {
		return err
	}
	if err := to.Close(); err != nil {
		return err
	}
	return os.Rename(archive+".new", archive)
}
