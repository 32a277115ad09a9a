// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver/store/storetest/crash"
)

// N28, N177, for the store: what was answered survives kill -9 at random points, and nothing that happens once
// happens twice.
func TestN177WhatWasAnsweredSurvivesAKill(t *testing.T) { killAgainAndAgain(t, 20, 60) }

func killAgainAndAgain(t *testing.T, lives, answersPerLife int) {
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	crash.Run(t, crash.Harness{
		Child: func(t *testing.T) *exec.Cmd { return childCommand(t, "work", path) },
		Open:  func(t *testing.T) crash.Store { return openAt(t, path) },
		Sound: func(t *testing.T, s crash.Store) {
			if got := number(t, s.(*Store), `SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'`); got != 0 {
				t.Errorf("the file has %d faults", got)
			}
		},
	}, lives, answersPerLife)
}

func workUntilKilled(ctx context.Context, path string) error {
	s, err := Open(ctx, path)
	if err != nil {
		return err
	}
	return crash.Worker{Store: s}.Work(ctx, os.Stdin)
}
