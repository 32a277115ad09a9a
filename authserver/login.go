// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// Directory knows the owners and how they prove who they are.
type Directory interface {
	// Authenticate returns the owner with this name, as NormalizeName returns it, and password. ErrWrongPassword
	// for unknown names and wrong passwords alike, in the same time; ErrUnavailable
	// when it cannot tell now. Known browsers go before anybody else. Beside ErrWrongPassword, the owner has a
	// Name if somebody is called so, for the audit log: what is typed as a name may be a password.
	//
	// It is the only question before somebody has logged in, and is asked as often as the throttle allows.
	Authenticate(ctx context.Context, name, password string, lane Lane) (Owner, error)
	// Confirm returns a person as their source knows them now. ErrNotFound: not at all, any
	// more. ErrUnavailable: it cannot tell now. ErrCannotAsk: there is no way to ask.
	Confirm(ctx context.Context, p Person) (Owner, error)
	// ConfirmedFor is how long what a source said of a person holds. 0: until it says
	// otherwise, because it sees each change. Where it cannot be asked: MaxConfirmationAge.
	ConfirmedFor(source string) time.Duration
}

// Credentials are what a person typed, and from where.
type Credentials struct {
	Username string
	Password string
	// Address is the client's network address without a port, as far as it can be trusted.
	Address string
	// Device is the value of the browser's device cookie, if it has one.
	Device string
	// For is the ID of the interaction that the login is for; empty: for the account.
	For string
}

// Login is a successful login: values for two cookies. Where a factor is still to be proven, it is Half alone.
type Login struct {
	Owner Owner
	// Half says that the password was right. The browser keeps it until ProveFactor; it opens nothing.
	Half      string
	Session   string    // opens the session; only its hash is stored
	ExpiresAt time.Time // of the session
	Device    string    // tells this browser from an unknown one at the next login
}

const (
	maxUsername = 256
	// maxTypedName is how long a name may be before NormalizeName makes it shorter.
	maxTypedName = 4 * maxUsername
	// MaxPassword is the longest password in bytes.
	MaxPassword = 1024
	// DeviceLifetime is how long a browser counts as known for an owner: as long as the key
	// lives that the cookie is sealed with.
	DeviceLifetime = credential.LongestToken
)

// Login checks what a person typed. The name is what NormalizeName makes of it; the password is
// compared byte for byte. WrongPassword and TooManyAttempts are refusals for the login page; a
// wrong guess costs the guesser time, never somebody else.
func (s *Server) Login(ctx context.Context, c Credentials) (Login, error) {
	if len(c.Username) > maxTypedName || len(c.Password) > MaxPassword {
		return Login{}, Refuse(WrongPassword, "wrong user name or password")
	}
	c.Username = NormalizeName(c.Username)
	if c.Username == "" || c.Password == "" || len(c.Username) > maxUsername {
		return Login{}, Refuse(WrongPassword, "wrong user name or password")
	}
	owner, err := s.checkPassword(ctx, c)
	if errors.Is(err, TooManyAttempts) {
		s.audit(ctx, Event{Name: EventLoginThrottled, Owner: owner.Name})
		return Login{}, err
	}
	if errors.Is(err, ErrWrongPassword) {
		s.audit(ctx, Event{Name: EventLoginFailed, Owner: owner.Name})
		return Login{}, Refuse(WrongPassword, "wrong user name or password")
	}
	if err != nil {
		return Login{}, fmt.Errorf("authenticate owner: %w", err)
	}
	if taken, err := s.nameTaken(ctx, owner); err != nil {
		return Login{}, err
	} else if taken {
		s.audit(ctx, Event{Name: EventLoginFailed, Owner: owner.Name, Reason: "somebody of another source has the name"})
		return Login{}, Refuse(WrongPassword, "wrong user name or password")
	}
	return s.afterPassword(ctx, owner, c)
}

// checkPassword asks the directory, when it is this login's turn. A login that has to wait
// for what was guessed before takes no place in the line. Beside an error, the owner has the name that was
// typed where it is known that somebody has it.
func (s *Server) checkPassword(ctx context.Context, c Credentials) (Owner, error) {
	device := s.knownDevice(ctx, c, s.now())
	if wait := s.throttle.delay(s.now(), c, device); wait > 0 {
		return s.throttle.nameOf(c, device), tooManyAttempts(wait)
	}
	turn := newTurn(c, device)
	end, err := s.turns.take(ctx, turn)
	if err != nil {
		return s.throttle.nameOf(c, device), err
	}
	defer end()
	attempt, wait := s.throttle.begin(s.now(), c, device)
	if wait > 0 {
		return s.throttle.nameOf(c, device), tooManyAttempts(wait)
	}
	owner, err := s.directory.Authenticate(ctx, c.Username, c.Password, turn.lane)
	switch {
	case err == nil:
		attempt.succeeded(s.now())
	case !errors.Is(err, ErrWrongPassword):
		attempt.undecided()
	case owner.Name != "":
		attempt.failedForSomebody()
	}
	return owner, err
}

