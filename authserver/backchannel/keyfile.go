// SPDX-License-Identifier: Apache-2.0

package backchannel

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/assertion"
)

// fileAgainAfter is the least time between two looks at a file.
const fileAgainAfter = 5 * time.Second

// keyFile is a JWK Set in a file. While what stands there cannot be used, the last good one is, for an hour at most, but for keys whose
// private half it shows. A set without keys is a good one: then no key is accepted.
type keyFile struct {
	path string
	log  *slog.Logger
	now  func() time.Time

	mu     sync.Mutex
	text   []byte // that the keys are from
	set    []assertion.Key
	good   time.Time // when the file was good for the last time; zero: never
	looked time.Time
	err    error // of the last look
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

// keys returns the keys that stand in the file now, or stood there five seconds ago. While the file cannot be used, nobody knows whether it
// would have a key that is wanted and not known: the error wraps ErrUnavailable.
func (f *keyFile) keys(_ context.Context, wanted func(assertion.Key) bool) ([]assertion.Key, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if !within(now, f.looked, fileAgainAfter) {
		f.look(now)
	}
	if !within(now, f.good, keysKeptFor) || f.err != nil && !slices.ContainsFunc(f.set, wanted) {
		return nil, fmt.Errorf("%w: read the keys of a cluster: %w", authserver.ErrUnavailable, f.err)
	}
	return f.set, nil
}

// look reads the file, and logs what is wrong with it when that is something else than before.
func (f *keyFile) look(now time.Time) {
	before := f.err
	f.looked, f.err = now, f.read()
	switch {
	case f.err == nil:
		f.good = now
	case before == nil || before.Error() != f.err.Error():
		f.log.Warn("the file with the keys of a cluster cannot be used; those that were read before count for an hour, then the answer to its tokens is 503", "file", f.path, "err", f.err)
	}
}

// read reads the file, if it has changed.
func (f *keyFile) read() error {
	text, err := readKeyFile(f.path)
	if err != nil || f.text != nil && bytes.Equal(text, f.text) {
		return err
	}
	set, err := ofClusters.read(f.log, text)
	if err != nil {
		f.text, f.set = nil, assertion.Undisclosed(f.set, text)
		return err
	}
	f.text, f.set = text, set
	return nil
}
