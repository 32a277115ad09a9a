// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"bytes"
	"context"
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// MaxSealedInteraction is the length of the longest cookie value that is made or
// read. Browsers keep cookies of 4,096 bytes, name and attributes included.
const MaxSealedInteraction = 3800

// ticketSize is how much of each HMAC a ticket keeps: 128 bits.
const ticketSize = 16

// SealInteraction returns what the browser keeps of the interaction: unreadable and
// unchangeable for it. An interaction that is too large is an InvalidRequest.
func (s *Server) SealInteraction(i Interaction) (string, error) {
	keys, err := s.currentKeys()
	if err != nil {
		return "", err
	}
	if i.StateApart = stateIsApart(i.State); i.StateApart {
		i.State = "" // see SealState
	}
	var plain bytes.Buffer
	encoder := json.NewEncoder(&plain)
	encoder.SetEscapeHTML(false) // it would make six bytes of one
	if err := encoder.Encode(i); err != nil {
		return "", fmt.Errorf("marshal interaction: %w", err)
	}
	raw, err := keys.sealWith(i.key, forInteraction, plain.Bytes())
	if err != nil {
		return "", fmt.Errorf("seal interaction: %w", err)
	}
	sealed := base64.RawURLEncoding.EncodeToString(raw)
	if len(sealed) > MaxSealedInteraction {
		return "", Refuse(InvalidRequest, "the request is too large")
	}
	return sealed, nil
}

// OpenInteraction returns the interaction with this ID from what the browser kept: the interaction and,
// where SealState has made some, the pieces of its state. Without them it cannot go on.
// Whatever belongs to another ID, is too old or was changed is an InteractionError.
func (s *Server) OpenInteraction(id, sealed string, state ...string) (Interaction, error) {
	keys, err := s.currentKeys()
	if err != nil {
		return Interaction{}, err
	}
	gone := NewInteractionError(InteractionUnreadable, "the request cannot be read")
	if len(sealed) > MaxSealedInteraction {
		return Interaction{}, gone
	}
	raw, ok := decode(sealed)
	if !ok {
		return Interaction{}, gone
	}
	plain, err := keys.open(forInteraction, raw)
	if err != nil {
		return Interaction{}, gone
	}
	i := Interaction{key: keyID(raw)}
	if err := json.Unmarshal(plain, &i); err != nil || i.ID != id {
		return Interaction{}, gone
	}
	if i.StateApart && len(state) > 0 {
		if i, err = keys.withState(i, state); err != nil {
			return Interaction{}, err
		}
	}
	if err := s.checkAge(i); err != nil {
		return Interaction{}, err
	}
	return i, nil
}

// ticket returns what proves on the way back that the consent form was shown for this interaction, and
// to this owner, in this login. The first MAC is about the interaction alone: it tells a page that is
// out of date from a form that is no page of ours.
func (r resolved) ticket(v *Visitor, now time.Time) (string, error) {
	id := r.keys.activeID(now)
	page, shown, err := r.ticketMACs(id, v)
	if err != nil {
		return "", fmt.Errorf("sign ticket: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(slices.Concat(id[:], page, shown)), nil
}

// checkTicket refuses a decision whose ticket is not the one of the page as it is now.
func (r resolved) checkTicket(ticket string, v *Visitor) error {
	ofNoPage := NewInteractionError(DecisionOfNoPage, "the decision does not belong to this request")
	raw, ok := decode(ticket)
	if !ok || len(raw) != keyIDSize+2*ticketSize {
		return ofNoPage
	}
	page, shown, err := r.ticketMACs(keyID(raw), v)
	if err != nil || !hmac.Equal(page, raw[keyIDSize:][:ticketSize]) {
		return ofNoPage
	}
	if !hmac.Equal(shown, raw[keyIDSize+ticketSize:]) {
		return NewInteractionError(InteractionOfOtherLogin, "the page was shown in another login, or the request has changed since")
	}
	return nil
}

// ticketMACs returns the two parts of a ticket under the key: one for the interaction, and one for this
// login and what the page showed of the interaction, which a client may have changed since.
func (r resolved) ticketMACs(id keyID, v *Visitor) (page, shown []byte, err error) {
	first, err := r.keys.sign(forTicket, id, framed("page", r.ID))
	if err != nil {
		return nil, nil, err
	}
	parts := []string{"shown", string(v.Session.Hash[:]), r.ID, r.client.UID, r.to.Callback}
	second, err := r.keys.sign(forTicket, id, framed(append(parts, r.scopes...)...))
	if err != nil {
		return nil, nil, err
	}
	return first[:ticketSize], second[:ticketSize], nil
}

// device is what the device cookie says: this browser has logged in as Owner before.
type device struct {
	Owner string `json:"o"` // the subject
	Name  string `json:"n"` // what the owner was called
	Typed string `json:"t"` // what the owner typed as the name
	ID    string `json:"i"`
	// TwoFactors is set where the login proved a second factor.
	TwoFactors bool      `json:"f,omitempty"`
	Ends       time.Time `json:"e"`
}

func (s *Server) newDevice(owner Owner, typed string, twoFactors bool, now time.Time) (string, error) {
	keys, err := s.currentKeys()
	if err != nil {
		return "", err
	}
	plain, err := json.Marshal(device{Owner: owner.Subject, Name: owner.Name, Typed: typed, ID: s.newID(), TwoFactors: twoFactors, Ends: now.Add(DeviceLifetime)})
	if err != nil {
		return "", fmt.Errorf("marshal device: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(keys.seal(forDevice, now, plain)), nil
}

// knownDevice returns the ID of the device if its cookie is one for the owner who is
// logging in, else "". The name may belong to somebody else by now: it is the subject that counts.
func (s *Server) knownDevice(ctx context.Context, c Credentials, now time.Time) string {
	d, ok := s.openDevice(c.Device, now)
	if !ok || d.Typed != c.Username {
		return ""
	}
	person, err := s.store.Person(ctx, d.Owner)
	if err != nil || !person.EndedAt.IsZero() || person.Name != d.Name {
		return ""
	}
	return d.ID
}

func (s *Server) openDevice(cookie string, now time.Time) (d device, ok bool) {
	keys := s.keys.Load()
	if keys == nil || cookie == "" || len(cookie) > MaxSealedInteraction {
		return device{}, false
	}
	raw, ok := decode(cookie)
	if !ok {
		return device{}, false
	}
	plain, err := keys.open(forDevice, raw)
	if err != nil || json.Unmarshal(plain, &d) != nil || !now.Before(d.Ends) {
		return device{}, false
	}
	return d, true
}

// provenDevice returns the ID of the device if the owner proved a second factor in this browser before, else "". A browser
// that knows the password alone may be that of whoever the second factor is for.
func (s *Server) provenDevice(cookie, owner string, now time.Time) string {
	d, ok := s.openDevice(cookie, now)
	if !ok || d.Owner != owner || !d.TwoFactors {
		return ""
	}
	return d.ID
}
