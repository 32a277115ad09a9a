// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
)

// postVerify tells a resource server what a signed request is worth that it was sent: what
// introspection tells about a bearer token, and in the same words. So no resource server needs to
// know how signatures are made.
func (s *Site) postVerify(w http.ResponseWriter, r *http.Request) error {
	secret, form, err := oauth2.ParseForm(r, "method", "url", "authorization", "body")
	if err != nil {
		return err
	}
	caller, err := s.auth.AuthenticateIntrospector(r.Context(), secret)
	if err != nil {
		return err
	}
	message := oauth1.Message{Method: form.Get("method"), URL: form.Get("url"), Authorization: form.Get("authorization"), Form: form.Get("body")}
	if message.Method == "" || message.URL == "" {
		return authserver.Refuse(authserver.InvalidRequest, "method and url are required")
	}
	var info authserver.TokenInfo // of a request that no client signs: nothing
	if q, ok := s.signedQuestion(message); ok {
		if info, err = s.auth.Verify(r.Context(), caller, q); err != nil {
			return err
		}
	}
	oauth2.WriteIntrospection(w, s.issuer, info)
	return nil
}

// signedQuestion is what the engine is asked about a request to a resource, under the rules of the
// profile that its client speaks. Of a client that is unknown it is asked under the strict ones, so
// that the answer takes as long.
func (s *Site) signedQuestion(m oauth1.Message) (q authserver.SignedRequest, ok bool) {
	matched := false
	for _, d := range []signedDialect{dialectConnectionsCloudOAuth1, dialectOAuth1} {
		req, err := oauth1.Parse(m, d.resourceRules(), oauth1.ParamToken)
		if err != nil || matched {
			continue // both are parsed in any case
		}
		q, ok = question(d.profile(), authserver.AccessTokenKind, req), true
		client, known := s.auth.Client(req.ConsumerKey)
		matched = known && client.Profile == d.profile()
	}
	return q, ok
}
