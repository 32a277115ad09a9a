// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/smallfile"
)

const (
	// avoidFor is how long a server that failed is asked after the others.
	avoidFor = 30 * time.Second
	// restFor is how long nobody is asked after all servers have failed: everybody else is told so at once.
	restFor = 2 * time.Second
)

// servers are those of the configuration, and how they were lately.
type servers struct {
	config Config
	log    *slog.Logger
	now    func() time.Time

	mu     sync.Mutex
	failed map[string]time.Time // by URL
	down   error                // why none of them answered; nil: one did
	until  time.Time            // nobody is asked before
	trying bool                 // somebody finds out whether they are back
}

func newServers(c Config, log *slog.Logger, now func() time.Time) *servers {
	return &servers{config: c, log: log, now: now, failed: map[string]time.Time{}}
}

// connect opens a connection to the first server that takes one, and begins it. Its error wraps ErrUnavailable.
func (s *servers) connect(ctx context.Context, begin func(context.Context, *conn) error) (*conn, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	var errs []error
	urls := s.order()
	for i, server := range urls {
		opened, err := s.try(ctx, server, len(urls)-i, begin)
		if err == nil {
			s.leave(ctx, nil)
			return opened, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", server, clean(err)))
		if errors.Is(ctx.Err(), context.Canceled) { // who asked went away, which says nothing about the servers
			s.leave(ctx, nil)
			return nil, unavailable(errs)
		}
		s.avoid(server)
	}
	err := unavailable(errs)
	s.leave(ctx, err)
	return nil, err
}

func unavailable(errs []error) error {
	return fmt.Errorf("ask LDAP: %w: %w", authserver.ErrUnavailable, errors.Join(errs...))
}

// try takes its part of the time that is left, so that the next server gets one, too.
func (s *servers) try(ctx context.Context, server string, parts int, begin func(context.Context, *conn) error) (*conn, error) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, deadline.Sub(s.now())/time.Duration(parts+1))
		defer cancel()
	}
	opened, err := dial(ctx, s.config, server)
	if err != nil {
		return nil, err
	}
	if err := opened.ask(ctx, func() error { return begin(ctx, opened) }); err != nil {
		opened.end()
		return nil, err
	}
	return opened, nil
}

// order returns the URLs as configured, those that failed lately last.
func (s *servers) order() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var first, last []string
	for _, server := range s.config.URLs {
		if at, ok := s.failed[server]; ok && s.now().Sub(at) < avoidFor {
			last = append(last, server)
		} else {
			first = append(first, server)
		}
	}
	return append(first, last...)
}

func (s *servers) avoid(server string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed[server] = s.now()
}

// enter lets one try while all servers are down, and everybody else know at once.
func (s *servers) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down == nil {
		return nil
	}
	if s.trying || s.now().Before(s.until) {
		return s.down
	}
	s.trying = true
	return nil
}

// leave ends an attempt to connect. One that succeeded proves little yet: others wait for the answer to its
// first question.
func (s *servers) leave(ctx context.Context, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trying = false
	if err != nil {
		s.fail(ctx, err)
	} else if s.down != nil {
		s.until = s.now().Add(restFor)
	}
}

// fail lets everybody know at once for a while. The caller holds mu.
func (s *servers) fail(ctx context.Context, err error) {
	if s.down == nil {
		s.log.ErrorContext(ctx, "no LDAP server answers: its people cannot log in", "err", err)
	}
	s.down, s.until = err, s.now().Add(restFor)
}

// answered keeps that a server answered a question.
func (s *servers) answered(ctx context.Context, server string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != nil {
		s.log.InfoContext(ctx, "an LDAP server answers again", "url", server)
	}
	s.down = nil
	delete(s.failed, server)
}

// failedToAnswer keeps that a server took a connection and gave no answer, and returns an error that wraps ErrUnavailable.
func (s *servers) failedToAnswer(ctx context.Context, server string, err error) error {
	err = unavailable([]error{fmt.Errorf("%s: %w", server, clean(err))})
	if errors.Is(ctx.Err(), context.Canceled) { // who asked went away
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed[server] = s.now()
	for _, other := range s.config.URLs {
		if at, ok := s.failed[other]; !ok || s.now().Sub(at) >= avoidFor {
			return err
		}
	}
	s.fail(ctx, err)
	return err
}

// bindAsService binds as the account that searches, with the password that the file has now.
func (c Config) bindAsService(_ context.Context, opened *conn) error {
	raw, err := smallfile.Read(c.PasswordFile, maxSecretFile)
	if err != nil {
		return fmt.Errorf("passwordFile: %w", err)
	}
	password := strings.TrimRight(string(raw), "\r\n")
	if password == "" {
		return errors.New("passwordFile: it is empty")
	}
	if err := opened.Bind(c.BindDN, password); err != nil {
		return fmt.Errorf("bind as bindDN: %w", clean(err))
	}
	return nil
}

// maxCleaned bounds what is taken of the words of a server.
const maxCleaned = 200

// clean returns an error that says the code and, in few characters without control, what a server wrote.
func clean(err error) error {
	answer, ok := errors.AsType[*ldap.Error](err)
	if !ok || answer.Err == nil {
		return err
	}
	said := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, answer.Err.Error())
	return fmt.Errorf("LDAP result %d (%s), the server said %.*q", answer.ResultCode, ldap.LDAPResultCodeMap[answer.ResultCode], maxCleaned, said)
}

// isDown reports whether no server answered when they were asked last.
func (s *servers) isDown() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.down != nil
}
