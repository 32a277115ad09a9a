// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"encoding/hex"
	"time"
)

// Hash is SHA-256 of something that only its bearer knows in clear.
type Hash [32]byte

// GrantID names a grant.
type GrantID [16]byte

// String returns the ID in hexadecimal, as logs show it. It opens nothing.
func (id GrantID) String() string { return hex.EncodeToString(id[:]) }

// Session says that a browser's owner has logged in.
type Session struct {
	Hash Hash // of the cookie's value
	// First is the hash of the value that the cookie had when the session began: where more was proven in a session, the
	// cookie has another value since. Zero: it never changed.
	First           Hash
	Owner           string // the subject
	AuthenticatedAt time.Time
	ExpiresAt       time.Time
	// CredentialVersion is the owner's at the login: a session ends when it changes.
	CredentialVersion string
	// Methods are how the owner logged in (RFC 8176). Empty: their source did not say.
	Methods []string
}

// Grant says: this owner lets this client do these scopes until this date. It is the
// only long-lived record; each token of either protocol hangs on one. Its proof lives
// in the same row, so approval, redemption, refresh and revocation are one write each.
type Grant struct {
	ID         GrantID
	ClientUID  string
	Owner      string // the subject
	Scopes     []string
	Profile    Profile
	ApprovedAt time.Time
	EndsAt     time.Time
	// Generation counts refreshes: 0 until the proof is redeemed, 1 after.
	Generation uint32
	RotatedAt  time.Time // when Generation last changed; zero before
	// PreviousRotatedAt is when Generation changed the time before: when the generation before
	// the last one was replaced. Zero: it changed once at most.
	PreviousRotatedAt time.Time
	RevokedAt         time.Time // zero: not revoked
	Proof             Proof
	// Resources are what the authorization request named (RFC 8707), as their APIs spell them; nil: nothing.
	Resources []string
	// Authentication is what ID tokens of the grant say of the login. Zero without the scope openid.
	Authentication Authentication
	// EndOf is the session of whose end the client is told; nil: it is told of none. It is for Approve alone, and not kept
	// with the grant.
	EndOf *Session
}

// DueLogout is a client that is to be told that a session has ended (OpenID Connect Back-Channel Logout 1.0 §2.3).
type DueLogout struct {
	// ID is what Session.IDFor returns for the client.
	ID        Hash
	Owner     string // the subject
	ClientUID string
	// Attempts is how often it was tried and failed.
	Attempts int
	// LeasedUntil is how long nobody else tries.
	LeasedUntil time.Time
}

// denies reports whether the grant stands for an owner's no. That is kept as a grant that ended, and was
// revoked, when it was made: so the store keeps one first decision, whatever it is.
func (g Grant) denies() bool { return !g.EndsAt.After(g.ApprovedAt) }

// Proof is what the browser carries back to the client, once, and what binds it.
type Proof struct {
	Hash          Hash
	Callback      string // as the request spelled it; empty if it named none
	CodeChallenge string // RFC 7636 S256; empty if there was none
	ExpiresAt     time.Time
}

// Rotation is what a refresh demands of a grant: that the client has it, in the profile, and that it
// is in the generation.
type Rotation struct {
	GrantID    GrantID
	ClientUID  string
	Profile    Profile
	Generation uint32
}

// Consent says that an owner ticked "always" for a client and these scopes.
type Consent struct {
	Owner     string // the subject
	ClientUID string
	Scopes    []string
	GivenAt   time.Time
	// Before are the scopes of the earlier consent that Scopes were joined with. It is for Approve alone, and not kept.
	Before []string
}

