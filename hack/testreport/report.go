// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// event is a line of `go test -json`; see `go doc test2json` and, for the build's, `go help buildjson`.
type event struct {
	Action     string
	Package    string
	ImportPath string // of a build's output
	Test       string // empty for the package as a whole
	Output     string
	Elapsed    float64 // seconds
}

// report is what has been read so far.
type report struct {
	out      io.Writer
	packages map[string]*packageReport // those that have not ended
	passed   int                       // tests and subtests
	failed   []string
	skipped  []string
	silent   bool // nothing has been printed since the last tick
}

// packageReport is one package's tests.
type packageReport struct {
	output map[string]*strings.Builder // of the tests that have not ended, "" for the package
}

// read takes events up to the end. A line that is no event is printed: go test prints some errors that way. When nothing
// has been printed between two ticks, it says what is being waited for.
func (r *report) read(in io.Reader, ticks <-chan time.Time) error {
	lines, failure := make(chan []byte), make(chan error, 1)
	go func() {
		defer close(lines)
		failure <- split(in, lines)
	}()
	for {
		select {
		case line, more := <-lines:
			if !more {
				return <-failure
			}
			r.takeLine(line)
		case <-ticks:
			r.reassure()
		}
	}
}

// split sends the lines of in.
func split(in io.Reader, lines chan<- []byte) error {
	buffered := bufio.NewReader(in)
	for {
		line, err := buffered.ReadBytes('\n')
		if len(line) > 0 {
			lines <- line
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the output of go test: %w", err)
		}
	}
}

func (r *report) takeLine(line []byte) {
	var e event
	if json.Unmarshal(line, &e) != nil || e.Action == "" {
		r.print("%s", line)
		return
	}
	r.take(e)
}

// reassure breaks a long silence.
func (r *report) reassure() {
	if !r.silent {
		r.silent = true // until the next line
		return
	}
	if len(r.packages) == 0 {
		r.print("... compiling\n")
	}
	for _, name := range slices.Sorted(maps.Keys(r.packages)) {
		r.print("... running %s\n", name)
	}
}

func (r *report) take(e event) {
	switch {
	case e.Action == "build-output":
		r.print("%s", e.Output)
	case e.Package == "":
	case e.Test == "":
		r.takePackage(e)
	default:
		r.takeTest(e)
	}
}

func (r *report) takeTest(e event) {
	p, name := r.pkg(e.Package), e.Package+" "+e.Test
	switch e.Action {
	case "output":
		p.add(e.Test, e.Output)
	case "pass":
		r.passed++
	case "skip":
		r.skipped = append(r.skipped, name)
	case "fail":
		r.failed = append(r.failed, name)
		r.print("%s", p.text(e.Test))
	default:
		return
	}
	if e.Action != "output" {
		delete(p.output, e.Test)
	}
}

// takePackage prints the package's line, and what it said before when it failed.
func (r *report) takePackage(e event) {
	p := r.pkg(e.Package)
	switch e.Action {
	case "output":
		p.add("", e.Output)
		return
	case "fail":
		r.failed = append(r.failed, e.Package)
		// A test that was running when the program died has no end of its own.
		for _, test := range slices.Sorted(maps.Keys(p.output)) {
			r.print("%s", p.text(test))
		}
	case "pass", "skip":
		r.print("%s", lastLine(p.text("")))
	default:
		return
	}
	delete(r.packages, e.Package)
}

// finish prints the sum.
func (r *report) finish() {
	for _, name := range slices.Sorted(maps.Keys(r.packages)) {
		r.print("did not end: %s\n", name)
	}
	for _, name := range r.failed {
		r.print("failed: %s\n", name)
	}
	for _, name := range r.skipped {
		r.print("skipped, which counts as a failure here: %s\n", name)
	}
	r.print("%d tests passed, %d failed, %d were skipped\n", r.passed, len(r.failed), len(r.skipped))
}

// good tells whether every test passed, and there was one.
func (r *report) good() bool {
	return r.passed > 0 && len(r.failed)+len(r.skipped)+len(r.packages) == 0
}

func (r *report) print(format string, args ...any) {
	r.silent = false
	_, _ = fmt.Fprintf(r.out, format, args...) // whoever closed the pipe does not want to read it
}

func (r *report) pkg(name string) *packageReport {
	if r.packages[name] == nil {
		r.packages[name] = &packageReport{output: map[string]*strings.Builder{}}
	}
	return r.packages[name]
}

func (p *packageReport) add(test, output string) {
	if p.output[test] == nil {
		p.output[test] = &strings.Builder{}
	}
	p.output[test].WriteString(output)
}

func (p *packageReport) text(test string) string {
	if p.output[test] == nil {
		return ""
	}
	return p.output[test].String()
}

// lastLine is go test's own line about the package: "ok ..." or "? ... [no test files]".
func lastLine(text string) string {
	if text == "" {
		return ""
	}
	lines := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
	return lines[len(lines)-1] + "\n"
}
