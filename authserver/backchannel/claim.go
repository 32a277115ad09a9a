// SPDX-License-Identifier: Apache-2.0

package backchannel

import (
	"context"
	"maps"
	"net/url"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// claim takes what is due into the queues. Of what is due for clients that are not served it takes a bounded number at a time: the next
// look comes at once then.
func (s *Sender) claim(ctx context.Context) {
	if !s.Synced() {
		return
	}
	for taken := 0; s.claimed < held && ctx.Err() == nil; {
		if taken >= held {
			s.more()
			return
		}
		limit := min(batch, held-s.claimed)
		due, err := s.Engine.ClaimLogouts(ctx, s.busy(), limit)
		for _, l := range due {
			s.take(ctx, l)
		}
		if err != nil && ctx.Err() == nil {
			s.Log.WarnContext(ctx, "logouts could not be claimed; the next look tries again", "err", err)
		}
		if err != nil || len(due) < limit {
			return
		}
		taken += len(due)
	}
}

// more makes Run look again before it waits for anything.
func (s *Sender) more() {
	select {
	case s.again <- struct{}{}:
	default:
	}
}

// take puts a logout into the queue of its host, if there is anybody to tell. One of a namespace that has enough to do goes back, and no
// others of its client are claimed until then.
func (s *Sender) take(ctx context.Context, l authserver.BackChannelLogout) {
	if l.Unserved {
		s.failed(context.WithoutCancel(ctx), l, errUnserved)
		return
	}
	h := s.hostOf(l)
	h.clients[l.Client.UID] = true
	if h.namespace.isFull() {
		s.giveBack(ctx, l, s.Now().Add(restTime))
		return
	}
	h.queue = append(h.queue, l)
	h.namespace.claimed++
	s.claimed++
}

func (s *Sender) hostOf(l authserver.BackChannelLogout) *host {
	at := place{l.Client.Namespace, hostName(l)}
	if s.namespaces[at.namespace] == nil {
		s.namespaces[at.namespace] = &namespace{}
	}
	if s.hosts[at] == nil {
		s.hosts[at] = &host{namespace: s.namespaces[at.namespace], clients: map[string]bool{}}
	}
	return s.hosts[at]
}

func hostName(l authserver.BackChannelLogout) string {
	u, err := url.Parse(l.Client.OpenID.BackChannelLogoutURI)
	if err != nil {
		return ""
	}
	return u.Host
}

// busy are the clients of hosts that have enough to do, or rest, and of namespaces that have. A host that has nothing to do and does not
// rest is forgotten, and so is a namespace without hosts.
func (s *Sender) busy() []string {
	var busy []string
	has := map[string]bool{}
	for at, h := range s.hosts {
		switch {
		case len(h.queue) > 0 || h.sending >= perHost || s.Now().Before(h.rests) || h.namespace.isFull():
			for uid := range h.clients {
				busy = append(busy, uid)
			}
		case h.sending == 0:
			delete(s.hosts, at)
			continue
		}
		has[at.namespace] = true
	}
	maps.DeleteFunc(s.namespaces, func(name string, _ *namespace) bool { return !has[name] })
	return busy
}
