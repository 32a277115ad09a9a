// SPDX-License-Identifier: Apache-2.0

package resourceserver

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// refusal is why a request is not let through. Its words are for the client's developer.
type refusal struct {
	status int
	scheme string // of the request; empty: none that is taken
	code   string // RFC 6750 §3.1, for bearer tokens
	text   string // ASCII without quotes
}

func (r *refusal) Error() string { return r.text }

// anonymous: RFC 6750 §3.1 wants no error code where no token was sent.
func anonymous() error {
	return &refusal{status: http.StatusUnauthorized, text: "an access token is required"}
}

func malformed(scheme, text string) error {
	return &refusal{http.StatusBadRequest, scheme, "invalid_request", text}
}

func invalidToken() error {
	return &refusal{http.StatusUnauthorized, bearer, "invalid_token", "the access token is not valid, or no longer"}
}

// invalidSignature: what exactly is wrong only Gatehouse knows, whose audit log tells.
func invalidSignature() error {
	return &refusal{status: http.StatusUnauthorized, scheme: signed,
		text: "the request is not well signed, was seen before, or its access token is not valid, or no longer"}
}

func tooNarrow(r *http.Request) error {
	scheme, _ := credentials(r)
	return &refusal{http.StatusForbidden, scheme, "insufficient_scope", "the access token does not have the scope that is needed"}
}

// wrongKind: RFC 6750 §3.1 has no code of its own for it; this one says that another token is needed.
func wrongKind(r *http.Request, text string) error {
	scheme, _ := credentials(r)
	return &refusal{http.StatusForbidden, scheme, "insufficient_scope", text}
}

func tooLarge() error {
	return &refusal{status: http.StatusRequestEntityTooLarge, scheme: signed, text: "the request is too large to be verified"}
}

// retryAfter is what is asked of clients when Gatehouse cannot be, in seconds.
const retryAfter = "5"

// refuse answers a request that is not let through. What is not a refusal is a fault of the
// neighbourhood: the client learns that there was one, the log which.
func (g *Guard) refuse(w http.ResponseWriter, r *http.Request, scope string, err error) {
	refused, ok := errors.AsType[*refusal](err)
	if !ok {
		_, told := errors.AsType[keysError](err)
		if !told && r.Context().Err() == nil { // else nobody waits for the answer
			g.config.Log.ErrorContext(r.Context(), "access tokens cannot be checked", "err", err)
		}
		w.Header().Set("Retry-After", retryAfter)
		http.Error(w, "Access tokens cannot be checked now. Try again later.", http.StatusServiceUnavailable)
		return
	}
	if refused.status != http.StatusRequestEntityTooLarge {
		g.challenge(w, scope, refused)
	}
	http.Error(w, strings.ToUpper(refused.text[:1])+refused.text[1:]+".", refused.status)
}

// challenge names each kind of token that is taken (RFC 9110 §11.6.1).
func (g *Guard) challenge(w http.ResponseWriter, scope string, refused *refusal) {
	realm := fmt.Sprintf(` realm="%s"`, g.config.Realm)
	text := bearer + realm
	if refused.scheme == bearer && refused.code != "" {
		text += fmt.Sprintf(`, error="%s", error_description="%s"`, refused.code, refused.text)
		if refused.status == http.StatusForbidden {
			text += fmt.Sprintf(`, scope="%s"`, scope)
		}
	}
	if g.metadataURL != "" {
		text += fmt.Sprintf(`, resource_metadata="%s"`, g.metadataURL) // RFC 9728 §5.1
	}
	w.Header().Add("WWW-Authenticate", text)
	if g.config.VerificationEndpoint != "" {
		w.Header().Add("WWW-Authenticate", signed+realm) // RFC 5849 §3.5.1
	}
}
