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
	"github.com/gatehouse-dev/gatehouse/authserver/store/transfer"
)

// migrateInterval is how often migrate-store says how far it is.
const migrateInterval = 3 * time.Second

// migrateCommand copies what one store keeps into another.
func migrateCommand(ctx context.Context, args []string, sys system) int {
	from, to, err := migrateFlags(args, sys.stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitStopped
	}
	if err != nil {
		fmt.Fprintln(sys.stderr, "authserver migrate-store:", err)
		return exitRefused
	}
	source, target, err := openStores(ctx, from, to)
	if err != nil {
		fmt.Fprintln(sys.stderr, "authserver migrate-store:", err)
		return exitRefused
	}
	began := time.Now()
	c := transfer.Copy{From: source, To: target, Batch: transfer.DefaultBatch, Report: reporter(sys.stderr, time.Now)}
	rows, err := c.Run(ctx)
	err = errors.Join(err, target.Close(), source.Close())
	switch {
	case err != nil && ctx.Err() != nil:
		fmt.Fprintln(sys.stderr, "authserver migrate-store: it was interrupted; the same command goes on where it stopped")
		return exitFailed
	case err != nil:
		fmt.Fprintln(sys.stderr, "authserver migrate-store:", err)
		return exitFailed
	}
	fmt.Fprintf(sys.stdout, "%d rows were copied and compared in %s. Now name the new store in the configuration, and start the server\n",
		rows, time.Since(began).Round(time.Second))
	return exitStopped
}

// migrateFlags reads the flags of migrate-store.
func migrateFlags(args []string, stderr io.Writer) (from, to string, err error) {
	fs := flag.NewFlagSet("authserver migrate-store", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() {
		fmt.Fprint(stderr, `Copies everything that one store keeps into another, empty one, and compares the two row by row.

  authserver migrate-store --from=sqlite:PATH --to=postgres://USER@HOST/DATABASE?password_file=FILE

No server may use either meanwhile. Stopped or killed, the same command goes on where it was. docs/postgres.md leads through
the change from one store to the other.
`)
		fs.PrintDefaults()
	}
	fs.StringVar(&from, "from", "", "the `STORE` to copy, as the configuration's key store names it")
	fs.StringVar(&to, "to", "", "the `STORE` to copy into; keep its password in a file, because others can see a command line")
	if err := fs.Parse(args); err != nil {
		return "", "", err
	}
	switch {
	case fs.NArg() > 0:
		return "", "", fmt.Errorf("%q is not a flag", fs.Arg(0))
	case from == "" || to == "":
		return "", "", errors.New("name both stores: --from=STORE --to=STORE")
	case from == to:
		return "", "", errors.New("--from and --to name the same store")
	}
	return from, to, nil
}

// openStores opens the source first: nothing is made in the target when there is none.
func openStores(ctx context.Context, from, to string) (source, target *transfer.Database, err error) {
	if source, err = store.OpenForTransfer(ctx, from, false); err != nil {
		return nil, nil, fmt.Errorf("--from: %w", err)
	}
	if target, err = store.OpenForTransfer(ctx, to, true); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("--to: %w", err), source.Close())
	}
	return source, target, nil
}

// reporter returns a function that prints what is being done when that changes, and how far it is every few seconds.
func reporter(out io.Writer, now func() time.Time) func(doing string, done, of int) {
	var last string
	var printed time.Time
	return func(doing string, done, of int) {
		if t := now(); doing != last || t.Sub(printed) >= migrateInterval {
			last, printed = doing, t
			fmt.Fprintf(out, "migrate-store: %s: %d of %d rows\n", doing, done, of)
		}
	}
}
