// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"errors"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// call is one request that a replica handles.
type call struct {
	kind    string
	replica *replica
	begun   int           // by the ledger's count
	at      time.Duration // when it began
	ended   int           // 0: it goes on
	version int           // of the registry, as the replica knew it at the beginning
	// anonymous is set while neither a client nor an owner has been authenticated: nothing may be written.
	anonymous bool
}

// replicaDied unwinds a call whose replica died.
type replicaDied struct{}

// errNoAnswer says that the caller got no answer: what was asked for may have happened.
var errNoAnswer = errors.New("no answer")

// ask sends a request to some replica. The request may arrive twice, and the answer may be lost. What the replica
// answered is checked by do, whoever gets it.
func ask[T any](s *simulation, kind string, do func(*call, *authserver.Server) (T, error)) (T, error) {
	if s.sentTwice > 0 && s.one(s.sentTwice) {
		s.spawn("copy of "+s.current.name, func() { _, _ = once(s, kind, do) })
		s.coverage.count("sent twice")
	}
	return askOnce(s, kind, do)
}

// askOnce sends a request that arrives once at most. Logins of one address wait for each other inside of the engine,
// where the scheduler cannot see it, so no login is sent twice.
func askOnce[T any](s *simulation, kind string, do func(*call, *authserver.Server) (T, error)) (T, error) {
	value, err := once(s, kind, do)
	s.pause("answer")
	if s.lostAnswers > 0 && s.one(s.lostAnswers) {
		s.coverage.count("answer lost")
		err = errNoAnswer
	}
	if err != nil {
		var none T
		return none, err
	}
	return value, nil
}

// once makes one replica handle a request.
func once[T any](s *simulation, kind string, do func(*call, *authserver.Server) (T, error)) (value T, err error) {
	for {
		s.pause(kind)
		if !s.held {
			break
		}
		s.block("wait", func() bool { return !s.held })
	}
	r := s.replicas[s.rng.IntN(len(s.replicas))]
	if r.server == nil {
		s.coverage.count("connection refused")
		return value, errNoAnswer
	}
	t := s.current
	c := &call{kind: kind, replica: r, begun: s.tick(), at: s.elapsed, version: r.version}
	t.call, t.replica = c, r
	s.inFlight++
	s.callCount++
	defer func() {
		t.call, t.replica = nil, nil
		c.ended = s.tick()
		s.inFlight--
		s.wake()
		if r := recover(); r != nil {
			if _, died := r.(replicaDied); !died {
				panic(r)
			}
			s.coverage.count("died in " + kind)
			err = errNoAnswer
		}
	}()
	value, err = do(c, r.server)
	outcome := outcomeOf(err)
	s.coverage.count(kind + ": " + outcome)
	if s.trace != nil {
		s.note(kind + ": " + outcome)
	}
	return value, err
}

// causes are what tells refusals of one code apart.
var causes = []error{
	authserver.GrantUnknown, authserver.GrantExpired, authserver.GrantUsedBefore, authserver.GrantWrongCallback,
	authserver.GrantWrongVerifier, authserver.GrantNotEntitled, authserver.DeniedByOwner, authserver.OwnerNotEntitled,
	authserver.AnswerUsed, authserver.AnswerExpired, authserver.AnswerWithdrawn, authserver.AnsweredOtherwise,
	authserver.InteractionOfOtherLogin, authserver.InteractionExpired, authserver.ConsentChanged,
}

// outcomeOf names an answer: ok, unavailable, or the code of the refusal and its cause.
func outcomeOf(err error) string {
	if err == nil {
		return "ok"
	}
	refusal, ok := errors.AsType[authserver.Refusal](err)
	if !ok {
		if errors.Is(err, authserver.ErrUnavailable) {
			return "unavailable"
		}
		return err.Error()
	}
	for _, cause := range causes {
		if errors.Is(err, cause) {
			return string(refusal.Code()) + ", " + cause.Error()
		}
	}
	return string(refusal.Code())
}

// mayRetry reports whether the answer tells the caller nothing, so that it asks again.
func mayRetry(err error) bool {
	return errors.Is(err, errNoAnswer) || errors.Is(err, authserver.ErrUnavailable)
}

// Coverage counts what happened: each kind of call with each of its answers, each event of the audit log, each fault.
type Coverage map[string]int

func (c Coverage) count(what string) { c[what]++ }

// Add adds the counts of another run.
func (c Coverage) Add(other Coverage) {
	for what, n := range other {
		c[what] += n
	}
}
