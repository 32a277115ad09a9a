// SPDX-License-Identifier: Apache-2.0

// Package backchannel tells clients that a session has ended (OpenID Connect Back-Channel Logout 1.0): it sends logout tokens to their
// addresses, and tries again where nobody takes them. The addresses come from whoever may declare a client. So it goes to no address
// inside the cluster or its network, follows no redirect, and a client that is slow holds nobody else up.
//
//	sender.go  who is told when, and how many at a time
//	client.go  one logout token on its way; address.go: where it may go
package backchannel

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/netip"
	"net/url"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oidc"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

const (
	// batch is how many logouts are claimed at a time, held how many are claimed and not done.
	batch, held = 16, 256
	// parallel is how many logout tokens are under way, perHost how many to one host.
	parallel, perHost = 64, 4
	// restTime is how long a host that failed gets no logout token.
	restTime = 30 * time.Second
)

// Engine is what the package needs of an authserver.Server.
type Engine interface {
	LogoutsDue() <-chan struct{}
	ClaimLogouts(ctx context.Context, busy []string, limit int) ([]authserver.BackChannelLogout, error)
	LogoutTold(ctx context.Context, l authserver.BackChannelLogout) error
	LogoutFailed(ctx context.Context, l authserver.BackChannelLogout, why error) (again time.Time, err error)
	ReturnLogout(ctx context.Context, l authserver.BackChannelLogout, at time.Time) error
	SigningKey(algorithm credential.SigningAlgorithm) (credential.SigningKey, error)
}

// Config is what a Sender is made of. All fields but AllowedNetworks and CAFile are required.
type Config struct {
	Engine Engine
	Issuer string
	// AllowedNetworks are networks inside the cluster or around it where clients may be told all the same.
	AllowedNetworks []netip.Prefix
	// CAFile is a file with certificates of authorities in PEM, beside those of the machine. It may change.
	CAFile string
	Log    *slog.Logger
	// Count is told of each attempt.
	Count func(authserver.LogoutOutcome)
	// Now tells the time of the store.
	Now func() time.Time
}

// Sender tells clients that sessions have ended.
type Sender struct {
	Config
	poster *poster

	ended   chan ended
	claimed int // in the queues or under way
	sending int // under way
	hosts   map[string]*host
}

// host is where clients are told.
type host struct {
	queue   []authserver.BackChannelLogout
	sending int
	rests   time.Time // until then it gets nothing
	clients map[string]bool
}

// ended says that one attempt is over.
type ended struct {
	host  string
	rests time.Time // how long the host is to rest; zero: it need not
}

// New returns a sender that has not begun.
func New(c Config) *Sender {
	return &Sender{
		Config: c, poster: &poster{allowed: c.AllowedNetworks, caFile: c.CAFile, timeout: answerTime},
		ended: make(chan ended, parallel), hosts: map[string]*host{},
	}
}

// Run tells clients until ctx ends: at each tick, when this server has ended a session, and when there is room again. Then it waits for what is
// under way, which ctx ends too.
func (s *Sender) Run(ctx context.Context, tick <-chan time.Time) {
	for {
		s.claim(ctx)
		s.begin(ctx)
		select {
		case <-ctx.Done():
			s.stop(ctx)
			return
		case <-tick:
		case <-s.Engine.LogoutsDue():
		case e := <-s.ended:
			s.over(e)
		}
	}
}

// claim takes what is due into the queues.
func (s *Sender) claim(ctx context.Context) {
	for room := held - s.claimed; room > 0 && ctx.Err() == nil; room = held - s.claimed {
		limit := min(batch, room)
		due, err := s.Engine.ClaimLogouts(ctx, s.busy(), limit)
		for _, l := range due {
			h := s.hostOf(l)
			h.queue = append(h.queue, l)
			h.clients[l.Client.UID] = true
			s.claimed++
		}
		if err != nil && ctx.Err() == nil {
			s.Log.WarnContext(ctx, "logouts could not be claimed; the next look tries again", "err", err)
		}
		if err != nil || len(due) < limit {
			return
		}
	}
}

func (s *Sender) hostOf(l authserver.BackChannelLogout) *host {
	name := hostName(l)
	if s.hosts[name] == nil {
		s.hosts[name] = &host{clients: map[string]bool{}}
	}
	return s.hosts[name]
}

func hostName(l authserver.BackChannelLogout) string {
	u, err := url.Parse(l.Client.OpenID.BackChannelLogoutURI)
	if err != nil {
		return ""
	}
	return u.Host
}

