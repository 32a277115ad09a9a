// SPDX-License-Identifier: Apache-2.0

// Command dev is behind `make demo` and `make run`: it starts all of Gatehouse on this machine, on loopback and with TLS,
// against a real Kubernetes API server, with two small apps that use it. `demo` then walks Bob through the flows of all profiles, checks
// each step, prints it, and stops everything; `run` keeps serving for a person with a browser; `walkthroughs` follows docs/walkthrough-*.md
// to see that they are still true.
//
//	DEV_DIR   folder for everything it writes (.dev); what an earlier run left there is removed: each starts from nothing
//	DEV_PORT  first of the eight ports it needs on 127.0.0.1: the authorization server, its metrics, the operator's metrics, PhotoPrint,
//	          PhotoStorage, the operator's probes, the API server, the admin endpoint (9440, or the next range that is free); etcd takes any free port
//	DEMO_KUBECONFIG  a kubeconfig whose current context names a cluster that is there: it is used in place of one that is started, and all
//	          that is made in it is removed at the end. A cluster that has any of it already is refused. `clean` removes what a run left that
//	          was killed. The command kubectl is needed, from PATH or as KUBECTL says
//	DEV_WHOLE when it is set, `demo` fails where PostgreSQL is missing, instead of leaving Miniflux out
//
// While everything serves, DEV_DIR/env holds what a shell needs. Whatever ends dev, nothing that it started outlives it.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/devenv"
	"github.com/gatehouse-dev/gatehouse/internal/devenv/transcript"
)

// commands are what dev does once everything serves.
var commands = map[string]func(context.Context, *dev) error{"demo": demo, "run": serve, "walkthroughs": walkthroughs}

func main() {
	if len(os.Args) != 2 || commands[os.Args[1]] == nil && os.Args[1] != "clean" {
		fmt.Fprintln(os.Stderr, "usage: go run ./hack/dev demo|run|walkthroughs|clean")
		os.Exit(2)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	go watchSignals(cancel)
	go watchParent(cancel)

	d := &dev{script: transcript.New(os.Stdout, isTerminal(os.Stdout), time.Now), cancel: cancel}
	err := d.run(ctx, commands[os.Args[1]])
	os.Exit(d.report(err))
}

// dev is one run of the command.
type dev struct {
	script *transcript.Transcript
	cancel context.CancelCauseFunc
	folder *devenv.Folder
	env    *devenv.Environment
	logs   string // the ends of the logs when something failed
}

// run starts everything, does what is wanted with it, and stops it.
func (d *dev) run(ctx context.Context, command func(context.Context, *dev) error) (err error) {
	if _, err := os.Stat("config/samples"); err != nil {
		return errors.New("config/samples is not here: run `make demo` or `make run` in the root folder of the repository")
	}
	if d.folder, err = devenv.OpenFolder(cmp.Or(os.Getenv("DEV_DIR"), ".dev")); err != nil {
		return err
	}
	ports, release, err := devenv.ReservePorts(ctx, os.Getenv("DEV_PORT"))
	if err != nil {
		return errors.Join(err, d.folder.Close())
	}
	defer func() { err = errors.Join(err, release()) }()
	d.script.Println("Gatehouse on 127.0.0.1, ports %s; all files in %s, logs in %s.\n", ports, d.folder.Shown(), d.folder.Shown("logs"))
	d.env = devenv.New(d.folder, ports, os.Stdout, time.Now, func(err error) { d.cancel(err) })
	d.env.UseCluster(os.Getenv("DEMO_KUBECONFIG"))
	defer func() { err = errors.Join(err, d.stop()) }()
	if command == nil {
		return d.clean(ctx)
	}
	if err := d.play(ctx, command); err != nil {
		d.logs = d.env.Logs() // before all that the programs say when they are stopped
		return err
	}
	return nil
}

// clean removes what a run that was killed left in a cluster of somebody's own.
func (d *dev) clean(ctx context.Context) error {
	if !d.env.InExistingCluster() {
		return errors.New("DEMO_KUBECONFIG is not set: a demo in a cluster of its own leaves nothing that has to be removed")
	}
	if err := d.env.Clean(ctx); err != nil {
		return err
	}
	d.script.Println("What a demo left in the cluster is removed.")
	return nil
}

// play starts the environment, says where it is, and does what is wanted in it.
func (d *dev) play(ctx context.Context, command func(context.Context, *dev) error) error {
	if err := d.env.Start(ctx, d.script); err != nil {
		return err
	}
	if err := d.env.WriteEnv(); err != nil {
		return err
	}
	return command(ctx, d)
}

// stop stops everything and says so when it takes long.
func (d *dev) stop() error {
	slow := time.AfterFunc(3*time.Second, func() { d.script.Println("Stopping everything, a moment...") })
	defer slow.Stop()
	return d.env.Stop()
}

// interrupted is the cause of an end that a person asked for.
type interrupted struct{ os.Signal }

func (i interrupted) Error() string { return i.String() }

// report says how it ended and returns the exit status.
func (d *dev) report(err error) int {
	if err == nil {
		return 0
	}
	if stopped, ok := errors.AsType[interrupted](err); ok {
		fmt.Fprintf(os.Stderr, "\nStopped by a signal (%v). Nothing is left running.\n", stopped)
		return 130
	}
	if !d.script.Failed() {
		fmt.Fprintf(os.Stderr, "%v\n", err)
	}
	if d.logs != "" {
		fmt.Fprintf(os.Stderr, "\n%s\n", d.logs)
	}
	return 1
}

// watchSignals stops everything at the first signal. One that comes later than a second after it ends the process at once, and with it
// what it started; sooner it is the same wish told twice, as by `timeout`, which signals the process and then its group.
func watchSignals(cancel context.CancelCauseFunc) {
	// SIGPIPE comes when nobody reads the transcript any more, as in `make demo | head`.
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE}
	signals = slices.DeleteFunc(signals, func(s os.Signal) bool { return s == syscall.SIGHUP && signal.Ignored(s) }) // nohup
	received := make(chan os.Signal, 1)
	signal.Notify(received, signals...)
	cancel(interrupted{<-received})
	time.Sleep(time.Second)
	signal.Reset(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
}

// watchParent stops everything when the one who started it is gone: `go run` does not hand on a SIGTERM.
func watchParent(cancel context.CancelCauseFunc) {
	for parent := os.Getppid(); os.Getppid() == parent; {
		time.Sleep(200 * time.Millisecond)
	}
	cancel(interrupted{syscall.SIGHUP})
}

// isTerminal tells whether a person looks at the file who wants to see colours (https://no-color.org).
func isTerminal(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
