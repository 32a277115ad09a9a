// SPDX-License-Identifier: Apache-2.0

package oauth2

import (
	"strconv"
	"strings"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/openid"
)

// maxClaimsRequest is the longest claims parameter in bytes.
const maxClaimsRequest = 4096

// claimsParameter is the claims parameter (OpenID Connect Core §5.5). Other members are ignored, as the section says.
type claimsParameter struct {
	IDToken  map[string]*claimRequest `json:"id_token"`
	UserInfo map[string]*claimRequest `json:"userinfo"`
}

// claimRequest is what is asked of one claim (§5.5.1). Whether it is essential matters for acr alone: what is not known of a
// person, or not released, is left out.
type claimRequest struct {
	Essential bool              `json:"essential"`
	Value     json.RawMessage   `json:"value"`
	Values    []json.RawMessage `json:"values"`
}

// parseClaims reads the claims parameter. A claim is asked for by asking the owner for its scope, so that the consent page says
// it in people's words. A claim that no scope releases is ignored.
func parseClaims(text string) (authserver.ClaimsRequest, authserver.Refusal) {
	var r authserver.ClaimsRequest
	if text == "" {
		return r, nil
	}
	if len(text) > maxClaimsRequest {
		return r, invalid("claims must be at most " + strconv.Itoa(maxClaimsRequest) + " bytes long")
	}
	var p claimsParameter
	if err := json.Unmarshal([]byte(text), &p); err != nil { // it refuses a name that is given twice
		return r, invalid("claims must be a JSON object of OpenID Connect Core §5.5")
	}
	level, refusal := p.IDToken["acr"].level()
	if refusal != nil {
		return r, refusal
	}
	r.Level = level
	for _, asked := range []map[string]*claimRequest{p.IDToken, p.UserInfo} {
		for _, scope := range openid.Scopes() {
			for _, claim := range openid.ClaimsOf(scope) {
				if _, is := asked[claim]; is {
					r.Scopes = append(r.Scopes, scope)
				}
			}
		}
		sub := asked["sub"]
		if sub == nil || sub.Value == nil {
			continue
		}
		var subject string
		if err := json.Unmarshal(sub.Value, &subject); err != nil || subject == "" {
			return r, invalid("claims: the value of sub must be a string")
		}
		if r.Subject != "" && r.Subject != subject {
			return r, invalid("claims: sub has two values")
		}
		r.Subject = subject
	}
	return r, nil
}

// level reads what is asked of the claim acr (§5.5.1.1): a level that is essential is demanded, another is preferred.
func (c *claimRequest) level() (authserver.LevelRequest, authserver.Refusal) {
	if c == nil || c.Value == nil && c.Values == nil {
		return authserver.LevelRequest{}, nil
	}
	values := c.Values
	if c.Value != nil {
		values = []json.RawMessage{c.Value}
	}
	var names []string
	for _, value := range values {
		var name string
		if err := json.Unmarshal(value, &name); err != nil {
			return authserver.LevelRequest{}, invalid("claims: the values of acr must be strings")
		}
		if name == authserver.ACROneFactor || name == authserver.ACRTwoFactors {
			names = append(names, name)
		}
	}
	level := levelOf(strings.Join(names, " "))
	switch {
	case !c.Essential:
		level.TwoFactors = false
	case len(names) == 0:
		return level, authserver.Refuse(authserver.UnmetAuthenticationRequirements, "claims: no level of acr that is asked for is known here")
	}
	return level, nil
}
