// SPDX-License-Identifier: Apache-2.0

package oauth2

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// maxLoginHint is the longest login_hint that is kept in bytes. A longer one is no name here.
const maxLoginHint = 256

// parseOpenID reads what OpenID Connect Core §3.1.2.1 adds to an authorization request. It counts without the scope
// openid too: max_age protects whoever asks for it.
func parseOpenID(v *Given) (authserver.OpenIDRequest, authserver.Refusal) {
	r := authserver.OpenIDRequest{Nonce: v.Get("nonce")}
	if len(r.Nonce) > authserver.MaxNonce {
		return r, invalid("nonce must be at most " + strconv.Itoa(authserver.MaxNonce) + " bytes long")
	}
	if !isText(r.Nonce) { // it could not be kept, or not come back as it was
		return r, invalid("nonce must be UTF-8 text without control characters")
	}
	if hint := v.Get("login_hint"); len(hint) <= maxLoginHint && isText(hint) {
		r.LoginHint = hint
	}
	r.Level = levelOf(v.Get("acr_values"))
	if text := v.Get("max_age"); text != "" {
		age, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return r, invalid("max_age must be a number of seconds")
		}
		r.MaxAge = new(authserver.Seconds(age))
	}
	return r, nil
}

// levelOf reads acr_values: levels in the order of preference. What it names beside those of this server asks for nothing.
func levelOf(values string) authserver.LevelRequest {
	known := slices.DeleteFunc(strings.Fields(values), func(name string) bool {
		return name != authserver.ACROneFactor && name != authserver.ACRTwoFactors
	})
	if len(known) == 0 {
		return authserver.LevelRequest{}
	}
	return authserver.LevelRequest{TwoFactors: !slices.Contains(known, authserver.ACROneFactor), Prefer: known[0] == authserver.ACRTwoFactors}
}

// isText reports whether s is UTF-8 without control characters. Databases keep no NUL in text, and JSON nothing else than
// UTF-8.
func isText(s string) bool { return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl) }

// checkRequestObject refuses a request object: to ignore it would be to answer another request (OpenID Connect Core §6).
func checkRequestObject(v *Given) authserver.Refusal {
	switch {
	case v.Get("request") != "":
		return authserver.Refuse(authserver.RequestNotSupported, "request objects are not supported: send the parameters themselves")
	case v.Get("request_uri") != "":
		return authserver.Refuse(authserver.RequestURINotSupported, "request_uri is not supported: send the parameters themselves")
	default:
		return nil
	}
}
