// SPDX-License-Identifier: Apache-2.0

package oauth1

import (
	"net/http"
	"net/url"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// ParseAuthorize reads the request token from the link that brings the owner (RFC 5849 §2.2).
// Other parameters are ignored, as the RFC lets a server do. An error is for the person to see.
func ParseAuthorize(r *http.Request) (token string, err error) {
	v, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return "", reject("the query is malformed")
	}
	if twice := known(func(name string) bool { return len(v[name]) > 1 }); len(twice) > 0 {
		return "", repeated(twice)
	}
	if token = v.Get(ParamToken); token == "" {
		return "", authserver.NewParameterError(authserver.ParameterAbsent, "oauth_token is missing", ParamToken)
	}
	return token, nil
}
