// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/zip"
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// user is the UID and GID that the programs run as: that of "nonroot", the same as in the Deployments.
const user = "65532"

// baseLayer holds what programs expect to find in a system: a user, certificates of authorities, time zones. All of it
// comes from what go.sum and the version of Go pin, not from the machine.
func (o options) baseLayer() (v1.Layer, error) {
	licence, err := os.ReadFile(filepath.Join(o.root, "LICENSE"))
	if err != nil {
		return nil, err
	}
	files := []file{
		{name: "etc/passwd", content: []byte("root:x:0:0:root:/:/sbin/nologin\nnonroot:x:" + user + ":" + user + ":nonroot:/:/sbin/nologin\n")},
		{name: "etc/group", content: []byte("root:x:0:\nnonroot:x:" + user + ":\n")},
		{name: "etc/nsswitch.conf", content: []byte("hosts: files dns\n")},
		{name: "etc/ssl/certs/ca-certificates.crt", content: authorities()},
		{name: "licenses/LICENSE", content: licence},
	}
	zones, err := timeZones()
	if err != nil {
		return nil, fmt.Errorf("read the time zones: %w", err)
	}
	return layer(append(files, zones...), o.created)
}

// authorities are the root certificates that Mozilla trusts without a condition, as PEM. One that is trusted on a
// condition is left out, since PEM cannot say the condition.
func authorities() []byte {
	var text bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			_ = pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}) // a buffer takes everything
		}
	}
	return text.Bytes()
}

// timeZones are the time zones that Go itself carries.
func timeZones() ([]file, error) {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	archive, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(out)), "lib/time/zoneinfo.zip"))
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	var files []file
	for _, entry := range archive.File {
		if strings.HasSuffix(entry.Name, "/") {
			continue
		}
		content, err := read(entry)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", entry.Name, err)
		}
		files = append(files, file{name: "usr/share/zoneinfo/" + entry.Name, content: content})
	}
	return files, nil
}

func read(entry *zip.File) ([]byte, error) {
	r, err := entry.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}
