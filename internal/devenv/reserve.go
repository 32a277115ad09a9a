// SPDX-License-Identifier: Apache-2.0

package devenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Bases of the ranges that ReservePorts tries: every tenth port from DefaultPort on.
const (
	rangeStep = 10
	ranges    = 100
)

// ReservePorts returns the ports that text, the value of DEV_PORT, names. Without one it returns the first range from DefaultPort on
// that is free, and no other environment of this machine gets that range before release is called, or the process ends.
func ReservePorts(ctx context.Context, text string) (ports Ports, release func() error, err error) {
	if text != "" {
		if ports, err = ParsePorts(text); err != nil {
			return Ports{}, nil, err
		}
		return ports, func() error { return nil }, ports.Check(ctx)
	}
	return reserveFrom(filepath.Join(os.TempDir(), fmt.Sprintf("gatehouse-ports-%d", os.Getuid())))
}

// reserveFrom reserves by a lock on a file in the folder.
func reserveFrom(folder string) (Ports, func() error, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return Ports{}, nil, fmt.Errorf("make the folder of reserved ports: %w", err)
	}
	for n := range ranges {
		ports := Ports{DefaultPort + n*rangeStep}
		release, err := ports.reserve(folder)
		if err != nil {
			return Ports{}, nil, err
		}
		if release != nil {
			return ports, release, nil
		}
	}
	return Ports{}, nil, fmt.Errorf("none of the %d ranges of ports from %d on is free: set DEV_PORT to the first of 8 ports that are", ranges, DefaultPort)
}

// reserve returns nil if another environment has the ports, or one of them is in use.
func (p Ports) reserve(folder string) (release func() error, err error) {
	lock, err := os.OpenFile(filepath.Join(folder, fmt.Sprint(p.base)), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock of the ports %s: %w", p, err)
	}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return nil, lock.Close()
	case err != nil:
		return nil, errors.Join(fmt.Errorf("reserve the ports %s: %w", p, err), lock.Close())
	case len(p.taken()) > 0:
		return nil, lock.Close()
	default:
		return lock.Close, nil // the kernel releases the lock with the file, and when the process dies
	}
}
