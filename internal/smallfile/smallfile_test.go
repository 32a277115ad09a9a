// SPDX-License-Identifier: Apache-2.0

package smallfile

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAFileIsReadUpToItsBound(t *testing.T) {
	if text, err := Read(write(t, "1234"), 4); err != nil || string(text) != "1234" {
		t.Errorf("%q, %v", text, err)
	}
	if text, err := Read(write(t, "12345"), 4); err == nil || text != nil || !strings.HasSuffix(err.Error(), "file is larger than 4 bytes") {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none"), 4); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := Read(t.TempDir(), 4); err == nil {
		t.Error("a folder is read")
	}
}

func TestAFileOfAuthoritiesHoldsACertificate(t *testing.T) {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	good := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	path := write(t, "# ours\n"+good)
	text, err := Certificates(path)
	pool, poolErr := Authorities(path)
	want := x509.NewCertPool()
	want.AddCert(server.Certificate())
	if err != nil || poolErr != nil || !strings.HasSuffix(string(text), good) || !pool.Equal(want) {
		t.Errorf("%d bytes, %v, %v", len(text), err, poolErr)
	}
	for name, row := range map[string]struct{ text, word string }{
		"empty":     {"", "holds no certificate in PEM"},
		"a key":     {"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "holds no certificate in PEM"},
		"too large": {good + strings.Repeat("#", maxCertificates), "is larger than 1048576 bytes"},
	} {
		path := write(t, row.text)
		if _, err := Certificates(path); err == nil || err.Error() != path+" "+row.word {
			t.Errorf("%s: %v", name, err)
		}
		if pool, err := Authorities(path); err == nil || pool != nil {
			t.Errorf("%s: there is a pool, %v", name, err)
		}
	}
}
