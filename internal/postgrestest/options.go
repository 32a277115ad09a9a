// SPDX-License-Identifier: Apache-2.0

package postgrestest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Option changes how a server is started.
type Option func(*settings)

// settings are how a server is started.
type settings struct {
	values      map[string]string // of postgresql.conf
	certificate string            // the path of a PEM file; empty: no TLS
	key         string
	small       part // what lies on a small disk
}

// part is a part of what a server keeps.
type part int

const (
	nothing part = iota
	tables
	log
)

func newSettings(options []Option) settings {
	s := settings{values: map[string]string{
		// The socket's path could be longer than the kernel allows, so there is none.
		"unix_socket_directories": "",
		"listen_addresses":        "127.0.0.1",
		// Files, which go with the folder: shared memory of a killed server would stay.
		"dynamic_shared_memory_type": "mmap",
		"shared_buffers":             "32MB",
		"max_wal_size":               "256MB",
		"timezone":                   "UTC",
		"lc_messages":                "C",
	}}
	for _, option := range options {
		option(&s)
	}
	return s
}

// text returns the settings as postgresql.conf spells them.
func (s settings) text() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s.values)) {
		fmt.Fprintf(&b, "%s = '%s'\n", name, strings.ReplaceAll(s.values[name], "'", "''"))
	}
	return b.String()
}

// WithoutFsync is for tests that do not end the server at once: what it commits may be lost then, and a commit takes less time.
func WithoutFsync() Option { return WithSetting("fsync", "off") }

// WithSetting sets a parameter of postgresql.conf.
func WithSetting(name, value string) Option {
	return func(s *settings) { s.values[name] = value }
}

// WithTLS has the server take TLS, with a certificate and its key in two PEM files. Connections without TLS are then refused.
func WithTLS(certificate, key string) Option {
	return func(s *settings) { s.certificate, s.key = certificate, key }
}

// WithTablesOnSmallDisk puts everything but the write-ahead log on a disk of 64 MB, which Fill fills. It needs root, to mount it.
func WithTablesOnSmallDisk() Option { return func(s *settings) { s.small = tables } }

// WithLogOnSmallDisk puts the write-ahead log on such a disk.
func WithLogOnSmallDisk() Option { return func(s *settings) { s.small = log } }
