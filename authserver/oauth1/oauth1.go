// SPDX-License-Identifier: Apache-2.0

// Package oauth1 is how OAuth 1.0a spells what the engine decides: it reads signed
// requests, checks their signatures and writes answers as RFC 5849 and the Problem
// Reporting extension say. The files are the steps of a request in their order:
//
//	rules.go       what a profile accepts and answers: the table of quirks
//	message.go     the parts of an HTTP request that a signature covers
//	header.go      the Authorization header, read and written; encode.go its encoding
//	parameters.go  protocol parameters, found and checked; request.go what they say
//	authorize.go   the link that brings the owner
//	basestring.go  the text that is signed; signature.go signs and compares
//	answer.go      credentials and redirects; problem.go refusals
//
// It decides nothing: nonces, tokens, verifiers and who may do what are the engine's. It
// does not know OAuth 2.0.
package oauth1

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// The paths of the profile OAuth1 below the issuer.
const (
	PathRequestToken = "/oauth1/request-token"
	PathAuthorize    = "/oauth1/authorize"
	PathAccessToken  = "/oauth1/access-token"
	PathRevoke       = "/oauth1/revoke"
	PathVerify       = "/oauth1/verify"
)

// The paths of the profile ConnectionsCloudOAuth1, as the old server had them.
const (
	PathConnectionsRequestToken = "/manage/oauth/getRequestToken"
	PathConnectionsAuthorize    = "/manage/oauth/authorizeToken"
	PathConnectionsAccessToken  = "/manage/oauth/getAccessToken"
)

// The names of the protocol parameters (RFC 5849 §2.1, §2.3, §3.1).
const (
	ParamConsumerKey     = "oauth_consumer_key"
	ParamToken           = "oauth_token"
	ParamSignatureMethod = "oauth_signature_method"
	ParamSignature       = "oauth_signature"
	ParamTimestamp       = "oauth_timestamp"
	ParamNonce           = "oauth_nonce"
	ParamVersion         = "oauth_version"
	ParamCallback        = "oauth_callback"
	ParamVerifier        = "oauth_verifier"
)

const (
	// paramPrefix marks what belongs to the protocol, known or not (RFC 5849 §3.5).
	paramPrefix = "oauth_"
	paramSecret = "oauth_token_secret"
	paramRealm  = "realm"

	// OutOfBand is the oauth_callback of a client that has none: the verifier is shown to
	// the owner instead (RFC 5849 §2.1). It is case-sensitive.
	OutOfBand = authserver.OutOfBand
)

// Param is a decoded name with its decoded value.
type Param struct {
	Name  string
	Value string
}

// redacted, embedded, keeps a struct that holds signatures and tokens out of every log.
type redacted struct{}

// Format prints [redacted] whatever the verb.
func (redacted) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[redacted]") }

// LogValue is [redacted].
func (redacted) LogValue() slog.Value { return slog.StringValue("[redacted]") }
