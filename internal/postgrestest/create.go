// SPDX-License-Identifier: Apache-2.0

package postgrestest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
)

// template is a data folder that initdb has made: the servers of a process are copies of it, because initdb takes seconds.
var template struct {
	sync.Mutex
	folder   string
	password string
}

// hba asks every connection for a password.
const hba = "%[1]s all all 127.0.0.1/32 scram-sha-256\n%[1]s replication all 127.0.0.1/32 scram-sha-256\n"

// create makes the server's data folder.
func (s *Server) create(ctx context.Context) error {
	source, password, err := s.template(ctx)
	if err != nil {
		return err
	}
	s.password = password
	if err := s.mount(ctx); err != nil {
		return err
	}
	if err := s.account.run(ctx, s.folder, nil, "cp", "-a", source, s.data); err != nil {
		return fmt.Errorf("copy the data of a new server: %w", err)
	}
	if err := s.placeLog(ctx); err != nil {
		return err
	}
	return s.configure()
}

// template returns a data folder that nobody has used, and the password of its administrator.
func (s *Server) template(ctx context.Context) (folder, password string, err error) {
	template.Lock()
	defer template.Unlock()
	if template.folder != "" {
		return template.folder, template.password, nil
	}
	path, err := program("initdb")
	if err != nil {
		return "", "", err
	}
	kept, err := keptFolder(s.account)
	if err != nil {
		return "", "", err
	}
	password = rand.Text()
	file := filepath.Join(kept, "password")
	if err := errors.Join(os.WriteFile(file, []byte(password), 0o600), s.account.own(file)); err != nil {
		return "", "", fmt.Errorf("write the password of the administrator: %w", err)
	}
	folder = filepath.Join(kept, "template")
	err = s.account.run(ctx, kept, nil, path, "-D", folder, "--username=postgres", "--pwfile="+file, "--auth=scram-sha-256",
		"--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	if err != nil {
		return "", "", errors.Join(fmt.Errorf("make the data of a new server: %w", err), os.RemoveAll(folder))
	}
	template.folder, template.password = folder, password
	return folder, password, nil
}

// configure writes the server's configuration.
func (s *Server) configure() error {
	kind := "host"
	s.settings.values["port"] = strconv.Itoa(s.port)
	if s.settings.certificate != "" {
		kind = "hostssl"
		if err := s.takeCertificate(); err != nil {
			return err
		}
	}
	return errors.Join(
		s.write("postgresql.conf", s.settings.text()),
		s.write("pg_hba.conf", fmt.Sprintf(hba, kind)),
	)
}

// takeCertificate copies certificate and key to where the server's account can read them.
func (s *Server) takeCertificate() error {
	for name, path := range map[string]string{"server.crt": s.settings.certificate, "server.key": s.settings.key} {
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read the server's certificate: %w", err)
		}
		if err := s.write(name, string(text)); err != nil {
			return err
		}
	}
	s.settings.values["ssl"] = "on"
	return nil
}

// write writes a file of the server's data folder.
func (s *Server) write(name, text string) error {
	path := filepath.Join(s.data, name)
	if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), s.account.own(path)); err != nil {
		return fmt.Errorf("configure PostgreSQL: %w", err)
	}
	return nil
}
