// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func TestFlagsAndCommandsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, row := range []struct {
		name string
		args []string
		want string
	}{
		{"nothing", nil, "--config=FILE"},
		{"unknown command", []string{"server"}, `no command "server"`},
		{"empty command", []string{""}, `no command ""`},
		{"unknown flag", []string{"--conf=x"}, "conf"},
		{"a word after the flags", []string{"--config=x", "serve"}, `"serve" is not a flag`},
		{"hash-password with a password", []string{"hash-password", "hush"}, "can be seen by others"},
		{"no such file", []string{"serve", "--config=/nowhere/authserver.yaml"}, "/nowhere/authserver.yaml"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var stderr bytes.Buffer
			status := run(t.Context(), row.args, system{stdout: io.Discard, stderr: &stderr})
			if status != exitRefused || !strings.Contains(stderr.String(), row.want) {
				t.Errorf("status %d, said %q, want %q", status, &stderr, row.want)
			}
			if strings.Contains(stderr.String(), "hush") {
				t.Error("the password is shown")
			}
		})
	}
}

func TestHelpAndVersionAreNoErrors(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if status := run(t.Context(), []string{"--help"}, system{stdout: &stdout, stderr: &stderr}); status != exitStopped || !strings.Contains(stderr.String(), "hash-password") {
		t.Errorf("--help: status %d, said %q", status, &stderr)
	}
	if status := run(t.Context(), []string{"version"}, system{stdout: &stdout, stderr: &stderr}); status != exitStopped || stdout.Len() < 2 {
		t.Errorf("version: status %d, said %q", status, &stdout)
	}
}
