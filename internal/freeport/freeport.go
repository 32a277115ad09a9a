// SPDX-License-Identifier: Apache-2.0

// Package freeport gives loopback ports to programs that are told where to listen: the servers that tests and benches start.
//
// A port that the kernel hands out and that is closed again may go to anybody else before the program listens there, or while
// the program is restarted. The ports of this package lie below those that the kernel hands out, and each is locked for the
// process that took it. The kernel releases the lock when the process ends.
package freeport

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

const (
	first = 13000
	last  = 19999
	// locks is where the locks are. TMPDIR could be another folder for each process, and the ports are the same for all.
	locks = "/tmp"
)

// taken are the locks of this process.
var taken struct {
	sync.Mutex
	next  int
	locks []*os.File
}

// Take returns a free port of 127.0.0.1 that no other caller gets, in this process or another, before this process ends.
func Take() (int, error) {
	folder := fmt.Sprintf("%s/gatehouse-ports-%d", locks, os.Getuid())
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return 0, fmt.Errorf("make the folder of reserved ports: %w", err)
	}
	taken.Lock()
	defer taken.Unlock()
	for port := max(first, taken.next); port <= last; port++ {
		lock, err := os.OpenFile(filepath.Join(folder, strconv.Itoa(port)), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return 0, fmt.Errorf("open the lock of port %d: %w", port, err)
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil && free(port) {
			taken.next, taken.locks = port+1, append(taken.locks, lock)
			return port, nil
		}
		if err := lock.Close(); err != nil {
			return 0, fmt.Errorf("let go of port %d: %w", port, err)
		}
	}
	return 0, errors.New("no port of 127.0.0.1 from " + strconv.Itoa(first) + " to " + strconv.Itoa(last) + " is free")
}

// Address is Take with the host before it: 127.0.0.1 and the port.
func Address() (string, error) {
	port, err := Take()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), err
}

// For is Address for a test, which fails if no port is free.
func For(t interface {
	Helper()
	Fatal(args ...any)
},
) string {
	t.Helper()
	address, err := Address()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func free(port int) bool {
	listener, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	return err == nil && listener.Close() == nil
}
