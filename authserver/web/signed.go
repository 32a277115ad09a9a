// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
)

// signedOAuth1 is how OAuth 1.0a works under the rules of a profile: those of the endpoints of
// this server, and those of the requests that its access tokens are used for.
type signedOAuth1 struct {
	of                   authserver.Profile
	endpoints, resources oauth1.Rules
	words                consentWords
}

func (d *signedOAuth1) profile() authserver.Profile { return d.of }

func (d *signedOAuth1) approval(_ string, a *authserver.Approval) string {
	if a.Callback == authserver.OutOfBand {
		return ""
	}
	return oauth1.ApprovalURL(a.Callback, a.RequestToken, a.Proof)
}

// failure lets only the owner's refusal travel. Whatever else is wrong is for the owner to see, who
// holds the link that led to it.
func (d *signedOAuth1) failure(_ string, e authserver.ReturnError) string {
	if r := e.Return(); e.Code() == authserver.AccessDenied && r.Callback != "" && r.Callback != authserver.OutOfBand {
		return oauth1.DeniedURL(d.endpoints, r.Callback, r.RequestToken)
	}
	return ""
}

func (d *signedOAuth1) identify(e authserver.Refusal) (int, string, bool) {
	return oauth1.OnPage(d.endpoints, e)
}

func (d *signedOAuth1) refuse(w http.ResponseWriter, e authserver.Refusal) {
	oauth1.WriteProblem(w, d.endpoints, oauth1.ProblemOf(e))
}

func (d *signedOAuth1) refuseUnserved(w http.ResponseWriter, e *unserved) {
	if d.endpoints.Identifiers != nil {
		writeText(w, e)
		return
	}
	oauth1.WriteAdvice(w, e.status, e.problem, e.text)
}

func (d *signedOAuth1) consentWords() consentWords { return d.words }

func (d *signedOAuth1) endpointRules() oauth1.Rules { return d.endpoints }

func (d *signedOAuth1) resourceRules() oauth1.Rules { return d.resources }

var connectionsCloudSignedWords = consentWords{
	Allow: "Allow", // IBM Connections Cloud, OAuth 1.0a, Step 3 page
	// The pages of OAuth 1.0a know no "always"; who has it in the other protocol gets it here.
	Always: connectionsCloudWords.Always, AlwaysAfter: connectionsCloudWords.AlwaysAfter,
	Learns: connectionsCloudWords.Learns,
}
