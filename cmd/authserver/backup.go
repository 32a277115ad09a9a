// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver/store"
)

// progressInterval is how often a copy says how far it is.
const progressInterval = 2 * time.Second

// copyOptions are what the flags of backup and restore say.
type copyOptions struct {
	store, file string
	replace     bool
}

// backupCommand copies the store into a new file, while a server runs or not.
func backupCommand(ctx context.Context, args []string, sys system) int {
	o, err := parseCopyFlags("backup", "to", args, sys.stderr)
	if err == nil {
		progress := tellProgress(sys.stderr, "backup", time.Now)
		if err = store.Backup(ctx, o.store, o.file, progress); err == nil {
			fmt.Fprintf(sys.stderr, "authserver backup: %s is complete and checked. It holds names, mail addresses and who allowed what: keep it like the store\n", o.file)
			return exitStopped
		}
	}
	return copyFailed("backup", err, sys.stderr)
}

// restoreCommand puts a backup where the next server finds it.
func restoreCommand(ctx context.Context, args []string, sys system) int {
	o, err := parseCopyFlags("restore", "from", args, sys.stderr)
	if err == nil {
		progress := tellProgress(sys.stderr, "restore", time.Now)
		if err = store.Restore(ctx, o.file, o.store, o.replace, progress); err == nil {
			fmt.Fprintln(sys.stderr, "authserver restore: done. Grants that were revoked since the backup was made are live again: revoke them again. The audit log names them")
			return exitStopped
		}
	}
	return copyFailed("restore", err, sys.stderr)
}

func copyFailed(command string, err error, stderr io.Writer) int {
	if errors.Is(err, flag.ErrHelp) {
		return exitStopped
	}
	fmt.Fprintf(stderr, "authserver %s: %v\n", command, err)
	if errors.Is(err, context.Canceled) {
		return exitFailed
	}
	return exitRefused
}

// parseCopyFlags reads the flags of a command that copies to or from a file.
func parseCopyFlags(command, direction string, args []string, stderr io.Writer) (copyOptions, error) {
	var o copyOptions
	fs := flag.NewFlagSet("authserver "+command, flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&o.store, "store", "", "the store, as the configuration's key store names it: `sqlite:PATH` (required)")
	fs.StringVar(&o.file, direction, "", "the `FILE` with the copy (required)")
	if command == "restore" {
		fs.BoolVar(&o.replace, "replace", false, "replace the store that is there")
	}
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("%q is not a flag", fs.Arg(0))
	}
	if o.store == "" || o.file == "" {
		return o, fmt.Errorf("name both: --store=sqlite:PATH --%s=FILE", direction)
	}
	return o, nil
}

// tellProgress returns what says at most every two seconds how far a copy is, and each new step of it.
func tellProgress(w io.Writer, command string, now func() time.Time) store.Progress {
	var step string
	var told time.Time
	return func(doing string, done, total int) {
		if doing == step && now().Sub(told) < progressInterval {
			return
		}
		step, told = doing, now()
		if total == 0 {
			fmt.Fprintf(w, "authserver %s: %s; this takes about as long as the copying\n", command, doing)
			return
		}
		fmt.Fprintf(w, "authserver %s: %s, %d %% of %d MiB\n", command, doing, 100*done/total, total>>8)
	}
}
