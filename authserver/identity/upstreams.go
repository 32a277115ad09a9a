// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"context"
	"fmt"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Upstream is a source whose people log in on another server, under a key that is part of their subjects. But for the source, its methods
// are as of authserver.Upstreams.
type Upstream interface {
	Key() string
	Begin(ctx context.Context, r authserver.UpstreamRequest) (string, error)
	Finish(ctx context.Context, a authserver.UpstreamAnswer) (authserver.UpstreamLogin, error)
	Refresh(ctx context.Context, p authserver.Person, token string, turn func() error) (authserver.UpstreamLogin, error)
}

// WithUpstreams returns the sources together with those whose people log in on another server. It implements authserver.Upstreams.
func (s *Sources) WithUpstreams(list ...Upstream) *Sources {
	joined := &Sources{list: s.list, names: s.names, log: s.log, upstreams: map[string]Upstream{}}
	for _, u := range list {
		joined.upstreams[u.Key()] = u
	}
	return joined
}

func (s *Sources) upstream(key string) (Upstream, error) {
	u, ok := s.upstreams[key]
	if !ok {
		return nil, fmt.Errorf("there is no identity source %q where people log in on another server: %w", key, authserver.ErrNotFound)
	}
	return u, nil
}

// Begin is as of authserver.Upstreams.
func (s *Sources) Begin(ctx context.Context, r authserver.UpstreamRequest) (string, error) {
	u, err := s.upstream(r.Source)
	if err != nil {
		return "", err
	}
	return u.Begin(ctx, r)
}

// Finish is as of authserver.Upstreams. Whoever has a name that a source with passwords knows is refused: it is never made one person
// of two.
func (s *Sources) Finish(ctx context.Context, a authserver.UpstreamAnswer) (authserver.UpstreamLogin, error) {
	u, err := s.upstream(a.Source)
	if err != nil {
		return authserver.UpstreamLogin{}, err
	}
	login, err := u.Finish(ctx, a)
	if err != nil {
		return authserver.UpstreamLogin{}, err
	}
	answers := s.find(ctx, login.Owner.Name, nil)
	if who := knownIn(answers); len(who) > 0 {
		return authserver.UpstreamLogin{}, authserver.NewUpstreamError(authserver.UpstreamNameTaken,
			fmt.Errorf("the identity source %q knows the name, too; rename one of the two, or let %q put a prefix before its names", who[0].source.Key(), a.Source)).Of(login.Owner.Name)
	}
	if err := s.doubt(login.Owner.Name, answers); err != nil {
		return authserver.UpstreamLogin{}, err
	}
	return login, nil
}

// Refresh is as of authserver.Upstreams.
func (s *Sources) Refresh(ctx context.Context, p authserver.Person, token string, turn func() error) (authserver.UpstreamLogin, error) {
	u, err := s.upstream(p.Source)
	if err != nil {
		return authserver.UpstreamLogin{}, err
	}
	login, err := u.Refresh(ctx, p, token, turn)
	if err != nil || login.Owner.Name == p.Name && p.EndedAt.IsZero() {
		return login, err
	}
	answers := s.find(ctx, login.Owner.Name, nil)
	if who := knownIn(answers); len(who) > 0 {
		return authserver.UpstreamLogin{RefreshToken: login.RefreshToken}, fmt.Errorf("the name is known to the identity source %q: %w", who[0].source.Key(), authserver.ErrNotFound)
	}
	if err := unanswered(answers); err != nil { // the new name counts once every source has said that it does not know it
		return authserver.UpstreamLogin{RefreshToken: login.RefreshToken}, err
	}
	return login, nil
}
