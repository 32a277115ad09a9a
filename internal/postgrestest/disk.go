// SPDX-License-Identifier: Apache-2.0

package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// small is where the small disk is mounted.
func (s *Server) small() string { return filepath.Join(s.folder, "small") }

// mount mounts the small disk and puts the data folder on it, if it belongs there.
func (s *Server) mount(ctx context.Context) error {
	if s.settings.small == nothing {
		return nil
	}
	if err := os.Mkdir(s.small(), 0o700); err != nil {
		return err
	}
	var root *account // mount is not for the user postgres
	if err := root.run(ctx, "/", nil, "mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", s.small()); err != nil {
		return fmt.Errorf("mount a small disk, which needs root and the capability to mount: %w", err)
	}
	if err := s.account.own(s.small()); err != nil {
		return err
	}
	if s.settings.small == tables {
		s.data = filepath.Join(s.small(), "data")
	}
	return nil
}

// placeLog moves the write-ahead log to the disk where the tables are not, in small segments: a full disk is then met soon.
func (s *Server) placeLog(ctx context.Context) error {
	if s.settings.small == nothing {
		return nil
	}
	resetwal, err := program("pg_resetwal")
	if err != nil {
		return err
	}
	if err := s.account.run(ctx, s.folder, nil, resetwal, "--wal-segsize=1", s.data); err != nil {
		return fmt.Errorf("make the segments of the log small: %w", err)
	}
	s.settings.values["min_wal_size"], s.settings.values["max_wal_size"] = "2MB", "8MB"
	target := filepath.Join(s.folder, "wal")
	if s.settings.small == log {
		target = filepath.Join(s.small(), "wal")
	}
	link := filepath.Join(s.data, "pg_wal")
	if err := s.account.run(ctx, s.folder, nil, "mv", link, target); err != nil {
		return fmt.Errorf("move the log: %w", err)
	}
	return errors.Join(os.Symlink(target, link), s.account.own(link))
}

// ballast is the file that fills the small disk.
func (s *Server) ballast() string { return filepath.Join(s.small(), "ballast") }

// Fill fills the small disk to the last byte.
func (s *Server) Fill() error {
	file, err := os.OpenFile(s.ballast(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("fill the disk: %w", err)
	}
	defer file.Close()
	for block := make([]byte, 1<<20); len(block) > 0; {
		if _, err := file.Write(block); errors.Is(err, syscall.ENOSPC) {
			block = block[:len(block)/2]
		} else if err != nil {
			return fmt.Errorf("fill the disk: %w", err)
		}
	}
	return nil
}

// MakeRoom undoes Fill.
func (s *Server) MakeRoom() error {
	if err := os.Remove(s.ballast()); err != nil {
		return fmt.Errorf("make room on the disk: %w", err)
	}
	return nil
}

// unmount takes the small disk away, with what is on it. PostgreSQL says that it has ended a moment before its process,
// which works in the data folder, is gone: so the disk goes for good when the last who uses it does.
func (s *Server) unmount() error {
	if s.settings.small == nothing {
		return nil
	}
	if err := syscall.Unmount(s.small(), syscall.MNT_DETACH); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOENT) {
		return fmt.Errorf("take the small disk away: %w", err)
	}
	return nil
}