func tooManyAttempts(wait time.Duration) error {
	return NewWaitError(TooManyAttempts, wait, "too many attempts")
}

// opening is what a session is opened with.
type opening struct {
	confirmation    Confirmation // what is known of the owner
	kept            bool         // that was read from the store, where their source may have written something else since
	typedName       string       // empty: none was typed
	methods         []string
	authenticatedAt time.Time
}

// openSession opens a session of an owner who has logged in.
func (s *Server) openSession(ctx context.Context, o opening, now time.Time) (Login, error) {
	confirmation := o.confirmation
	owner := confirmation.Owner
	if err := owner.check(); err != nil {
		return Login{}, err
	}
	token := s.newID()
	session := Session{
		Hash: sha256.Sum256([]byte(token)), Owner: owner.Subject, Methods: o.methods,
		AuthenticatedAt: o.authenticatedAt, ExpiresAt: now.Add(s.sessionLifetime), CredentialVersion: owner.CredentialVersion,
	}
	if o.kept {
		if err := s.openKept(ctx, session, token); err != nil {
			return Login{}, err
		}
	} else if err := s.openConfirmed(ctx, session, confirmation); err != nil {
		return Login{}, err
	}
	if err := s.endIfNameTaken(ctx, owner, session.Hash); err != nil {
		return Login{}, err
	}
	device, err := s.newDevice(owner, o.typedName, session.TwoFactors(), now)
	if err != nil {
		return Login{}, err
	}
	s.audit(ctx, Event{Name: EventLoginSucceeded, Owner: owner.Name, Reason: strings.Join(o.methods, " ")})
	return Login{Owner: owner, Session: token, ExpiresAt: session.ExpiresAt, Device: device}, nil
}

// openConfirmed keeps a session together with what the owner's source said a moment ago.
func (s *Server) openConfirmed(ctx context.Context, session Session, c Confirmation) error {
	if err := s.store.CreateSession(ctx, session, c); err != nil {
		return fmt.Errorf("create session: %w", err)
	}
	// The directory may have changed while the password was checked, and whoever looked at everybody
	// then did not see this session yet.
	return s.confirmPage(ctx, []Person{c.Person})
}

// openKept keeps a session of somebody whom the store knows, and writes nothing of them: their source may have said something
// else since they were read. InteractionOfOtherLogin: they are gone, or have another password.
func (s *Server) openKept(ctx context.Context, session Session, token string) error {
	if err := s.store.CreateSession(ctx, session, Confirmation{}); err != nil {
		return fmt.Errorf("create session: %w", err)
	}
	person, err := s.store.Person(ctx, session.Owner)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("read the person who logs in: %w", err)
	}
	if err == nil {
		if err := s.confirmPage(ctx, []Person{person}); err != nil {
			return err
		}
	}
	v, err := s.Visitor(ctx, token)
	if err != nil || v != nil {
		return err
	}
	gone := NewInteractionError(InteractionOfOtherLogin, "the person is gone, or has another password")
	return errors.Join(gone, wrap("delete the session", s.store.DeleteSession(ctx, session.Owner, session.Hash)))
}

// Visitor is an owner in a browser with a live session.
type Visitor struct {
	Owner   Owner
	Session Session
}

// Visitor returns who the session cookie's value belongs to, or nil without an error
// when it belongs to nobody (any more): expired, signed out, removed from the directory, not
// confirmed by it for too long, or the password was changed since.
func (s *Server) Visitor(ctx context.Context, token string) (*Visitor, error) {
	if token == "" || len(token) > 64 {
		return nil, nil
	}
	session, person, err := s.store.Session(ctx, sha256.Sum256([]byte(token)))
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read session: %w", err)
	}
	now := s.now()
	if !now.Before(session.ExpiresAt) || person.absence(now) != "" || session.CredentialVersion != person.CredentialVersion {
		return nil, nil
	}
	return &Visitor{Owner: person.Owner, Session: session}, nil
}

// OwnerOf returns everything that is known of the owner whom a token speaks for, with the subject that its client knows.
// ErrNotFound: it speaks for nobody.
func (s *Server) OwnerOf(ctx context.Context, t TokenInfo) (Owner, error) {
	if !t.Active || t.Owner.Subject == "" {
		return Owner{}, ErrNotFound
	}
	person, err := s.store.Person(ctx, t.Owner.Subject)
	if err != nil {
		return Owner{}, fmt.Errorf("read owner: %w", err)
	}
	keys, err := s.currentKeys()
	if err != nil {
		return Owner{}, err
	}
	return person.Owner.asKnownBy(t.Client, keys), nil
}

// SignOut ends the session. Grants stay: they are ended on the account page.
func (s *Server) SignOut(ctx context.Context, v *Visitor) error {
	if err := s.store.DeleteSession(ctx, v.Owner.Subject, v.Session.Hash); err != nil {
		return fmt.Errorf("delete session: %w", err)
	}
	s.sessionsEnded()
	s.audit(ctx, Event{Name: EventSignedOut, Owner: v.Owner.Name})
	return nil
}