// busy are the clients of hosts that have enough to do, or rest. A host that has nothing to do and does not rest is forgotten.
func (s *Sender) busy() []string {
	var busy []string
	for name, h := range s.hosts {
		switch {
		case len(h.queue) > 0 || h.sending >= perHost || s.Now().Before(h.rests):
			for uid := range h.clients {
				busy = append(busy, uid)
			}
		case h.sending == 0:
			delete(s.hosts, name)
		}
	}
	return busy
}

// begin sends what may be sent now.
func (s *Sender) begin(ctx context.Context) {
	for name, h := range s.hosts {
		for len(h.queue) > 0 && ctx.Err() == nil && s.next(ctx, name, h) {
		}
	}
}

// next takes the first logout of a host's queue, unless it has to wait for others. What is for a host that rests goes back, and what was
// held for too long is left to whoever claims it next.
func (s *Sender) next(ctx context.Context, name string, h *host) bool {
	l := h.queue[0]
	rests, late := s.Now().Before(h.rests), s.Now().Add(answerTime).After(l.LeasedUntil)
	if !rests && !late && (h.sending >= perHost || s.sending >= parallel) {
		return false
	}
	h.queue = h.queue[1:]
	switch {
	case rests:
		s.giveBack(ctx, l, h.rests)
		s.claimed--
	case late:
		s.claimed--
	default:
		h.sending++
		s.sending++
		go func() { s.ended <- ended{name, s.tell(ctx, l)} }()
	}
	return true
}

// over makes room for others.
func (s *Sender) over(e ended) {
	s.claimed--
	s.sending--
	if h := s.hosts[e.host]; h != nil {
		h.sending--
		if e.rests.After(h.rests) {
			h.rests = e.rests
		}
	}
}

// stop gives back what was not begun, and waits for what was.
func (s *Sender) stop(ctx context.Context) {
	for _, h := range s.hosts {
		for _, l := range h.queue {
			s.giveBack(ctx, l, s.Now())
			s.claimed--
		}
		h.queue = nil
	}
	for s.claimed > 0 {
		s.over(<-s.ended)
	}
}

func (s *Sender) giveBack(ctx context.Context, l authserver.BackChannelLogout, at time.Time) {
	if err := s.Engine.ReturnLogout(context.WithoutCancel(ctx), l, at); err != nil {
		s.Log.WarnContext(ctx, "a logout could not be returned; it is tried again in a few minutes", "err", err)
	}
}

var errNoKey = errors.New("there is no key to sign with")

// tell sends one logout token and keeps how it went. It returns how long the host is to rest, which did not answer.
func (s *Sender) tell(ctx context.Context, l authserver.BackChannelLogout) (rests time.Time) {
	err := s.send(ctx, l)
	if err != nil && ctx.Err() != nil || errors.Is(err, errNoKey) { // nothing is known of the client
		at := s.Now()
		if ctx.Err() == nil {
			at = at.Add(restTime)
		}
		s.giveBack(ctx, l, at)
		return rests
	}
	ctx = context.WithoutCancel(ctx)
	if err == nil {
		s.keep(ctx, s.Engine.LogoutTold(ctx, l))
		s.Count(authserver.LogoutDelivered)
		return rests
	}
	if !answered(err) {
		rests = s.Now().Add(restTime)
	}
	again, kept := s.Engine.LogoutFailed(ctx, l, err)
	s.keep(ctx, kept)
	if again.IsZero() && kept == nil {
		s.Log.ErrorContext(ctx, "a client was not told that a session has ended, and it is not tried again: its people may still be signed in there",
			"client", l.Client.ID, "attempts", authserver.MaxLogoutAttempts, "err", err)
		s.Count(authserver.LogoutGivenUp)
		return rests
	}
	s.Log.WarnContext(ctx, "a client could not be told that a session has ended", "client", l.Client.ID, "again", again, "err", err)
	s.Count(authserver.LogoutFailed)
	return rests
}

func (s *Sender) keep(ctx context.Context, err error) {
	if err != nil {
		s.Log.WarnContext(ctx, "what became of a logout could not be kept; it may be sent once more", "err", err)
	}
}

// send makes a logout token of its own for each attempt.
func (s *Sender) send(ctx context.Context, l authserver.BackChannelLogout) error {
	key, err := s.Engine.SigningKey(credential.SigningAlgorithm(l.Client.OpenID.SigningAlgorithm))
	if err != nil {
		return errors.Join(errNoKey, err)
	}
	token, err := oidc.LogoutToken(s.Issuer, key, l, rand.Text(), s.Now())
	if err != nil {
		return err
	}
	return s.poster.post(ctx, l.Client.OpenID.BackChannelLogoutURI, token)
}
