// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Source knows people, under a key that is part of their subjects.
type Source interface {
	// Key is set once and no other source's.
	Key() string
	// Find returns who is logging in, if the source knows the name, or else Nobody. ErrUnavailable: it
	// cannot tell now. It sees no password.
	Find(ctx context.Context, name string) (Candidate, error)
	// Nobody is a candidate whom no password belongs to.
	Nobody() Candidate
	// Confirm is as of authserver.Directory.
	Confirm(ctx context.Context, p authserver.Person) (authserver.Owner, error)
	// ConfirmedFor is as of authserver.Directory.
	ConfirmedFor(source string) time.Duration
}

// Candidate is who may be logging in.
type Candidate struct {
	// Name is what the source calls the person; empty: it knows nobody by the name that was asked for.
	Name string
	// Check returns the owner if the password is theirs, else ErrWrongPassword. For nobody it takes the same
	// steps as for a wrong password.
	Check func(ctx context.Context, password string, lane authserver.Lane) (authserver.Owner, error)
}

// Authenticate returns the owner. Beside an error, the owner has the name, if somebody is called so.
func (c Candidate) Authenticate(ctx context.Context, password string, lane authserver.Lane) (authserver.Owner, error) {
	owner, err := c.Check(ctx, password, lane)
	if err != nil {
		return authserver.Owner{Name: c.Name}, err
	}
	return owner, nil
}

// Sources are the people of several sources. It implements authserver.Directory.
//
// A name belongs to whoever has it in the only source that knows it. A name that two sources know is
// nobody's: RoleBindings are by name and would not tell the two people apart.
type Sources struct {
	list  []Source
	names map[string]*names // by key: whom each source knew when it was asked last
	log   *slog.Logger

	upstreams map[string]Upstream // by key: their people log in on another server
}

// NewSources returns the people of the sources with passwords. It logs names that two of them know.
func NewSources(log *slog.Logger, list ...Source) *Sources {
	s := &Sources{list: list, names: map[string]*names{}, log: log}
	for _, source := range list {
		s.names[source.Key()] = &names{}
	}
	return s
}

// answer is what a source said of a name.
type answer struct {
	Candidate
	source Source
	err    error
}

// Authenticate asks every source for the name, and the one that knows it for the password: no source sees
// the password of somebody whom it does not know. While a source does not answer, people of the
// others can log in; for everybody else the error wraps ErrUnavailable.
func (s *Sources) Authenticate(ctx context.Context, name, password string, lane authserver.Lane) (authserver.Owner, error) {
	answers := s.find(ctx, name, nil)
	who := knownIn(answers)
	if len(who) == 1 && who[0].Name != name { // the source spells it in another way: nobody else may be called so
		others := s.find(ctx, who[0].Name, who[0].source)
		answers, who = append(answers, others...), append(who, knownIn(others)...)
	}
	switch len(who) {
	case 0:
		if err := unanswered(answers); err != nil {
			return authserver.Owner{}, err
		}
		return s.nobody(ctx, password, lane)
	case 1:
		if err := s.doubt(who[0].Name, answers); err != nil {
			return authserver.Owner{}, err
		}
		return who[0].Authenticate(ctx, password, lane)
	default:
		s.logClash(ctx, who)
		_, err := s.list[0].Nobody().Authenticate(ctx, password, lane)
		return authserver.Owner{Name: who[0].Name}, err
	}
}

// nobody takes as long as a wrong password.
func (s *Sources) nobody(ctx context.Context, password string, lane authserver.Lane) (authserver.Owner, error) {
	if len(s.list) == 0 {
		return authserver.Owner{}, authserver.ErrWrongPassword // there are no passwords
	}
	return s.list[0].Nobody().Authenticate(ctx, password, lane)
}

