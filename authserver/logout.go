// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// LogoutRequest is a client's request to sign a person out (OpenID Connect RP-Initiated Logout 1.0 §2), after it was parsed.
type LogoutRequest struct {
	ClientID string
	// Redirect is the post_logout_redirect_uri.
	Redirect string
	State    string
	// Hint is what the id_token_hint says; nil: there is none. One that cannot be verified is the zero IDTokenHint.
	Hint *IDTokenHint
}

// IDTokenHint is what an ID token says that comes back as a hint, once its signature was verified. It may have expired.
type IDTokenHint struct {
	ClientID  string // aud
	Subject   string // sub
	SessionID string // sid
}

// maxLogoutState is the longest state of a logout in bytes. It travels in the address of a page of ours.
const maxLogoutState = 1024

// Logout is a request to sign a person out that was found to be in order. It travels sealed in the address of its page. The
// zero value comes from nobody, and leads nowhere afterwards.
type Logout struct {
	ClientUID string `json:"u,omitempty"`
	Redirect  string `json:"r,omitempty"` // one that the client has; empty: none
	// State is opaque. As bytes it takes the same room in the address whatever it holds: as text, JSON makes six bytes of one.
	State     []byte    `json:"s,omitempty"`
	Subject   string    `json:"o,omitempty"` // of the hint
	SessionID string    `json:"i,omitempty"` // of the hint
	StartedAt time.Time `json:"t"`
}

// BeginLogout checks a request. Its errors are shown and go nowhere: only a logout leads to a post_logout_redirect_uri. A hint
// that cannot be verified counts as none, and takes the redirect with it (§4): an old ID token, whose key was thrown
// out, must not keep a person from signing out.
func (s *Server) BeginLogout(r LogoutRequest) (Logout, error) {
	l := Logout{StartedAt: s.now()}
	if r.Hint != nil {
		if r.Hint.ClientID == "" {
			return l, nil
		}
		if r.ClientID != "" && r.ClientID != r.Hint.ClientID {
			return Logout{}, Refuse(InvalidRequest, "client_id is not the client that the id_token_hint was issued to")
		}
		r.ClientID = r.Hint.ClientID
		l.Subject, l.SessionID = r.Hint.Subject, r.Hint.SessionID
	}
	client, known := s.clients.ByID(r.ClientID)
	known = known && client.served() && client.Profile == ProfileOAuth2
	if known {
		l.ClientUID = client.UID
	}
	switch {
	case r.Redirect == "":
		return l, nil
	case r.ClientID == "":
		return Logout{}, Refuse(InvalidRequest, "with post_logout_redirect_uri, client_id or id_token_hint is required")
	case !known:
		return Logout{}, Refuse(UnknownClient, "no such client")
	case !slices.Contains(client.OpenID.PostLogoutRedirectURIs, r.Redirect):
		return Logout{}, Refuse(InvalidLogoutRedirect, "post_logout_redirect_uri is not registered for this client")
	case len(r.State) > maxLogoutState:
		return Logout{}, NewParameterError(ParameterMalformed, "state is longer than 1024 bytes", "state")
	}
	if refusal := checkState(r.State); refusal != nil {
		return Logout{}, refusal
	}
	l.Redirect, l.State = r.Redirect, []byte(r.State)
	return l, nil
}

// SealLogout returns the logout as the address of its page has it.
func (s *Server) SealLogout(l Logout) (string, error) {
	keys, err := s.currentKeys()
	if err != nil {
		return "", err
	}
	var plain bytes.Buffer
	encoder := json.NewEncoder(&plain)
	encoder.SetEscapeHTML(false) // it would make six bytes of each & in the redirect
	if err := encoder.Encode(l); err != nil {
		return "", fmt.Errorf("marshal logout: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(keys.seal(forLogout, s.now(), plain.Bytes())), nil
}

// OpenLogout returns the logout that SealLogout has sealed. What was changed or is too old is the zero Logout: a person may
// sign out all the same.
func (s *Server) OpenLogout(sealed string) (Logout, error) {
	keys, err := s.currentKeys()
	if err != nil {
		return Logout{}, err
	}
	raw, ok := decode(sealed)
	if !ok {
		return Logout{}, nil
	}
	plain, err := keys.open(forLogout, raw)
	var l Logout
	if err != nil || json.Unmarshal(plain, &l) != nil || s.now().Sub(l.StartedAt) >= InteractionLifetime {
		return Logout{}, nil //nolint:nilerr // as said
	}
	return l, nil
}

// LogoutPosition is where a logout stands, and what its page needs.
type LogoutPosition struct {
	Client *Client // that asks; nil: none that is known
	// Redirect is where the browser goes afterwards; empty: nowhere.
	Redirect string
	State    string
	// Ask is set where the person must be asked: nothing proves that the client knows the session of this browser (§2).
	Ask bool
}

// NextLogout says where a logout stands in the browser of v; nil: nobody is signed in there.
func (s *Server) NextLogout(l Logout, v *Visitor) LogoutPosition {
	p := LogoutPosition{Ask: v != nil}
	client, known := s.clients.ByUID(l.ClientUID)
	if !known || !client.served() {
		return p
	}
	p.Client = client
	if slices.Contains(client.OpenID.PostLogoutRedirectURIs, l.Redirect) { // it may be the client's no more
		p.Redirect, p.State = l.Redirect, string(l.State)
	}
	keys, err := s.currentKeys()
	if err == nil && v != nil && l.Subject == keys.subjectFor(client, v.Owner.Subject) && l.SessionID == v.Session.idFor(client.UID) {
		p.Ask = false
	}
	return p
}

// FirstHash is the hash that the session began with.
func (s Session) FirstHash() Hash {
	if s.First == (Hash{}) {
		return s.Hash
	}
	return s.First
}

// IDFor names the session and a client that takes part in it. It opens nothing, and tells nothing of the session. It stays when
// more is proven in the session, so that what a client was told at the beginning is right at the end.
func (s Session) IDFor(clientUID string) Hash {
	first := s.FirstHash()
	return sha256.Sum256(framed("session", string(first[:]), clientUID))
}

// sessionID returns what the client calls the session (sid). Another client has another name for it.
func sessionID(id Hash) string { return base64.RawURLEncoding.EncodeToString(id[:16]) }

func (s Session) idFor(clientUID string) string { return sessionID(s.IDFor(clientUID)) }
