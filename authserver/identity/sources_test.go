// SPDX-License-Identifier: Apache-2.0

package identity_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/identity"
)

// source is a source of people whose password is their ID. It keeps the passwords that it sees.
type source struct {
	key    string
	people map[string]string // name as it is asked for: what the source calls the person
	down   bool

	mu   sync.Mutex
	seen []string
}

func (s *source) Key() string                       { return s.key }
func (s *source) ConfirmedFor(string) time.Duration { return time.Minute }

func (s *source) owner(name string) authserver.Owner {
	return authserver.Owner{Subject: authserver.SubjectOf(s.key, name), Source: s.key, SourceID: name, Name: name}
}

func (s *source) Find(_ context.Context, name string) (identity.Candidate, error) {
	if s.down {
		return identity.Candidate{}, fmt.Errorf("%s is away: %w", s.key, authserver.ErrUnavailable)
	}
	called, ok := s.people[name]
	if !ok {
		return s.Nobody(), nil
	}
	return identity.Candidate{Name: called, Check: func(_ context.Context, password string, _ authserver.Lane) (authserver.Owner, error) {
		s.see(password)
		if password != s.key {
			return authserver.Owner{}, authserver.ErrWrongPassword
		}
		return s.owner(called), nil
	}}, nil
}

func (s *source) Nobody() identity.Candidate {
	return identity.Candidate{Check: func(context.Context, string, authserver.Lane) (authserver.Owner, error) {
		return authserver.Owner{}, authserver.ErrWrongPassword
	}}
}

func (s *source) see(password string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, password)
}

// Confirm takes what a person is called from people, by the name as which they logged in.
func (s *source) Confirm(_ context.Context, p authserver.Person) (authserver.Owner, error) {
	called, ok := s.people[p.SourceID]
	switch {
	case s.down:
		return authserver.Owner{}, authserver.ErrUnavailable
	case !ok:
		return authserver.Owner{}, authserver.ErrNotFound
	}
	o := s.owner(p.SourceID)
	o.Name = called
	return o, nil
}

func same(names ...string) map[string]string {
	people := map[string]string{}
	for _, name := range names {
		people[name] = name
	}
	return people
}

func join(sources ...identity.Source) (*identity.Sources, *bytes.Buffer) {
	var logged bytes.Buffer
	return identity.NewSources(slog.New(slog.NewTextHandler(&logged, nil)), sources...), &logged
}

func TestOnlyTheSourceThatKnowsANameSeesThePassword(t *testing.T) {
	staff, guests := &source{key: "staff", people: same("anna")}, &source{key: "guests", people: same("bert")}
	all, _ := join(staff, guests)
	for name, want := range map[string]*source{"anna": staff, "bert": guests} {
		owner, err := all.Authenticate(t.Context(), name, want.key, authserver.LaneAnybody)
		if err != nil || owner.Subject != authserver.SubjectOf(want.key, name) || owner.Source != want.key {
			t.Errorf("%s logs in as %+v: %v", name, owner, err)
		}
	}
	owner, err := all.Authenticate(t.Context(), "anna", "guests", authserver.LaneAnybody)
	if !errors.Is(err, authserver.ErrWrongPassword) || owner.Name != "anna" || owner.Subject != "" {
		t.Errorf("anna with a password of the other source is %+v: %v", owner, err)
	}
	owner, err = all.Authenticate(t.Context(), "eve", "staff", authserver.LaneAnybody)
	if !errors.Is(err, authserver.ErrWrongPassword) || owner.Name != "" {
		t.Errorf("an unknown name is %+v: %v", owner, err)
	}
	if slices.Contains(guests.seen, "staff") || !slices.Equal(staff.seen, []string{"staff", "guests"}) {
		t.Errorf("staff saw %q, guests %q", staff.seen, guests.seen)
	}
}

func TestN200ANameThatTwoSourcesKnowIsNobodys(t *testing.T) {
	for name, guests := range map[string]map[string]string{
		"both have the name": same("anna"),
		// guests takes another spelling, and calls the person what staff calls somebody else
		"one has it under another spelling": {"ANNA": "anna"},
	} {
		t.Run(name, func(t *testing.T) {
			staff, guests := &source{key: "staff", people: same("anna")}, &source{key: "guests", people: guests}
			all, logged := join(staff, guests)
			for typed := range guests.people {
				for _, password := range []string{"staff", "guests", "wrong"} {
					logged.Reset()
					owner, err := all.Authenticate(t.Context(), typed, password, authserver.LaneAnybody)
					if !errors.Is(err, authserver.ErrWrongPassword) || err.Error() != authserver.ErrWrongPassword.Error() || owner.Subject != "" {
						t.Errorf("%s with %q is %+v: %v", typed, password, owner, err)
					}
					if text := logged.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "staff") || !strings.Contains(text, "guests") || !strings.Contains(text, "anna") {
						t.Errorf("logged %q", text)
					}
				}
			}
			if len(staff.seen)+len(guests.seen) > 0 {
				t.Errorf("staff saw %q, guests %q", staff.seen, guests.seen)
			}
		})
	}
}