// find asks the sources but one for a name, at the same time. The answers are in the order of the sources.
func (s *Sources) find(ctx context.Context, name string, but Source) []answer {
	answers := make([]answer, 0, len(s.list))
	for _, source := range s.list {
		if source != but {
			answers = append(answers, answer{source: source})
		}
	}
	var asked sync.WaitGroup
	for i := range answers {
		asked.Go(func() {
			a := &answers[i]
			a.Candidate, a.err = a.source.Find(ctx, name)
			if a.err == nil {
				s.names[a.source.Key()].set(name, a.Name != "")
			}
		})
	}
	asked.Wait()
	return answers
}

func knownIn(answers []answer) (who []answer) {
	for _, a := range answers {
		if a.err == nil && a.Name != "" {
			who = append(who, a)
		}
	}
	return who
}

// unanswered returns why it is not known of everybody that they do not have the name.
func unanswered(answers []answer) error {
	for _, a := range answers {
		if a.err != nil {
			return fmt.Errorf("identity source %q: %w", a.source.Key(), a.err)
		}
	}
	return nil
}

// doubt returns an error if a source that does not answer knew the name when it did: whoever has it in
// another source is not to have it alone because of that.
func (s *Sources) doubt(name string, answers []answer) error {
	for _, a := range answers {
		if a.err != nil && s.names[a.source.Key()].has(name) {
			return fmt.Errorf("a name that identity source %q knew, too: %w", a.source.Key(), a.err)
		}
	}
	return nil
}

func (s *Sources) logClash(ctx context.Context, who []answer) {
	var keys, names []string
	for _, a := range who {
		keys, names = append(keys, a.source.Key()), append(names, a.Name)
	}
	s.log.ErrorContext(ctx, "a name is known to two identity sources, so nobody can log in with it; rename one of the people",
		"names", names, "sources", keys)
}

// Confirm asks the source of the person. Who comes back, or has another name now, must not share the name
// with somebody of another source. The people of a source that is not configured any more are gone.
func (s *Sources) Confirm(ctx context.Context, p authserver.Person) (authserver.Owner, error) {
	if _, ok := s.upstreams[p.Source]; ok {
		return authserver.Owner{}, fmt.Errorf("confirm a person of %q: %w", p.Source, authserver.ErrCannotAsk)
	}
	var own Source
	for _, source := range s.list {
		if source.Key() == p.Source {
			own = source
		}
	}
	if own == nil {
		return authserver.Owner{}, fmt.Errorf("there is no identity source %q: %w", p.Source, authserver.ErrNotFound)
	}
	if p.EndedAt.IsZero() {
		s.names[p.Source].set(p.Name, true)
	}
	owner, err := own.Confirm(ctx, p)
	if err != nil || owner.Name == p.Name && p.EndedAt.IsZero() {
		return owner, err
	}
	others := s.find(ctx, owner.Name, own)
	if who := knownIn(others); len(who) > 0 {
		s.logClash(ctx, append(who, answer{Candidate: Candidate{Name: owner.Name}, source: own}))
		return authserver.Owner{}, fmt.Errorf("the name is known to two identity sources: %w", authserver.ErrNotFound)
	}
	return owner, unanswered(others)
}

// ConfirmedFor is how long what the source said holds.
func (s *Sources) ConfirmedFor(source string) time.Duration {
	for _, one := range s.list {
		if one.Key() == source {
			return one.ConfirmedFor(source)
		}
	}
	if _, ok := s.upstreams[source]; ok {
		return authserver.MaxConfirmationAge
	}
	return 0
}

// maxNames bounds the names that are remembered of each source.
const maxNames = 50_000

// names are those that a source knew when it was asked last.
type names struct {
	mu    sync.Mutex
	known map[string]struct{} // as FoldName returns them
}

func (n *names) set(name string, known bool) {
	name = authserver.FoldName(name)
	n.mu.Lock()
	defer n.mu.Unlock()
	if !known {
		delete(n.known, name)
		return
	}
	if n.known == nil {
		n.known = map[string]struct{}{}
	}
	for other := range n.known {
		if len(n.known) < maxNames {
			break
		}
		delete(n.known, other)
	}
	n.known[name] = struct{}{}
}

func (n *names) has(name string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, ok := n.known[authserver.FoldName(name)]
	return ok
}
