// SPDX-License-Identifier: Apache-2.0

package backchannel

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/assertion"
)

// fileAgainAfter is the least time between two looks at a file.
const fileAgainAfter = 5 * time.Second

// keyFile is a JWK Set in a file. The last good one is used while what stands there cannot be, but for keys whose private half it shows.
type keyFile struct {
	path string
	log  *slog.Logger
	now  func() time.Time

	mu     sync.Mutex
	text   []byte // that the keys are from
	set    []assertion.Key
	looked time.Time
	wrong  string // what was logged last
}

// CheckKeyFile returns what is wrong with a file of a cluster's keys.
func CheckKeyFile(path string) error {
	text, err := readKeyFile(path)
	if err != nil {
		return err
	}
	_, err = assertion.ParseClusterKeys(text)
	return err
}

// readKeyFile reads one byte more than a set may have, if there is as much.
func readKeyFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, assertion.MaxSet+1))
}

// keys returns the keys that stand in the file now, or stood there five seconds ago.
func (f *keyFile) keys(ctx context.Context, _ func(assertion.Key) bool) ([]assertion.Key, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if within(now, f.looked, fileAgainAfter) && f.set != nil {
		return f.set, nil
	}
	f.looked = now
	err := f.look()
	switch {
	case err == nil:
		f.wrong = ""
	case f.set == nil:
		return nil, fmt.Errorf("%w: read the keys of a cluster: %w", authserver.ErrUnavailable, err)
	case err.Error() != f.wrong:
		f.wrong = err.Error()
		f.log.WarnContext(ctx, "the file with the keys of a cluster cannot be used; those that were read before stay in use", "file", f.path, "err", err)
	}
	return f.set, nil
}

// look reads the file, if it has changed.
func (f *keyFile) look() error {
	text, err := readKeyFile(f.path)
	if err != nil || f.set != nil && bytes.Equal(text, f.text) {
		return err
	}
	set, err := assertion.ParseClusterKeys(text)
	if err != nil {
		f.text, f.set = nil, assertion.Undisclosed(f.set, text)
		return err
	}
	f.text, f.set = text, set
	return nil
}
