// SPDX-License-Identifier: Apache-2.0

// Package backchannel goes to addresses that clients name. It tells clients that a session has ended (OpenID Connect Back-Channel Logout
// 1.0): it sends logout tokens, and tries again where nobody takes them. And it reads the public keys that clients keep at an address
// (jwks_uri). The addresses come from whoever may declare a client. So it goes to no address inside the cluster or its network, follows no
// redirect, and a client that is slow holds nobody else up. The keys of other clusters are read in the same way, but from wherever the
// configuration says.
//
//	sender.go   who is told when, and how many at a time; claim.go: what is due
//	keysets.go  public keys, and for how long they are used; setreader.go: what counts as a set
//	clusters.go those of clusters: from an address, the issuer's metadata, or keyfile.go
//	client.go   one request on its way; address.go: where it may go
package backchannel

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oidc"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

const (
	// batch is how many logouts are claimed at a time, held how many are claimed and not done.
	batch, held = 16, 256
	// parallel is how many logout tokens are under way, perNamespace how many to clients of one namespace, perHost how many of those to
	// one host.
	parallel, perNamespace, perHost = 64, 16, 4
	// heldPerNamespace is how many of one namespace are claimed and not done.
	heldPerNamespace = 64
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
	// Synced reports whether all clients were read. Before, a client that is not known may be there all the same, and nobody is told.
	Synced func() bool
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
	again   chan struct{} // more is due than was looked at
	claimed int           // in the queues or under way
	sending int           // under way
	hosts   map[place]*host
	// namespaces are those of the hosts. One whose clients are slow holds no other up.
	namespaces map[string]*namespace
}

// place is where clients of a namespace are told. Another namespace whose clients have the same host neither waits for these nor makes
// the host rest for them.
type place struct{ namespace, host string }

// host is what is to be told at a place.
type host struct {
	queue     []authserver.BackChannelLogout
	namespace *namespace
	sending   int
	rests     time.Time // until then it gets nothing
	clients   map[string]bool
}

// namespace is what is under way for the clients of one.
type namespace struct{ claimed, sending int }

func (n *namespace) isFull() bool { return n.claimed >= heldPerNamespace }

// ended says that one attempt is over.
type ended struct {
	host  *host
	rests time.Time // how long the host is to rest; zero: it need not
}

// New returns a sender that has not begun.
func New(c Config) *Sender {
	return &Sender{
		Config: c, poster: &poster{outbound{allowed: c.AllowedNetworks, caFile: c.CAFile, caKey: caFileKey, timeout: answerTime}},
		ended: make(chan ended, parallel), again: make(chan struct{}, 1), hosts: map[place]*host{}, namespaces: map[string]*namespace{},
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
		case <-s.again:
		case <-s.Engine.LogoutsDue():
		case e := <-s.ended:
			s.over(e)
		}
	}
}

// begin sends what may be sent now.
func (s *Sender) begin(ctx context.Context) {
	for _, h := range s.hosts {
		for len(h.queue) > 0 && ctx.Err() == nil && s.next(ctx, h) {
		}
	}
}

// next takes the first logout of a host's queue, unless it has to wait for others. What is for a host that rests goes back, and what was
// held for too long is left to whoever claims it next.
func (s *Sender) next(ctx context.Context, h *host) bool {
	l := h.queue[0]
	rests, late := s.Now().Before(h.rests), s.Now().Add(answerTime).After(l.LeasedUntil)
	if !rests && !late && (h.sending >= perHost || h.namespace.sending >= perNamespace || s.sending >= parallel) {
		return false
	}
	h.queue = h.queue[1:]
	switch {
	case rests:
		s.giveBack(ctx, l, h.rests)
		s.release(h)
	case late:
		s.release(h)
	default:
		h.sending++
		h.namespace.sending++
		s.sending++
		go func() { s.ended <- ended{h, s.tell(ctx, l)} }()
	}
	return true
}

// over makes room for others.
func (s *Sender) over(e ended) {
	s.release(e.host)
	s.sending--
	e.host.namespace.sending--
	e.host.sending--
	if e.rests.After(e.host.rests) {
		e.host.rests = e.rests
	}
}

// release says that a logout is not claimed any more.
func (s *Sender) release(h *host) {
	s.claimed--
	h.namespace.claimed--
}

// stop gives back what was not begun, and waits for what was.
func (s *Sender) stop(ctx context.Context) {
	for _, h := range s.hosts {
		for _, l := range h.queue {
			s.giveBack(ctx, l, s.Now())
			s.release(h)
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

var (
	errNotReady = errors.New("this server cannot send logout tokens now")
	errUnserved = errors.New("the client is not served, or has no address for logouts")
)

// tell sends one logout token and keeps how it went. It returns how long the host is to rest, which did not answer.
func (s *Sender) tell(ctx context.Context, l authserver.BackChannelLogout) (rests time.Time) {
	err := s.send(ctx, l)
	if err != nil && ctx.Err() != nil || errors.Is(err, errNotReady) { // nothing is known of the client
		at := s.Now()
		if ctx.Err() == nil {
			s.Log.WarnContext(ctx, "a logout token could not be sent; it is tried again in half a minute", "client", clientName(l), "err", err)
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
	s.failed(ctx, l, err)
	return rests
}

// failed keeps that an attempt failed, and says so.
func (s *Sender) failed(ctx context.Context, l authserver.BackChannelLogout, why error) {
	again, err := s.Engine.LogoutFailed(ctx, l, why)
	s.keep(ctx, err)
	if again.IsZero() && err == nil {
		s.Log.ErrorContext(ctx, "a client was not told that a session has ended, and it is not tried again: its people may still be signed in there",
			"client", clientName(l), "attempts", authserver.MaxLogoutAttempts, "err", why)
		s.Count(authserver.LogoutGivenUp)
		return
	}
	s.Log.WarnContext(ctx, "a client could not be told that a session has ended", "client", clientName(l), "again", again, "err", why)
	s.Count(authserver.LogoutFailed)
}

// clientName is the ID of a client, or the UID of one that is not known any more.
func clientName(l authserver.BackChannelLogout) string {
	if l.Client == nil {
		return "UID " + l.ClientUID
	}
	return l.Client.ID
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
		return errors.Join(errNotReady, err)
	}
	token, err := oidc.LogoutToken(s.Issuer, key, l, rand.Text(), s.Now())
	if err != nil {
		return err
	}
	return s.poster.post(ctx, l.Client.OpenID.BackChannelLogoutURI, token)
}
