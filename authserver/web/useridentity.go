// SPDX-License-Identifier: Apache-2.0

package web

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
	"github.com/gatehouse-dev/gatehouse/internal/httpsyntax"
)

// tokenScheme finds out what the access token of a request to a resource of our own is worth.
type tokenScheme struct {
	profile authserver.Profile
	info    func(*Site, *http.Request) (authserver.TokenInfo, error)
}

// tokenSchemes are the ways to present one, by the scheme of the Authorization header in lower case.
var tokenSchemes = map[string]tokenScheme{
	"bearer": {authserver.ProfileConnectionsCloudOAuth2, (*Site).bearer},
	"oauth":  {authserver.ProfileConnectionsCloudOAuth1, (*Site).signedBearer},
}

// tokenSchemeOf is the one that a request has chosen; without a header, the first of the table.
func tokenSchemeOf(r *http.Request) tokenScheme {
	scheme, _ := httpsyntax.CutScheme(r.Header.Get("Authorization"))
	if p, ok := tokenSchemes[strings.ToLower(scheme)]; ok {
		return p
	}
	return tokenSchemes["bearer"]
}

// userIdentity is what getUserIdentity says of the owner of a token. The pages of both protocols have the
// same fields (IBM Connections Cloud, Step 4: Use the access token to allow API access).
type userIdentity struct {
	Name         string `json:"name"`
	CustomerID   string `json:"customerid"`
	SubscriberID string `json:"subscriberid"`
	Email        string `json:"email"`
}

// getUserIdentity is the resource that tells an application of Connections Cloud who its
// user is, in either protocol.
func (s *Site) getUserIdentity(w http.ResponseWriter, r *http.Request) error {
	p := tokenSchemeOf(r)
	info, err := p.info(s, r)
	if err != nil {
		return withProfile(p.profile, err)
	}
	owner, err := s.auth.OwnerOf(r.Context(), info)
	if errors.Is(err, authserver.ErrNotFound) {
		return withProfile(p.profile, authserver.Refuse(authserver.TokenExpired, "the token is not valid, or not any more"))
	}
	if err != nil {
		return withProfile(p.profile, err)
	}
	text, err := json.Marshal(userIdentity{
		Name: cmp.Or(owner.DisplayName, owner.Name), Email: owner.Email,
		CustomerID: s.customerID(), SubscriberID: owner.Subject,
	})
	if err != nil {
		return fmt.Errorf("marshal user identity: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(text, '\n')) // an answer nobody waits for any more is no fault
	return nil
}

// bearer is the half of OAuth 2.0.
func (s *Site) bearer(r *http.Request) (authserver.TokenInfo, error) {
	token, err := oauth2.ParseBearer(r)
	if err != nil {
		return authserver.TokenInfo{}, err
	}
	return s.auth.Bearer(r.Context(), authserver.ProfileConnectionsCloudOAuth2, token)
}

// signedBearer is the half of OAuth 1.0a: the token goes with a signature.
func (s *Site) signedBearer(r *http.Request) (authserver.TokenInfo, error) {
	d := dialectConnectionsCloudOAuth1
	caller, req, err := s.whoSigned(r, d.profile(), d.resourceRules(), authserver.AccessTokenKind, oauth1.ParamToken)
	if err != nil {
		return authserver.TokenInfo{}, err
	}
	return s.auth.SignedToken(r.Context(), caller, req.Token)
}

// customerID stands for whose directory the owner is in: the issuer's host.
func (s *Site) customerID() string {
	u, err := url.Parse(s.issuer)
	if err != nil { // New has parsed it
		return ""
	}
	return u.Hostname()
}
