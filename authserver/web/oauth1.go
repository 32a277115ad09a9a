// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"strings"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
)

// requestToken gives temporary credentials to a client that signed for them (RFC 5849 §2.1).
func (s *Site) requestToken(d signedDialect) handler {
	p, rules := d.profile(), d.endpointRules()
	return func(w http.ResponseWriter, r *http.Request) error {
		caller, req, err := s.whoSigned(r, p, rules, authserver.NoToken, oauth1.ParamCallback)
		if err != nil {
			return err
		}
		t, err := s.auth.RequestToken(r.Context(), caller, rules.CallbackOf(caller.Client, req.Callback))
		if err != nil {
			return err
		}
		oauth1.WriteTemporary(w, rules, t)
		return nil
	}
}

// authorizeToken begins the interaction of a link with a request token (RFC 5849 §2.2).
func (s *Site) authorizeToken(d signedDialect) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		token, err := oauth1.ParseAuthorize(r)
		if err != nil {
			return err
		}
		i, err := s.auth.BeginSigned(d.profile(), token)
		if err != nil {
			return err
		}
		return s.begin(w, r, i)
	}
}

// accessToken exchanges a verifier for token credentials (RFC 5849 §2.3).
func (s *Site) accessToken(d signedDialect) handler {
	p, rules := d.profile(), d.endpointRules()
	return func(w http.ResponseWriter, r *http.Request) error {
		caller, req, err := s.whoSigned(r, p, rules, authserver.RequestTokenKind, oauth1.ParamToken, oauth1.ParamVerifier)
		if err != nil {
			return err
		}
		t, err := s.auth.Exchange(r.Context(), caller, req.Token, req.Verifier)
		if err != nil {
			return err
		}
		oauth1.WriteToken(w, rules, t)
		return nil
	}
}

// revokeSigned ends what the access token stands for that the request was signed with. RFC 5849
// knows no such thing; this is what RFC 7009 is to OAuth 2.0.
func (s *Site) revokeSigned(d signedDialect) handler {
	p, rules := d.profile(), d.endpointRules()
	return func(w http.ResponseWriter, r *http.Request) error {
		caller, req, err := s.whoSigned(r, p, rules, authserver.AccessTokenKind, oauth1.ParamToken)
		if err != nil {
			return err
		}
		if err := s.auth.RevokeSigned(r.Context(), caller, req.Token); err != nil {
			return err
		}
		oauth1.WriteRevoked(w)
		return nil
	}
}

// whoSigned finds out which client sent a request to an endpoint of ours.
func (s *Site) whoSigned(r *http.Request, p authserver.Profile, rules oauth1.Rules, kind authserver.TokenKind, required ...string) (authserver.Caller, *oauth1.Request, error) {
	req, err := oauth1.ParseRequest(r, s.issuer, rules, required...)
	if err != nil {
		return authserver.Caller{}, nil, err
	}
	if req.SignatureMethod == oauth1.Plaintext && s.inClear(r) { // RFC 5849 §3.4.4
		return authserver.Caller{}, nil, authserver.Refuse(authserver.SignatureMethodRejected, "PLAINTEXT needs TLS")
	}
	caller, err := s.auth.AuthenticateSigned(r.Context(), question(p, kind, req))
	return caller, req, err
}

// question is what the engine is asked about a signed request.
func question(p authserver.Profile, kind authserver.TokenKind, req *oauth1.Request) authserver.SignedRequest {
	q := authserver.SignedRequest{
		Profile: p, ClientID: req.ConsumerKey, Method: string(req.SignatureMethod), Kind: kind, Token: req.Token,
		Nonce: req.Nonce, Place: req.SecretPlace(), Matches: req.Verify,
	}
	if !req.Timestamp.IsZero() {
		q.Timestamp = req.Timestamp.Unix()
	}
	if req.SignatureMethod == oauth1.Plaintext {
		// Whoever could repeat the request has the secrets, and can make a new one.
		q.SkipNonce = true
	}
	return q
}

// inClear reports whether a trusted proxy, or one before it, says that it got the request without
// TLS. The origin is the issuer's all the same: it is what clients address and sign (RFC 5849
// §3.4.1.2), and proxies in a row tend to forget what the first one knew.
func (s *Site) inClear(r *http.Request) bool {
	told := r.Header.Values("X-Forwarded-Proto")
	if len(told) == 0 {
		return false
	}
	if _, proxied := s.locate(r); !proxied {
		return false
	}
	for scheme := range strings.SplitSeq(strings.Join(told, ","), ",") {
		if !strings.EqualFold(strings.TrimSpace(scheme), "https") {
			return true
		}
	}
	return false
}
