// SPDX-License-Identifier: Apache-2.0

package flows

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"golang.org/x/oauth2"
)

// pause is between two requests of an app at work.
const pause = 5 * time.Millisecond

// work is PhotoPrint's, which refreshes again and again, each time with what its mounted Secret holds then. The first failure ends it.
type work struct {
	*flow
	cancel context.CancelFunc
	ended  chan struct{}

	token string // the refresh token

	mu     sync.Mutex
	got    map[string]int // answers with tokens, by client secret
	failed error
}

// startWork begins. The work ends with ctx at the latest.
func (t *flow) startWork(ctx context.Context, refreshToken string) *work {
	w := &work{flow: t, token: refreshToken, got: map[string]int{}, ended: make(chan struct{})}
	ctx, w.cancel = context.WithCancel(ctx)
	go func() {
		defer close(w.ended)
		for ctx.Err() == nil {
			if err := w.once(ctx); err != nil && ctx.Err() == nil {
				w.fail(err)
				return
			}
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
		}
	}()
	return w
}

// once asks for tokens once.
func (w *work) once(ctx context.Context) error {
	config, err := w.photoPrint()
	if errors.Is(err, fs.ErrNotExist) { // the files were being replaced, all at once; now the new ones are there
		config, err = w.photoPrint()
	}
	if err != nil {
		return err
	}
	return w.refresh(ctx, config)
}

// refresh exchanges the refresh token with the client secret of config. PhotoPrint is at work, or has stopped: never both at once.
func (w *work) refresh(ctx context.Context, config *oauth2.Config) error {
	next, err := config.TokenSource(w.context(ctx), &oauth2.Token{RefreshToken: w.token}).Token()
	if err != nil {
		return plain(err)
	}
	w.token = next.RefreshToken
	w.mu.Lock()
	defer w.mu.Unlock()
	w.got[config.ClientSecret]++
	return nil
}

// await waits until PhotoPrint was given tokens often enough with a client secret that is as wanted. A request that failed is an error.
func (w *work) await(ctx context.Context, wanted func(secret string) bool) error {
	ctx, cancel := context.WithTimeout(ctx, rotationTimeout)
	defer cancel()
	for w.count(wanted) < enough {
		select {
		case <-time.After(pause):
		case <-w.ended:
			return w.failure()
		case <-ctx.Done():
			return fmt.Errorf("PhotoPrint does not come to work with the client secret that is expected: %w", context.Cause(ctx))
		}
	}
	return nil
}

// count is how often PhotoPrint was given tokens with client secrets that are as wanted.
func (w *work) count(wanted func(secret string) bool) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for secret, got := range w.got {
		if wanted(secret) {
			n += got
		}
	}
	return n
}

// stop ends the work, and returns the error of a request that failed.
func (w *work) stop() error {
	w.cancel()
	<-w.ended
	return w.failure()
}

// failure is what ended the work by itself, or nil.
func (w *work) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

func (w *work) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed = fmt.Errorf("PhotoPrint got no tokens while its client secret was replaced: %w", err)
}
