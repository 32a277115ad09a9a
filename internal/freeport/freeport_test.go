// SPDX-License-Identifier: Apache-2.0

package freeport

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

const inChild = "GATEHOUSE_FREEPORT_CHILD"

// The parent and a second process take ports in turn: none is given twice, although nobody listens there.
func TestAPortIsGivenOnce(t *testing.T) {
	if os.Getenv(inChild) != "" {
		for range 5 {
			_, _ = os.Stdout.WriteString("port " + For(t) + "\n")
		}
		return
	}
	given := map[string]bool{}
	for range 5 {
		given[For(t)] = true
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), inChild+"=1", "TMPDIR="+t.TempDir()) // the ports are the same in every folder
	text, err := child.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	for line := range strings.Lines(string(text)) {
		if address, is := strings.CutPrefix(strings.TrimSpace(line), "port "); is {
			given[address] = true
		}
	}
	if len(given) != 10 {
		t.Errorf("ten calls gave %d addresses", len(given))
	}
}

func TestAPortWhereSomebodyListensIsNotGiven(t *testing.T) {
	before, err := Take()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: before + 1})
	if err == nil { // or another process listens there
		defer listener.Close()
	}
	after, err := Take()
	if err != nil {
		t.Fatal(err)
	}
	if after <= before+1 {
		t.Errorf("port %d was given after %d, and somebody listens at %d", after, before, before+1)
	}
}
