// SPDX-License-Identifier: Apache-2.0

package oauth1

import (
	"net/http"
	"net/url"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// ParseAuthorize reads the request token from the link that brings the owner (RFC 5849 §2.2).
// Other parameters are ignored, as the RFC lets a server do; but nothing may be there twice. An
// error is for the person to see.
func ParseAuthorize(r *http.Request) (token string, err error) {
	v, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return "", &authserver.Error{Code: authserver.InvalidRequest, Why: authserver.WhyMalformed, Description: "the query is malformed"}
	}
	for _, values := range v {
		if len(values) > 1 {
			return "", repeatedInLink(v)
		}
	}
	if token = v.Get(ParamToken); token == "" {
		return "", &authserver.Error{
			Code: authserver.InvalidRequest, Why: authserver.WhyAbsent, Parameters: []string{ParamToken},
			Description: "oauth_token is missing",
		}
	}
	return token, nil
}

// repeatedInLink names oauth_token, and nothing that is only a stranger's word.
func repeatedInLink(v url.Values) *authserver.Error {
	e := &authserver.Error{Code: authserver.InvalidRequest, Why: authserver.WhyRepeated, Description: "a parameter is given twice"}
	if len(v[ParamToken]) > 1 {
		e.Parameters = []string{ParamToken}
	}
	return e
}
