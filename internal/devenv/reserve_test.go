// SPDX-License-Identifier: Apache-2.0

package devenv

import (
	"net"
	"testing"
)

// Environments that start at once on one machine get ports of their own.
func TestNoTwoEnvironmentsGetThePortsOfOne(t *testing.T) {
	folder := t.TempDir()
	given := map[int]bool{}
	var releases []func() error
	for range 3 {
		ports, release, err := reserveFrom(folder)
		if err != nil {
			t.Fatal(err)
		}
		if given[ports.base] || ports.base < DefaultPort {
			t.Errorf("%s are given twice, or come before the first", ports)
		}
		given[ports.base] = true
		releases = append(releases, release)
	}
	if err := releases[1](); err != nil {
		t.Fatal(err)
	}
	again, release, err := reserveFrom(folder)
	if err != nil || !given[again.base] {
		t.Errorf("%s, %v: want the ports that were released", again, err)
	}
	for _, release := range []func() error{releases[0], releases[2], release} {
		if err := release(); err != nil {
			t.Error(err)
		}
	}
}

func TestPortsInUseAreNotReserved(t *testing.T) {
	folder := t.TempDir()
	first, release, err := reserveFrom(folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp4", address(first.photoStorage()))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	second, release, err := reserveFrom(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = release() }()
	if second.base <= first.base {
		t.Errorf("got %s although a port of %s is in use", second, first)
	}
}

func TestDEVPORTIsTakenAsItIs(t *testing.T) {
	listener, ports := takePhotoPrintsPort(t)
	text := ports.String()[:len("20000")]
	if _, _, err := ReservePorts(t.Context(), text); err == nil {
		t.Error("a port in use is taken")
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	got, release, err := ReservePorts(t.Context(), text)
	if err != nil || got != ports {
		t.Fatalf("got %s (%v), want %s", got, err, ports)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
	if _, _, err := ReservePorts(t.Context(), "http"); err == nil {
		t.Error("a word is taken for a port")
	}
}
