// SPDX-License-Identifier: Apache-2.0

package oauth1

import (
	"net/http"
	"slices"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/httpsyntax"
)

// ParseAuthorize reads the request token from the link that brings the owner (RFC 5849 §2.2).
// Other parameters are ignored, as the RFC lets a server do. An error is for the person to see.
func ParseAuthorize(r *http.Request) (token string, err error) {
	query := httpsyntax.ParseForm(r.URL.RawQuery, func(name string) bool { return name == ParamToken })
	tokens := slices.DeleteFunc(query.Values[ParamToken], func(token string) bool { return token == "" })
	switch {
	case len(query.Malformed) > 0:
		return "", reject("oauth_token is malformed")
	case len(tokens) > 1:
		return "", authserver.NewParameterError(authserver.ParameterRepeated, "oauth_token is given twice", ParamToken)
	case len(tokens) == 0:
		return "", authserver.NewParameterError(authserver.ParameterAbsent, "oauth_token is missing", ParamToken)
	}
	return tokens[0], nil
}
