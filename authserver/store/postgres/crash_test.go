// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver/store/storetest/crash"
	"github.com/gatehouse-dev/gatehouse/internal/postgrestest"
)

// addressVariable has this test binary be the process that is killed, with the store at this address.
const addressVariable = "GATEHOUSE_STORE_TEST_ADDRESS"

func TestMain(m *testing.M) {
	address := os.Getenv(addressVariable)
	if address == "" {
		os.Exit(m.Run())
	}
	if err := workUntilKilled(context.Background(), address); err != nil {
		fmt.Fprint(os.Stderr, err)
		os.Exit(1)
	}
}

func workUntilKilled(ctx context.Context, address string) error {
	s, err := Open(ctx, address)
	if err != nil {
		return err
	}
	return crash.Worker{Store: s, Outages: true}.Work(ctx, os.Stdin)
}

// N28, N177: what was answered survives kill -9 at random points, of the server and of its database, and nothing that happens
// once happens twice.
func TestN177WhatWasAnsweredSurvivesAKillOfServerAndDatabase(t *testing.T) {
	t.Parallel()
	killAgainAndAgain(t, 6, 200)
}

func killAgainAndAgain(t *testing.T, lives, answersPerLife int) {
	server := postgrestest.Start(t)
	address := server.Database(t)
	crash.Run(t, crash.Harness{
		Child: func(t *testing.T) *exec.Cmd {
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), addressVariable+"="+address)
			return cmd
		},
		Open: func(t *testing.T) crash.Store {
			f := &follower{waiting: make(chan error, 1), opened: make(chan struct{})}
			s, err := Open(t.Context(), address, f)
			if err != nil {
				t.Fatalf("Open: %v", err)
			}
			<-f.opened // a database that was killed may need a while on a busy machine
			return s
		},
		Outage: func(t *testing.T) {
			if err := errors.Join(server.Kill(t.Context()), server.Start(t.Context())); err != nil {
				t.Fatal(err)
			}
		},
	}, lives, answersPerLife)
}
