// SPDX-License-Identifier: Apache-2.0

package devenv

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestPortsAreReadFromDEVPORT(t *testing.T) {
	for _, c := range []struct{ name, text, ports, err string }{
		{"a base port", "20000", "20000 to 20007", ""},
		{"the last possible", "65528", "65528 to 65535", ""},
		{"one too many", "65529", "", `DEV_PORT is "65529": it must be a port number from 1024 to 65528`},
		{"a privileged one", "443", "", `DEV_PORT is "443": it must be a port number from 1024 to 65528`},
		{"a word", "http", "", `DEV_PORT is "http": it must be a port number from 1024 to 65528`},
	} {
		t.Run(c.name, func(t *testing.T) {
			ports, err := ParsePorts(c.text)
			if c.err == "" && (err != nil || ports.String() != c.ports) {
				t.Errorf("%s, %v", ports, err)
			}
			if c.err != "" && (err == nil || err.Error() != c.err) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestAPortInUseIsNamedWithWhoNeedsIt(t *testing.T) {
	listener, ports := takePhotoPrintsPort(t)
	err := ports.Check(t.Context())
	for _, want := range []string{", for PhotoPrint, is in use.", "set DEV_PORT to another port"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %q", err, want)
		}
	}
	time.AfterFunc(50*time.Millisecond, func() { _ = listener.Close() })
	if err := ports.Check(t.Context()); err != nil {
		t.Errorf("a port that became free: %v", err)
	}
}

// takePhotoPrintsPort holds a port of which the next six are free. It looks where no connection of another program gets its port from, and
// no environment and no other test.
func takePhotoPrintsPort(t *testing.T) (net.Listener, Ports) {
	t.Helper()
	for ports := (Ports{20000}); ports.base < 32000; ports.base += 8 {
		listener, err := net.Listen("tcp4", address(ports.base+3))
		if err != nil {
			continue // somebody has it
		}
		t.Cleanup(func() { _ = listener.Close() })
		if len(ports.taken()) == 1 {
			return listener, ports
		}
	}
	t.Fatal("no port is followed by six free ones")
	return nil, Ports{}
}

func TestTheCertificateIsTrustedByWhoTrustsTheAuthority(t *testing.T) {
	folder := openFolder(t, t.TempDir())
	if err := WriteCertificates(folder.Path("tls"), time.Now()); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(folder.Path("tls/tls.crt"), folder.Path("tls/tls.key"))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	t.Cleanup(server.Close)
	client, err := newEnvironment(folder).Client()
	if err != nil {
		t.Fatal(err)
	}
	if err := probe(t.Context(), client, server.URL); err != nil {
		t.Error(err)
	}
	if err := probe(t.Context(), http.DefaultClient, server.URL); err == nil {
		t.Error("the certificate is trusted by everybody")
	}
}

func TestAProgramThatEndsByItselfIsToldAndItsLogKept(t *testing.T) {
	failed := make(chan error, 1)
	programs := newPrograms(t, func(err error) { failed <- err })
	program(t, programs, "operator", "echo one; echo the last word >&2; exit 3")
	if err := programs.start("operator", nil); err != nil {
		t.Fatal(err)
	}
	got := (<-failed).Error() + programs.tail("operator")
	for _, want := range []string{"operator has ended by itself", "logs/operator.log", "one", "the last word"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s\nlacks %q", got, want)
		}
	}
	if err := programs.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestStoppedProgramsAreGoneAndNotToldOf(t *testing.T) {
	programs := newPrograms(t, func(err error) { t.Errorf("told of %v", err) })
	program(t, programs, "operator", "echo started; exec sleep 1000")
	ready, stdout, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := programs.start("operator", stdout); err != nil {
		t.Fatal(err)
	}
	_ = stdout.Close()
	pid := programs.running[0].PID()
	if err := programs.stop(); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadAll(ready); err != nil { // ends when nobody holds the other end any more
		t.Error(err)
	}
	if _, err := os.Stat("/proc/self"); err == nil {
		if _, err := os.Stat("/proc/" + strconv.Itoa(pid)); !os.IsNotExist(err) {
			t.Errorf("process %d: %v", pid, err)
		}
	}
}

func TestACommandThatFailsSaysWhatItSaid(t *testing.T) {
	_, err := run(t.Context(), nil, nil, "sh", "-c", "echo no such thing >&2; exit 1")
	if err == nil || !strings.Contains(err.Error(), "exit status 1\nno such thing") {
		t.Error(err)
	}
	out, err := run(t.Context(), strings.NewReader("in"), []string{"WORD=out"}, "sh", "-c", "cat; echo $WORD")
	if err != nil || out != "inout\n" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestACommandEndsWhenThePersonDoesNotWantToWait(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := run(ctx, nil, nil, "sleep", "1000"); err == nil {
		t.Error("no error")
	}
}

func newEnvironment(folder *Folder) *Environment {
	return New(folder, Ports{20000}, io.Discard, time.Now, func(error) {})
}

func newPrograms(t *testing.T, failed func(error)) *programs {
	t.Helper()
	p := &programs{folder: openFolder(t, t.TempDir()), failed: failed}
	t.Cleanup(func() { _ = p.stop() }) // some tests have stopped them
	return p
}

// program puts a shell script where a program is expected.
func program(t *testing.T, p *programs, name, script string) {
	t.Helper()
	write(t, p.folder.Path("bin", name), "#!/bin/sh\n"+script+"\n")
	if err := os.Chmod(p.folder.Path("bin", name), 0o700); err != nil {
		t.Fatal(err)
	}
}