// Store keeps what must survive a restart. Owners are named by their subjects. Each method is atomic, and what it
// promised is on disk when it returns. Times come from the caller and are kept to the
// millisecond. A failure to reach the data is an error that wraps ErrUnavailable; so is
// a context that ends, whose error is wrapped too: what was asked for may still happen.
type Store interface {
	// CreateSession keeps s and, as ConfirmPeople does, what the directory said at the login. A confirmation without a
	// subject says nothing, and then no person is written.
	// ErrExists if there is a session with its hash: nothing is written then. Of an owner's sessions
	// the newest MaxSessions stay.
	CreateSession(ctx context.Context, s Session, c Confirmation) error
	// Session returns the session and the person it is of, or ErrNotFound. It does not look at the
	// clock. A person of whom there is no row is the zero Person.
	Session(ctx context.Context, h Hash) (Session, Person, error)
	// SessionsOf returns the owner's sessions that have not expired at now, newest first.
	SessionsOf(ctx context.Context, owner string, now time.Time) ([]Session, error)
	// A session that is removed before it expires has ended: each client that Approve kept for it is due to be told from then on,
	// unless there is another session with the same First. What removes it does not matter.

	// DeleteSession ends a session of the owner; to end one that is not there is no error.
	DeleteSession(ctx context.Context, owner string, h Hash) error
	// DeleteSessions ends all sessions of the owner but the one with the hash but.
	DeleteSessions(ctx context.Context, owner string, but Hash) error

	// ConfirmPeople keeps what a directory said of people. A row is only written when something
	// is new: more than half of the time of the confirmation that is kept has passed, or the new one is
	// shorter, or anything else differs. When CredentialVersion differs, the person's sessions with another
	// one end and, with EndGrants, their grants are revoked. When the person has ended, their sessions end;
	// the time of the first end stays.
	ConfirmPeople(ctx context.Context, people []Confirmation) error
	// Person returns the row of a person, ended or not, or ErrNotFound.
	Person(ctx context.Context, subject string) (Person, error)
	// People returns at most limit people, ended or not, by subject, from the one that follows after
	// on.
	People(ctx context.Context, after string, limit int) ([]Person, error)
	// PeopleNamed returns people who are called so and have not ended, by subject, at most MaxPeopleNamed.
	PeopleNamed(ctx context.Context, name string) ([]Person, error)

	// Factors returns the owner's factors, oldest first.
	Factors(ctx context.Context, owner string) ([]Factor, error)
	// Factor returns the factor with the ID, whoever has it, or ErrNotFound.
	Factor(ctx context.Context, id Hash) (Factor, error)
	// ChangeFactors removes those of the owner's factors that remove names, adds others, all in one, and returns how many
	// it removed. ErrExists if the ID of one to add is known, or the owner had more than MaxFactors afterwards: nothing is written then.
	ChangeFactors(ctx context.Context, owner string, remove []Hash, add []Factor) (removed int, err error)
	// UseFactor keeps that the owner's factor was used, with its new counter. ErrStale if it is not there, or its counter is not
	// lower than the new one. A counter that is 0 may stay so: such a passkey counts nothing. Of any number of callers with one
	// counter one succeeds.
	UseFactor(ctx context.Context, owner string, id Hash, counter int64, now time.Time) error

	// Approve keeps a new grant with its unredeemed proof and, unless it is nil, the
	// consent. An older one of the same owner and client is replaced. Where Before is set and is not what that one
	// says, or there is none any more, it holds the scopes of the grant alone: the owner took the others
	// back meanwhile. ErrExists
	// if the grant's ID or its proof's hash is known: nothing is written then, so that the first
	// decision counts. Of an owner's live grants to one client the newest MaxGrants stay, of those that
	// were redeemed and of those that were not; older ones are revoked. One that is revoked already is kept,
	// and ends no other. Where EndOf is set, the client is kept as one that is told when that session ends, once for each session;
	// if it has ended already, the client is due to be told at once.
	Approve(ctx context.Context, g Grant, c *Consent) error
	// ApproveUnder keeps a new grant as Approve does, on the strength of a consent that was read before. ErrStale
	// if that is not kept any more as it was read, and nothing is written then; ErrExists comes first.
	ApproveUnder(ctx context.Context, g Grant, read Consent) error
	// GrantByProof returns the grant whose proof has the hash, redeemed, revoked and
	// expired ones too, or ErrNotFound.
	GrantByProof(ctx context.Context, proof Hash) (Grant, error)
	// Redeem takes the proof: in one statement the grant goes from generation 0 to 1 if its proof
	// is unexpired and it is neither revoked nor ended. Of any number of callers one
	// gets the grant, all others ErrNotFound.
	Redeem(ctx context.Context, proof Hash, now time.Time) (Grant, error)
	// Grant returns a grant, or ErrNotFound.
	Grant(ctx context.Context, id GrantID) (Grant, error)
	// OwnedGrant returns in one read what the use of a token asks for, or ErrNotFound: a grant but for its
	// Profile, PreviousRotatedAt, Proof and Authentication, and of its owner Subject, Name, Groups, ConfirmedUntil and EndedAt. An owner of
	// whom there is no row is the zero Person.
	OwnedGrant(ctx context.Context, id GrantID) (Grant, Person, error)
	// Rotate moves a live grant (not revoked, not ended) to the next generation and returns it and its
	// owner, with what OwnedGrant returns of them. All conditions are checked by the statement that writes,
	// so no read is needed before or after. ErrStale if
	// the grant is not there, not live, another client's, of another profile or in another
	// generation, and for generation 0, which only Redeem ends. Nothing is written then. Of any
	// number of callers with one generation one gets the grant.
	Rotate(ctx context.Context, r Rotation, now time.Time) (Grant, Person, error)
	// Revoke ends a grant and reports whether it was this call that did. The time of the
	// first call stays; an unknown ID is no error.
	Revoke(ctx context.Context, id GrantID, now time.Time) (ended bool, err error)

	// GrantsOf returns the owner's grants that are live at now (not revoked, not ended,
	// redeemed or still redeemable), oldest first.
	GrantsOf(ctx context.Context, owner string, now time.Time) ([]Grant, error)
	// ConsentsOf returns what the owner has consented to for always, oldest first.
	ConsentsOf(ctx context.Context, owner string) ([]Consent, error)
	// Consent returns the consent of the owner for the client, or ErrNotFound.
	Consent(ctx context.Context, owner, clientUID string) (Consent, error)
	// Forget removes the consent of the owner for the client and revokes all their grants
	// to it, redeemed or not.
	Forget(ctx context.Context, owner, clientUID string, now time.Time) error

	// ClaimLogouts returns at most limit clients that are due to be told at now that a session has ended, without those of the
	// clients in busy, and leases them until a time: of any number of callers one gets each of them. When the lease ends and
	// nothing else was said, they are due again.
	ClaimLogouts(ctx context.Context, now, until time.Time, busy []string, limit int) ([]DueLogout, error)
	// PostponeLogout makes a logout due at a time, with its Attempts. Nothing happens if it is not leased as l says any more.
	PostponeLogout(ctx context.Context, l DueLogout, at time.Time) error
	// FinishLogout forgets a logout, because the client was told or is not to be told. It is no error if there is none.
	FinishLogout(ctx context.Context, id Hash) error

	// Spend marks a key as used until a time, at which it is free again. ErrExists if it is marked and that time
	// has not passed at now. It is the one primitive for what must not happen twice.
	Spend(ctx context.Context, key Hash, now, until time.Time) error
	// Spent reports whether the key is marked at now.
	Spent(ctx context.Context, key Hash, now time.Time) (bool, error)

	// GrantsPage returns at most limit grants that f chooses and that are live at now, as GrantsOf says, by ID, from
	// the one that follows after on.
	GrantsPage(ctx context.Context, f GrantFilter, now time.Time, after GrantID, limit int) ([]Grant, error)

	// NoteUses adds what was noted to what is kept of the same credentials: the earliest Since, the latest times, the sums
	// of the counts. Of ID tokens the largest one stays, until one comes that is IDTokenMemory younger. What was kept of other
	// credentials of the same UID goes when they were last used UseMemory before. A call that failed with ErrUnavailable may
	// have counted: who repeats it may count twice, and no time changes by it.
	NoteUses(ctx context.Context, uses []Use) error
	// Uses returns at most limit uses of the UID, or of all where it is empty, by UID and credential ID, from the one that follows
	// them on.
	Uses(ctx context.Context, uid, afterUID, afterCredentialID string, limit int) ([]Use, error)

	// Sweep removes at most limit rows that mean nothing any more at now, and returns how
	// many it removed: call it again until that is less than limit. A grant stays until it ended; one whose proof was never
	// redeemed, until ProofMemory after the proof's expiry. A client that is to be told of the end of a session stays until the session
	// expires or, once it is due, for LogoutMemory longer. A person who ended GoneMemory ago goes with everything of
	// theirs, and so do the consents for a client, and the uses of it, that was absent for as long.
	Sweep(ctx context.Context, now time.Time, limit int) (int, error)
	// KeptClients returns at most limit UIDs of clients, and resource servers, that there are consents for or uses of, in
	// order, from the one that follows after on.
	KeptClients(ctx context.Context, after string, limit int) ([]string, error)
	// NoteClients remembers since when clients are absent. The time of the first call stays until a client
	// is present again, or somebody consents to it.
	NoteClients(ctx context.Context, present, absent []string, now time.Time) error
	// Ping reports whether the store answers.
	Ping(ctx context.Context) error
}

const (
	// MaxGrants is how many live grants an owner keeps to one client.
	MaxGrants = 50
	// MaxFactors is how many factors an owner has at most, each recovery code counted.
	MaxFactors = 40
	// LogoutMemory is how much longer than its session would have lasted a logout is kept that is due: longer than all attempts take.
	LogoutMemory = 24 * time.Hour
	// MaxSessions is how many sessions an owner keeps.
	MaxSessions = 100
	// MaxPeopleNamed is how many people of one name are looked at. One source knows a name once, but for those who
	// were renamed since they were confirmed.
	MaxPeopleNamed = 100
	// ProofMemory is how long an unredeemed proof is remembered after it expired: longer than an
	// interaction lives, so that one that was decided cannot be decided again.
	ProofMemory = time.Hour
)
