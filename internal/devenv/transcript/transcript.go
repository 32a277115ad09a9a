// SPDX-License-Identifier: Apache-2.0

// Package transcript prints what happens, a line a step: when it was done, how long it took, what it was, what came of it.
// It reads the same piped into a file as on a terminal, but for a little boldness there.
//
// It does nothing itself: packages devenv and flows hand it their steps.
package transcript

import (
	"context"
	"fmt"
	"io"
	"time"
)

// A step that takes long says so after delay, and then every interval.
const (
	delay    = 3 * time.Second
	interval = 10 * time.Second
)

// Transcript prints steps to one writer, one step at a time.
type Transcript struct {
	out    io.Writer
	style  style
	now    func() time.Time
	start  time.Time
	delay  time.Duration
	steps  int
	failed bool
}

// style holds the escape sequences of a terminal; the zero value has none.
type style struct{ dim, bold, bad, end string }

// New starts a transcript: its times count from now. On a terminal its names are bold and its times dim.
func New(out io.Writer, terminal bool, now func() time.Time) *Transcript {
	t := &Transcript{out: out, now: now, start: now(), delay: delay}
	if terminal {
		t.style = style{dim: "\x1b[2m", bold: "\x1b[1m", bad: "\x1b[1;31m", end: "\x1b[m"}
	}
	return t
}

// Step does one step and prints its line: name and the sentence that do returns, or the error. While do takes longer than
// a few seconds, doing says what it is about. When ctx has ended the step is not begun, and no line is printed for an
// error that comes from ctx.
func (t *Transcript) Step(ctx context.Context, name, doing string, do func(context.Context) (string, error)) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	began := t.now()
	stop := t.reassure(doing)
	said, err := do(ctx)
	stop()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		t.failed = true
		t.line(began, t.style.bad, "FAILED", name+": "+err.Error())
		return fmt.Errorf("%s: %w", name, err)
	}
	t.steps++
	t.line(began, t.style.bold, name, said)
	return nil
}

// Steps is how many steps were done.
func (t *Transcript) Steps() int { return t.steps }

// Failed tells whether a step has failed: its error has been printed then.
func (t *Transcript) Failed() bool { return t.failed }

// Elapsed is the time since the transcript was started.
func (t *Transcript) Elapsed() time.Duration { return t.now().Sub(t.start) }

// Println prints a line of its own.
func (t *Transcript) Println(format string, args ...any) { t.print(format+"\n", args...) }

// line prints when a step that began then was done, what it took, and what came of it.
func (t *Transcript) line(began time.Time, emphasis, name, said string) {
	took := short(t.now().Sub(began))
	t.print("%s%6.2fs %6s%s  %s%-12s%s %s\n",
		t.style.dim, t.Elapsed().Seconds(), took, t.style.end, emphasis, name, t.style.end, said)
}

// reassure says what is being done until the returned function is called, which waits for the last word.
func (t *Transcript) reassure(doing string) (stop func()) {
	began := t.now()
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(t.delay)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				ticker.Reset(interval)
				t.print("%s%14s  %s, %s so far%s\n", t.style.dim, "", doing, short(t.now().Sub(began)), t.style.end)
			}
		}
	}()
	return func() { close(done); <-ended }
}

// print writes to the reader. Nobody reading is no reason to stop what goes on.
func (t *Transcript) print(format string, args ...any) { _, _ = fmt.Fprintf(t.out, format, args...) }

// short is d as people say it: milliseconds below a second, else seconds.
func short(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%dms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1fs", d.Seconds())
}
