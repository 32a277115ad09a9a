// SPDX-License-Identifier: Apache-2.0

package resourceserver

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	// keysPath is where Gatehouse publishes its keys, below the issuer.
	keysPath = "/oauth2/keys"
	// keysFresh is how long keys are used before they are read again: a key that was thrown out is refused from then on.
	keysFresh = 15 * time.Minute
	// keysOld is how long they are used if they cannot be read again. No token lives longer than an hour.
	keysOld = time.Hour
	// keysPause is how long nobody reads them after somebody has tried, whatever tokens come in.
	keysPause = 5 * time.Second
	// maxKeys bounds how many are kept, and minRSA is the least that RFC 7518 §3.3 allows.
	maxKeys = 64
	minRSA  = 2048
)

// published are the keys as they were read.
type published struct {
	keys map[string]jose.JSONWebKey
	at   time.Time // zero: never
}

// keySet knows the keys of the issuer.
type keySet struct {
	endpoint   string
	client     *http.Client
	algorithms []jose.SignatureAlgorithm
	now        func() time.Time
	log        *slog.Logger

	known atomic.Pointer[published]
	mu    sync.Mutex // guards what follows; nobody waits for the issuer with it
	begun *reading   // nil: nobody reads
	tried time.Time
	err   error // of the last try
}

// reading is one try to read the keys.
type reading struct {
	done chan struct{} // closed at its end
	err  error         // set before that
}

// keysError says that the keys cannot be read. The log knows it already: once for each try, not for each token.
type keysError struct{ error }

func (e keysError) Unwrap() error { return e.error }

func newKeySet(c Config, client *http.Client) *keySet {
	s := &keySet{endpoint: c.Issuer + keysPath, client: client, algorithms: c.algorithms(), now: c.Now, log: c.Log}
	s.known.Store(&published{})
	return s
}

// find returns the key with the ID. It reads the keys if they are not fresh or the key is not among them. The error is
// that they cannot be read.
func (s *keySet) find(ctx context.Context, id string) (key jose.JSONWebKey, found bool, err error) {
	before := s.known.Load()
	age := s.now().Sub(before.at)
	key, found = before.keys[id]
	if found && age < keysFresh {
		return key, true, nil
	}
	err = s.read(ctx, before, !found || age >= keysOld) // else, if somebody reads them already, nobody else has to wait
	now := s.known.Load()
	if s.now().Sub(now.at) >= keysOld {
		return jose.JSONWebKey{}, false, keysError{errors.Join(errors.New("the keys of the issuer cannot be read"), err)}
	}
	if key, found = now.keys[id]; found {
		return key, true, nil
	}
	return jose.JSONWebKey{}, false, err
}

// read has the keys read, unless somebody has since before, or tried a moment ago. It waits for a try of its own, and for one of
// somebody else if it has to, but no longer than ctx lasts.
func (s *keySet) read(ctx context.Context, before *published, wait bool) error {
	r, ours, err := s.begin(ctx, before)
	if r == nil || !ours && !wait {
		return err
	}
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return keysError{fmt.Errorf("wait for the keys: %w", ctx.Err())}
	}
}

// begin returns the try that is under way, and whether it began it. nil: there is none, because of the error or because the
// keys are there.
func (s *keySet) begin(ctx context.Context, before *published) (r *reading, ours bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.known.Load() != before:
		return nil, false, nil
	case s.begun != nil:
		return s.begun, false, nil
	case !s.tried.IsZero() && s.now().Sub(s.tried) < keysPause:
		return nil, false, s.err
	}
	s.begun = &reading{done: make(chan struct{})}
	go s.run(context.WithoutCancel(ctx), s.begun) // who hangs up must not keep the keys from all others
	return s.begun, true, nil
}

// run is one try. It ends within askTimeout.
func (s *keySet) run(ctx context.Context, r *reading) {
	at := s.now()
	keys, err := s.fetch(ctx)
	if err != nil {
		s.log.ErrorContext(ctx, "the keys of the issuer cannot be read", "err", err)
		err = keysError{err}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.known.Store(&published{keys, at})
	}
	s.begun, s.err, s.tried = nil, err, s.now() // who waited for a server that hangs does not wait for it again
	r.err = err
	close(r.done)
}

func (s *keySet) fetch(ctx context.Context) (map[string]jose.JSONWebKey, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.endpoint, nil)
	if err != nil {
		return nil, fmt.Errorf("read the keys: %w", err)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("read the keys: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("read the keys: %s answered %s", s.endpoint, res.Status)
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the keys: %w", err)
	}
	return s.parse(text)
}

// parse reads a JWK Set (RFC 7517 §5). Keys that are of no use here are left out.
func (s *keySet) parse(text []byte) (map[string]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("read the keys: %s did not answer with a JWK Set", s.endpoint)
	}
	keys := map[string]jose.JSONWebKey{}
	for _, raw := range set.Keys[:min(len(set.Keys), maxKeys)] {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(raw) == nil && s.usable(key) {
			keys[key.KeyID] = key
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("read the keys: %s has no key for %v", s.endpoint, s.algorithms)
	}
	return keys, nil
}

func (s *keySet) usable(key jose.JSONWebKey) bool {
	if public, ok := key.Key.(*rsa.PublicKey); ok && public.N.BitLen() < minRSA {
		return false
	}
	return key.KeyID != "" && key.IsPublic() && (key.Use == "" || key.Use == "sig") &&
		slices.Contains(s.algorithms, jose.SignatureAlgorithm(key.Algorithm))
}
