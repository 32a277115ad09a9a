// SPDX-License-Identifier: Apache-2.0

package devenv

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// User is a person of the environment.
type User struct {
	ID, Name, Password string
}

// newUser makes up a password that can be typed: four groups of four letters and digits, 80 bits.
func newUser(id, name string) User {
	text := strings.ToLower(rand.Text())
	return User{ID: id, Name: name, Password: strings.Join([]string{text[0:4], text[4:8], text[8:12], text[12:16]}, "-")}
}

// account is a user in the authorization server's users file.
type account struct {
	ID           string   `json:"id"`
	Name         string   `json:"name"`
	PasswordHash string   `json:"passwordHash"`
	DisplayName  string   `json:"displayName"`
	Email        string   `json:"email"`
	Groups       []string `json:"groups,omitempty"`
}

// writeUsers writes the users file as an administrator would: with the hashes that `authserver hash-password` prints.
func (s *Environment) writeUsers(ctx context.Context) error {
	var accounts []account
	for _, u := range []User{s.Bob, s.Alice} {
		hash, err := run(ctx, strings.NewReader(u.Password+"\n"), nil, s.folder.Path("bin", programAuthserver), "hash-password")
		if err != nil {
			return fmt.Errorf("hash the password of %s: %w", u.Name, err)
		}
		accounts = append(accounts, account{ID: u.ID, Name: u.Name, PasswordHash: strings.TrimSpace(hash),
			DisplayName: strings.ToUpper(u.Name[:1]) + u.Name[1:], Email: u.Name + "@photos.example", Groups: []string{"family"}})
	}
	return s.writeYAML("users.yaml", map[string]any{"users": accounts})
}

// writeConfig writes the configuration of the authorization server.
func (s *Environment) writeConfig() error {
	return s.writeYAML("authserver.yaml", map[string]any{
		"issuer":        s.Issuer,
		"namespace":     systemNamespace,
		"listen":        address(s.ports.authserver()),
		"metricsListen": address(s.ports.authserverMetrics()),
		"admin":         map[string]string{"listen": address(s.ports.admin())},
		"tls":           map[string]string{"certFile": s.folder.Path("tls", "tls.crt"), "keyFile": s.folder.Path("tls", "tls.key")},
		"store":         "sqlite:" + s.folder.Path("gatehouse.db"),
		"identity":      map[string]any{"sources": []any{map[string]any{"key": "users", "usersFile": map[string]string{"path": s.folder.Path("users.yaml")}}}},
		"entitlement":   map[string]string{"prefix": "gatehouse:"},
		"audit":         map[string]string{"file": s.folder.Path("logs", "audit.log")},
		// The applications of the environment run on this machine, and their certificates are of its authority.
		"backChannelLogout": map[string]any{"allowedNetworks": []string{"127.0.0.0/8"}, "caFile": s.CA},
	})
}

// writeYAML writes value as JSON, which is YAML too.
func (s *Environment) writeYAML(file string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err == nil {
		err = os.WriteFile(s.folder.Path(file), append(text, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}

// WriteEnv writes env, for `. DEV_DIR/env` in a shell, all at once: whoever finds it finds everything serving.
func (s *Environment) WriteEnv() error {
	var text strings.Builder
	for _, v := range [][2]string{
		{"KUBECONFIG", s.Kubeconfig}, {"KUBECTL", s.KubectlPath},
		{"GATEHOUSE_ISSUER", s.Issuer}, {"GATEHOUSE_CA", s.CA}, {"GATEHOUSE_METRICS", s.Metrics},
		{"GATEHOUSE_USER", s.Bob.Name}, {"GATEHOUSE_PASSWORD", s.Bob.Password},
		{"PHOTOPRINT_URL", s.PhotoPrintURL}, {"PHOTOS_URL", s.PhotosURL},
		{"GATEHOUSE_OTHER_USER", s.Alice.Name}, {"GATEHOUSE_OTHER_PASSWORD", s.Alice.Password},
	} {
		fmt.Fprintf(&text, "export %s=%s\n", v[0], quote(v[1]))
	}
	next := s.folder.Path("env.new")
	if err := os.WriteFile(next, []byte(text.String()), 0o600); err != nil {
		return fmt.Errorf("write env: %w", err)
	}
	if err := os.Rename(next, s.folder.Path("env")); err != nil {
		return fmt.Errorf("write env: %w", err)
	}
	return nil
}

// quote makes text one word for a shell, whatever is in it.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
