// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"net/url"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// consentView is what the consent page shows.
type consentView struct {
	Client       *authserver.Client
	Owner        authserver.Owner
	Scopes       []authserver.Scope
	Host         string // where the answer goes
	Days         int
	Until        time.Time
	Rememberable bool
	Interaction  string
	Ticket       string
}

const day = 24 * time.Hour

func (s *Site) showConsent(w http.ResponseWriter, i *authserver.Interaction, p authserver.Position) error {
	letReturn(w, i.Callback)
	return s.render(w, http.StatusOK, pageConsent, consentView{
		Client: p.Client, Owner: p.Owner, Scopes: p.Scopes, Host: authserver.CallbackHost(i.Callback),
		Days: int(p.Client.GrantDuration / day), Until: s.Auth.Now().Add(p.Client.GrantDuration),
		Rememberable: p.Rememberable, Interaction: i.ID, Ticket: p.Ticket,
	})
}

// postConsent is the form of the consent page.
func (s *Site) postConsent(w http.ResponseWriter, r *http.Request) error {
	i, v, err := s.resume(r)
	if err != nil {
		return err
	}
	f, err := fields(r)
	if err != nil {
		return err
	}
	decision, err := decisionOf(f)
	if err != nil {
		return err
	}
	if v == nil { // the login ended while the page was open
		redirect(w, r, interactionPath(i.ID))
		return nil
	}
	approval, err := s.Auth.Decide(r.Context(), i, v, decision)
	if err != nil {
		return err
	}
	s.finishInteraction(w, r, approval)
	return nil
}

// decisionOf reads the form. What is neither allow nor deny decides nothing.
func decisionOf(f url.Values) (authserver.Decision, error) {
	d := authserver.Decision{Ticket: f.Get("ticket"), Always: f.Get("always") == "on"}
	switch f.Get("decision") {
	case "allow":
		d.Allow = true
	case "deny":
	default:
		return d, &authserver.Error{Code: authserver.InvalidRequest, Description: "decision must be allow or deny"}
	}
	return d, nil
}
