// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"
)

// MaxSealedInteraction is the length of the longest cookie value that is made or
// read. Browsers keep cookies of 4,096 bytes, name and attributes included.
const MaxSealedInteraction = 3800

// ticketSize is how much of the HMAC a ticket keeps: 128 bits.
const ticketSize = 16

// SealInteraction returns what the browser keeps of the interaction: unreadable and
// unchangeable for it. An interaction that is too large is an InvalidRequest.
func (s *Server) SealInteraction(i *Interaction) (string, error) {
	keys, err := s.currentKeys()
	if err != nil {
		return "", err
	}
	plain, err := json.Marshal(i)
	if err != nil {
		return "", fmt.Errorf("marshal interaction: %w", err)
	}
	sealed := base64.RawURLEncoding.EncodeToString(keys.seal(forInteraction, s.now(), plain))
	if len(sealed) > MaxSealedInteraction {
		return "", Refuse(InvalidRequest, "the request is too large")
	}
	return sealed, nil
}

// OpenInteraction returns the interaction with this ID from what the browser kept.
// Whatever belongs to another ID, is too old or was changed is an InteractionError.
func (s *Server) OpenInteraction(id, sealed string) (*Interaction, error) {
	keys, err := s.currentKeys()
	if err != nil {
		return nil, err
	}
	gone := NewInteractionError(InteractionUnreadable, "the request cannot be read")
	if len(sealed) > MaxSealedInteraction {
		return nil, gone
	}
	raw, ok := decode(sealed)
	if !ok {
		return nil, gone
	}
	plain, err := keys.open(forInteraction, raw)
	if err != nil {
		return nil, gone
	}
	var i Interaction
	if err := json.Unmarshal(plain, &i); err != nil || i.ID != id {
		return nil, gone
	}
	if s.now().Sub(i.StartedAt) >= InteractionLifetime {
		return nil, newExpiredError(InteractionGone, "the request is too old", &i)
	}
	return &i, nil
}

// ticket proves on the way back that the consent form was shown to this owner, in this
// login, for this interaction.
func (s *Server) ticket(i *Interaction, v *Visitor) (string, error) {
	keys, err := s.currentKeys()
	if err != nil {
		return "", err
	}
	_, id := keys.active(s.now())
	mac, err := keys.sign(forTicket, id, ticketData(i, v))
	if err != nil {
		return "", fmt.Errorf("sign ticket: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(append(id[:], mac[:ticketSize]...)), nil
}

func (s *Server) matchesTicket(ticket string, i *Interaction, v *Visitor) bool {
	keys := s.keys.Load()
	raw, ok := decode(ticket)
	if keys == nil || !ok || len(raw) != keyIDSize+ticketSize {
		return false
	}
	mac, err := keys.sign(forTicket, [keyIDSize]byte(raw), ticketData(i, v))
	return err == nil && hmac.Equal(mac[:ticketSize], raw[keyIDSize:])
}

// ticketData is what a ticket is bound to: this login, this interaction, and what the page
// showed of it, which a client may have changed since. Each part is preceded by its length.
func ticketData(i *Interaction, v *Visitor) []byte {
	data := append([]byte{}, v.Session.Hash[:]...)
	for _, part := range append([]string{i.ID, i.ClientUID, i.Callback}, i.Scopes...) {
		data = binary.BigEndian.AppendUint32(data, uint32(len(part))) //nolint:gosec // bounded by the cookie
		data = append(data, part...)
	}
	return data
}

// device is what the device cookie says: this browser has logged in as Owner before.
type device struct {
	Owner string    `json:"o"` // the subject
	ID    string    `json:"i"`
	Ends  time.Time `json:"e"`
}

func (s *Server) newDevice(owner string, now time.Time) (string, error) {
	keys, err := s.currentKeys()
	if err != nil {
		return "", err
	}
	plain, err := json.Marshal(device{Owner: owner, ID: s.newID(), Ends: now.Add(DeviceLifetime)})
	if err != nil {
		return "", fmt.Errorf("marshal device: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(keys.seal(forDevice, now, plain)), nil
}

// knownDevice returns the ID of the device if its cookie is one for the owner who is
// logging in, else "". The name may belong to somebody else by now: it is the subject that counts.
func (s *Server) knownDevice(ctx context.Context, c Credentials, now time.Time) string {
	keys := s.keys.Load()
	if keys == nil || c.Device == "" || len(c.Device) > MaxSealedInteraction {
		return ""
	}
	raw, ok := decode(c.Device)
	if !ok {
		return ""
	}
	plain, err := keys.open(forDevice, raw)
	var d device
	if err != nil || json.Unmarshal(plain, &d) != nil || !now.Before(d.Ends) {
		return ""
	}
	owner, err := s.directory.Lookup(ctx, c.Username)
	if err != nil || owner.Subject != d.Owner {
		return ""
	}
	return d.ID
}
