// SPDX-License-Identifier: Apache-2.0

// Command authserver is the authorization server. It reads its configuration and wires
// the packages below authserver to each other; it decides nothing.
//
//	flags.go   what differs between replicas
//	config.go  the configuration file; check.go: what is refused in it
//	open.go    everything the configuration names is opened, or it is said what is wrong
//	admin.go   the port of the operator and of administrators
//	tracing.go whether requests are followed, and who is told
//	wire.go    the parts are made and know each other
//	serve.go   everything runs until it is asked to stop; listen.go: one port
//	ready.go   whether it can answer, and what it waits for
//	people.go  the store learns who has left the directory
//	writable.go whether the store can write
//	current.go whether what is known of the clients is recent enough
//	clock.go   whether the server's own clock is right
//	absent.go  the store learns which clients are gone
//	uses.go    the store learns which credentials are used
//	sweep.go   rows that mean nothing any more are removed
//	sources.go where people come from
//	try.go     the subcommand check
//	hash.go    the subcommand hash-password
//	token.go   the subcommand token
//	migrate.go the subcommand migrate-store
//	backup.go  the subcommands backup and restore
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/gatehouse-dev/gatehouse/internal/buildinfo"
)

// Exit statuses.
const (
	exitStopped = 0 // it was asked to stop, or has done what it was asked for
	exitFailed  = 1 // it failed while it ran
	exitRefused = 2 // it cannot do what the flags and the configuration say
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], system{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, env: os.Getenv}))
}

// system is what a process finds outside of itself.
type system struct {
	stdin          *os.File
	stdout, stderr io.Writer
	env            func(string) string
}

// run returns the exit status.
func run(ctx context.Context, args []string, sys system) int {
	command, args := split(args)
	switch command {
	case "serve":
		return serveCommand(ctx, args, sys)
	case "check":
		return checkCommand(ctx, args, sys)
	case "hash-password":
		return hashCommand(ctx, args, sys)
	case "token":
		return tokenCommand(ctx, args, sys)
	case "migrate-store":
		return migrateCommand(ctx, args, sys)
	case "backup":
		return backupCommand(ctx, args, sys)
	case "restore":
		return restoreCommand(ctx, args, sys)
	case "version":
		fmt.Fprintln(sys.stdout, buildinfo.Version())
		return exitStopped
	}
	fmt.Fprintf(sys.stderr, "authserver: there is no command %q: serve (the default), check, hash-password, token, migrate-store, backup, restore and version are all\n", command)
	return exitRefused
}

// split takes the command off the arguments.
func split(args []string) (command string, rest []string) {
	if len(args) == 0 || len(args[0]) > 0 && args[0][0] == '-' {
		return "serve", args
	}
	return args[0], args[1:]
}
