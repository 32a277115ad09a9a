// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"errors"
	"time"
)

// Passkeys checks what authenticators answer (Web Authentication Level 3). It knows the relying party ID and the origin, demands that
// the authenticator verifies the person, and asks for no attestation. What it returns as an error is for the log: nobody proved anything.
type Passkeys interface {
	// CreationOptions returns what navigator.credentials.create is to be called with, in JSON (§5.1.8).
	CreationOptions(c PasskeyCreation) (options string, err error)
	// Created returns the passkey that an answer in JSON (§5.1, RegistrationResponseJSON) is about.
	Created(c PasskeyCreation, answer string) (Passkey, error)
	// RequestOptions returns what navigator.credentials.get is to be called with, in JSON (§5.1.9): for one of the passkeys with
	// the data or, with none, for any that the browser finds.
	RequestOptions(challenge []byte, data []string) (options string, err error)
	// Named returns the credential ID that an answer in JSON (§5.1, AuthenticationResponseJSON) names. Nothing is proven yet.
	Named(answer string) (credentialID []byte, err error)
	// Used returns how often a passkey says that it was used, once its answer is proven: to this challenge, for this user handle. An
	// answer need not name the user handle unless discovered is set (§7.2 step 6).
	Used(u PasskeyUse, answer string) (counter uint32, err error)
}

// PasskeyCreation is what a new passkey is made for.
type PasskeyCreation struct {
	Challenge []byte
	Handle    []byte // of the person (§5.4.3, user handle)
	// Name and DisplayName are those of the person, for the authenticator's own list.
	Name, DisplayName string
	// Existing are the data of passkeys of the person, none of which is to be made once more.
	Existing []string
}

// Passkey is a credential record (§4) as it is kept.
type Passkey struct {
	CredentialID []byte
	Data         string
	Counter      uint32
}

// PasskeyUse is what an answer has to fit to.
type PasskeyUse struct {
	Challenge  []byte
	Handle     []byte
	Data       string
	Discovered bool
}

const (
	// PasskeyLifetime is how long a page may ask for a passkey, at most what §15.1 recommends.
	PasskeyLifetime = 10 * time.Minute
	// MaxPasskeys is how many passkeys a person has at most.
	MaxPasskeys = 10
	// MaxPasskeyAnswer is the length of the longest answer of an authenticator that is looked at.
	MaxPasskeyAnswer = 8 << 10
)

// errNoPasskeys says that the server has none: its issuer is an IP address, which no passkey can be for.
var errNoPasskeys = errors.New("this server takes no passkeys")

// PasskeyPage is what a page needs that asks for a passkey. Zero: it does not ask for one.
type PasskeyPage struct {
	Options string // for the browser, in JSON
	Ticket  string // comes back with the answer
}

// PasskeyAnswer is what came back from a page.
type PasskeyAnswer struct {
	Ticket string
	// Answer is what the authenticator said, in JSON.
	Answer string
	// Browser is what ties the page to the browser: see BeginPasskeyLogin.
	Browser string
	// For is the interaction that the page was for; empty: the account.
	For string
	// Address is the client's network address without a port, as far as it can be trusted.
	Address string
	// Device is the value of the browser's device cookie, if it has one.
	Device string
}

// HasPasskeys reports whether the server takes passkeys.
func (s *Server) HasPasskeys() bool { return s.passkeys != nil }

// userHandleOf returns the user handle of an owner. It is not the subject: authenticators and what synchronizes them keep it, and
// applications know the subject (§14.6.1).
func (k *Keys) userHandleOf(owner string) []byte {
	handle := k.factorMAC("user handle", owner)
	return handle[:]
}