func TestN200WhoIsRenamedOrReturnsGetsNoNameOfAnotherSource(t *testing.T) {
	staff, guests := &source{key: "staff", people: same("anna", "bert")}, &source{key: "guests", people: same("eve")}
	all, logged := join(staff, guests)
	eve := authserver.Person{Owner: guests.owner("eve")}
	if owner, err := all.Confirm(t.Context(), eve); err != nil || owner.Name != "eve" {
		t.Fatalf("eve is %+v: %v", owner, err)
	}
	guests.people["eve"] = "eva"
	if owner, err := all.Confirm(t.Context(), eve); err != nil || owner.Name != "eva" {
		t.Fatalf("eva is %+v: %v", owner, err)
	}
	guests.people["eve"] = "anna"
	if _, err := all.Confirm(t.Context(), eve); !errors.Is(err, authserver.ErrNotFound) || !strings.Contains(logged.String(), "two identity sources") {
		t.Errorf("eve becomes anna: %v, logged %q", err, logged)
	}
	staff.down = true
	if _, err := all.Confirm(t.Context(), eve); !errors.Is(err, authserver.ErrUnavailable) {
		t.Errorf("eve becomes anna while nobody knows who anna is: %v", err)
	}
	staff.down, guests.people["bert"] = false, "bert"
	gone := authserver.Person{Owner: guests.owner("bert"), EndedAt: time.Unix(1, 0)}
	if _, err := all.Confirm(t.Context(), gone); !errors.Is(err, authserver.ErrNotFound) {
		t.Errorf("bert of the guests returns beside bert of the staff: %v", err)
	}
}

func TestN201ASourceThatIsDownTakesOnlyItsOwnPeopleOut(t *testing.T) {
	staff, guests := &source{key: "staff", people: same("anna")}, &source{key: "guests", people: same("bert"), down: true}
	all, _ := join(staff, guests)
	if _, err := all.Authenticate(t.Context(), "anna", "staff", authserver.LaneAnybody); err != nil {
		t.Errorf("anna cannot log in: %v", err)
	}
	if _, err := all.Authenticate(t.Context(), "anna", "wrong", authserver.LaneAnybody); !errors.Is(err, authserver.ErrWrongPassword) {
		t.Errorf("anna with a wrong password: %v", err)
	}
	for _, name := range []string{"bert", "eve"} {
		if _, err := all.Authenticate(t.Context(), name, "guests", authserver.LaneAnybody); !errors.Is(err, authserver.ErrUnavailable) {
			t.Errorf("%s, who may be in the source that is down: %v", name, err)
		}
	}
	if _, err := all.Confirm(t.Context(), authserver.Person{Owner: guests.owner("bert")}); !errors.Is(err, authserver.ErrUnavailable) {
		t.Errorf("bert is confirmed: %v", err)
	}
	if _, err := all.Confirm(t.Context(), authserver.Person{Owner: staff.owner("anna")}); err != nil {
		t.Errorf("anna is not confirmed: %v", err)
	}
}

// Whoever can make people in one source makes one with the name of somebody of another, and waits until that is down.
func TestN201ANameOfASourceThatIsDownIsNotGivenToAnotherOne(t *testing.T) {
	staff, guests := &source{key: "staff", people: same("anna")}, &source{key: "guests", people: same()}
	for how, learn := range map[string]func(*identity.Sources) error{
		"by a login": func(all *identity.Sources) error {
			_, err := all.Authenticate(t.Context(), "anna", "staff", authserver.LaneAnybody)
			return err
		},
		"by a confirmation": func(all *identity.Sources) error {
			_, err := all.Confirm(t.Context(), authserver.Person{Owner: staff.owner("anna")})
			return err
		},
	} {
		t.Run(how, func(t *testing.T) {
			staff.down, guests.people = false, same()
			all, _ := join(guests, staff)
			if err := learn(all); err != nil {
				t.Fatal(err)
			}
			staff.down, guests.people = true, same("anna")
			if owner, err := all.Authenticate(t.Context(), "anna", "guests", authserver.LaneAnybody); !errors.Is(err, authserver.ErrUnavailable) {
				t.Errorf("anna of the guests is %+v: %v", owner, err)
			}
		})
	}
}

func TestPeopleOfASourceThatIsNotConfiguredAreGone(t *testing.T) {
	all, _ := join(&source{key: "staff", people: same("anna")})
	gone := (&source{key: "guests"}).owner("anna")
	if _, err := all.Confirm(t.Context(), authserver.Person{Owner: gone}); !errors.Is(err, authserver.ErrNotFound) {
		t.Errorf("confirmed: %v", err)
	}
	if all.ConfirmedFor("staff") != time.Minute || all.ConfirmedFor("guests") != 0 {
		t.Errorf("confirmed for %s and %s", all.ConfirmedFor("staff"), all.ConfirmedFor("guests"))
	}
}
