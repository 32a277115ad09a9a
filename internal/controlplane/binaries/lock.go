// SPDX-License-Identifier: Apache-2.0

package binaries

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// lock waits until no other process builds the same versions, and says so while it waits. The kernel releases the
// lock when its holder dies, so a killed build blocks nobody.
func (b *builder) lock(ctx context.Context) (unlock func(), err error) {
	file, err := os.OpenFile(b.dir+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the lock of %s: %w", b.what, err)
	}
	if err := b.take(ctx, file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() { _ = file.Close() }, nil // closing releases it; the file stays, for others may be waiting on it
}

func (b *builder) take(ctx context.Context, file *os.File) error {
	start, said := b.now(), time.Time{}
	retry := time.NewTicker(200 * time.Millisecond)
	defer retry.Stop()
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil || !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		if b.now().Sub(said) >= b.interval {
			said = b.now()
			b.say("waiting for another build of the same versions, %s", b.since(start))
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
