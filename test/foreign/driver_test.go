// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"
)

// settings are what the app finds in its mounted Secret (the keys of api/v1alpha1), and what it knows of itself: "callback",
// "scope", "api" (the address of an API) and "way" (which of its library's ways to go).
type settings map[string]string

// back is what the driver gets when the browser is back.
type back struct {
	Back string `json:"back"`
}

// report is a line of a driver.
type report struct {
	Open    string `json:"open"`    // its user is to open this address; the next line of input says where the browser came back to
	Did     string `json:"did"`     // a step that the library has done
	Refused string `json:"refused"` // why the library stopped; the last line

	Status   int    `json:"status"`   // of call
	Body     string `json:"body"`     // of call
	Username string `json:"username"` // of introspect

	Statuses []int `json:"statuses"` // of a request that the test asked for
}

// driver is an app in its library's language. It reads and writes lines of JSON: first its settings.
type driver struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Scanner
}

// start starts a driver. It ends with its test.
func start(t *testing.T, e *environment, s settings, command ...string) *driver {
	t.Helper()
	// It ends with its input, not in the middle of an answer. One that hangs is killed.
	ctx, stop := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	t.Cleanup(stop)
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stderr = os.Stderr
	cmd.Env = append(os.Environ(), e.trust()...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start the driver: %v", err)
	}
	t.Cleanup(func() {
		_ = in.Close() // is what it ends at
		if err := cmd.Wait(); err != nil {
			t.Errorf("the driver: %v", err)
		}
	})
	d := &driver{t: t, in: in, out: bufio.NewScanner(out)}
	d.write(s)
	return d
}

// write hands the driver a line of JSON.
func (d *driver) write(value any) {
	d.t.Helper()
	line, err := json.Marshal(value)
	if err != nil {
		d.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(d.in, "%s\n", line); err != nil {
		d.t.Fatalf("write to the driver: %v", err)
	}
}

// next returns the next report, and false at the end of the driver's output.
func (d *driver) next() (r report, ok bool) {
	d.t.Helper()
	if !d.out.Scan() {
		if err := d.out.Err(); err != nil {
			d.t.Fatalf("read from the driver: %v", err)
		}
		return report{}, false
	}
	if err := json.Unmarshal(d.out.Bytes(), &r); err != nil {
		d.t.Fatalf("the driver writes %q: %v", d.out.Text(), err)
	}
	return r, true
}

// read returns the next report. There must be one.
func (d *driver) read() report {
	d.t.Helper()
	r, ok := d.next()
	if !ok {
		d.t.Fatal("the driver has ended")
	}
	return r
}
