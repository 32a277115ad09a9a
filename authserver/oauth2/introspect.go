// SPDX-License-Identifier: Apache-2.0

package oauth2

import (
	"net/http"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/jsonline"
)

// WriteIntrospection answers an introspection request (RFC 7662 §2.2). The subject of a
// token without an owner is its client, in a form that no owner's subject has. About an inactive
// token nothing is said.
func WriteIntrospection(w http.ResponseWriter, issuer string, t authserver.TokenInfo) {
	writeObject(w, http.StatusOK, func(o *jsonline.Object) {
		o.Bool("active", t.Active)
		if t.Active {
			writeActive(o, issuer, t)
		}
	})
}

func writeActive(o *jsonline.Object, issuer string, t authserver.TokenInfo) {
	o.OptionalWords("scope", t.Scopes)
	o.String("client_id", t.Client.ID)
	o.OptionalString("username", t.Owner.Name)
	if !t.Refresh && !t.Client.Profile.Signed() { // Bearer is how access tokens are used that need no signature
		o.String("token_type", "Bearer")
	}
	o.Int("exp", t.ExpiresAt.Unix())
	if !t.IssuedAt.IsZero() {
		o.Int("iat", t.IssuedAt.Unix())
	}
	if t.Owner.Subject == "" {
		o.String("sub", authserver.ClientSubject(t.Client.ID))
	} else {
		o.String("sub", t.Owner.Subject)
	}
	o.String("iss", issuer)
	if len(t.Audiences) == 1 {
		o.String("aud", t.Audiences[0])
	} else {
		o.OptionalStrings("aud", t.Audiences)
	}
}
