// SPDX-License-Identifier: Apache-2.0

package workloadtoken

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

const (
	// renewAfter is the share of a token's lifetime after which it is renewed, and jitter how much of it that differs by chance, so
	// that a thousand Pods which started together do not ask together.
	renewAfter, jitter = 0.66, 0.1
	// firstWait and longestWait bound the wait after a failure, which doubles.
	firstWait, longestWait = time.Second, time.Minute
)

// Keeper keeps a fresh token in a file.
type Keeper struct {
	// Fetch asks for a token once. It bounds the time that it takes.
	Fetch func(context.Context) (Token, error)
	// Path is the file. It is replaced in one step, and nobody but its owner and group may read it.
	Path string
	Log  *slog.Logger
	// Wait waits, and returns early with ctx's error when ctx ends.
	Wait func(ctx context.Context, d time.Duration) error
	// Chance returns a number from 0 up to but without 1.
	Chance func() float64
}

// Run keeps the file until ctx ends, and then returns nil. It gives up on nothing: a file that cannot be written today can be
// tomorrow. The file stays when it ends.
func (k *Keeper) Run(ctx context.Context) error {
	for failures := 0; ; {
		token, err := k.renew(ctx)
		wait := k.nextRenewal(token)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			wait = k.nextAttempt(failures)
			failures++
			k.Log.ErrorContext(ctx, "no new access token: what the file holds is used until it ends", "err", err, "again_in", wait.Round(time.Second).String())
		default:
			failures = 0
			k.Log.InfoContext(ctx, "the file holds a new access token", "file", k.Path, "expires", token.ExpiresAt.UTC().Format(time.RFC3339), "renewed_in", wait.Round(time.Second).String())
		}
		if err := k.Wait(ctx, wait); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("wait: %w", err)
		}
	}
}

func (k *Keeper) renew(ctx context.Context) (Token, error) {
	token, err := k.Fetch(ctx)
	if err != nil {
		return Token{}, err
	}
	return token, write(k.Path, token.AccessToken)
}

// nextRenewal is how long to wait before a token is renewed.
func (k *Keeper) nextRenewal(t Token) time.Duration {
	share := renewAfter + jitter*(k.Chance()-1)
	return time.Duration(share * float64(t.ExpiresAt.Sub(t.FetchedAt)))
}

// nextAttempt is how long to wait after a number of failures: half of it is left to chance.
func (k *Keeper) nextAttempt(failures int) time.Duration {
	wait := min(firstWait<<min(failures, 10), longestWait)
	return wait/2 + time.Duration(k.Chance()*float64(wait/2))
}

// write replaces a file: who reads it has the old token or the new one, whole.
func write(path, text string) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".gatehouse-token-")
	if err != nil {
		return fmt.Errorf("write the access token: %w", err)
	}
	_, err = file.WriteString(text)
	err = errors.Join(err, file.Chmod(0o640), file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write the access token: %w", err), os.Remove(file.Name()))
	}
	return nil
}
