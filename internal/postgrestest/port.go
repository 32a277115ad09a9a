// SPDX-License-Identifier: Apache-2.0

package postgrestest

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

// The ports of test servers: below those that the kernel hands out, so that none is taken while its server is stopped.
const (
	firstPort = 13000
	lastPort  = 13999
)

// ports are the locks of this process: the kernel releases them when the process ends.
var ports struct {
	sync.Mutex
	locks []*os.File
}

// reservePort returns a free port on loopback that no other test process gets before this one ends.
func reservePort() (int, error) {
	folder := filepath.Join(os.TempDir(), fmt.Sprintf("gatehouse-ports-%d", os.Getuid()))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return 0, fmt.Errorf("make the folder of reserved ports: %w", err)
	}
	ports.Lock()
	defer ports.Unlock()
	for port := firstPort; port <= lastPort; port++ {
		lock, err := os.OpenFile(filepath.Join(folder, strconv.Itoa(port)), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return 0, fmt.Errorf("open the lock of port %d: %w", port, err)
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil && free(port) {
			ports.locks = append(ports.locks, lock)
			return port, nil
		}
		if err := lock.Close(); err != nil {
			return 0, fmt.Errorf("let go of port %d: %w", port, err)
		}
	}
	return 0, errors.New("no port is free for PostgreSQL")
}

func free(port int) bool {
	listener, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	return err == nil && listener.Close() == nil
}
