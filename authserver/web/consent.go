// SPDX-License-Identifier: Apache-2.0

package web

import (
	"errors"
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
	Destination  destination // where the answer goes
	Days         int
	Until        time.Time
	Rememberable bool
	Choosable    bool // the owner may leave scopes out
	Chosen       map[string]bool
	Problem      string // what was wrong before
	Words        consentWords
	Interaction  string
	Ticket       string
}

const day = 24 * time.Hour

// showConsent asks. All that is asked for is ticked, until the owner decides otherwise.
func (s *Site) showConsent(w http.ResponseWriter, i authserver.Interaction, p authserver.Position) error {
	view := s.consentViewOf(i, p)
	for _, scope := range p.Scopes {
		view.Chosen[scope.Name] = true
	}
	allowReturn(w, p.Return.Callback)
	return s.render(w, http.StatusOK, pageConsent, view)
}

// showConsentAgain asks an owner who wanted to allow, but ticked nothing. It asks whatever was
// remembered in another tab meanwhile.
func (s *Site) showConsentAgain(w http.ResponseWriter, r *http.Request, i authserver.Interaction, v *authserver.Visitor) error {
	i.Prompt.Consent = true
	p, err := s.auth.Next(r.Context(), i, v)
	if err != nil {
		return err
	}
	view := s.consentViewOf(i, p)
	view.Problem = "Choose at least one, or deny."
	allowReturn(w, p.Return.Callback)
	return s.render(w, http.StatusBadRequest, pageConsent, view)
}

func (s *Site) consentViewOf(i authserver.Interaction, p authserver.Position) consentView {
	return consentView{
		Client: p.Client, Owner: p.Owner, Scopes: p.Scopes, Destination: destinationOf(p.Return.Callback),
		// The clock has moved on since the end was computed.
		Days: int((p.Until.Sub(s.now()) + time.Minute) / day), Until: p.Until,
		Rememberable: p.Rememberable, Choosable: p.Choosable, Chosen: map[string]bool{},
		Words: dialectOf(i.Profile).consentWords(), Interaction: i.ID, Ticket: p.Ticket,
	}
}

// postConsent is the form of the consent page.
func (s *Site) postConsent(w http.ResponseWriter, r *http.Request) error {
	i, v, err := s.resume(r)
	if err != nil {
		return err
	}
	f, err := fields(r, "scope")
	if err != nil {
		return err
	}
	decision, err := decisionOf(f)
	if err != nil {
		return err
	}
	return withProfile(i.Profile, s.decide(w, r, i, v, decision))
}

// decide carries out a decision. Where the page with the form is out of date, the browser goes to the
// interaction, which shows where it stands now: the login ended, there was another one in another tab,
// or the client has changed.
func (s *Site) decide(w http.ResponseWriter, r *http.Request, i authserver.Interaction, v *authserver.Visitor, d authserver.Decision) error {
	if v == nil {
		redirect(w, r, interactionPath(i.ID))
		return nil
	}
	p, err := s.auth.Next(r.Context(), i, v)
	if err != nil {
		return err
	}
	if p.Step == authserver.StepRefused {
		return s.showRefusal(w, r, i, p)
	}
	approval, err := s.auth.Decide(r.Context(), p, d)
	switch {
	case errors.Is(err, authserver.InteractionOfOtherLogin):
		redirect(w, r, interactionPath(i.ID))
		return nil
	case errors.Is(err, authserver.NothingChosen):
		return s.showConsentAgain(w, r, i, v)
	case err != nil:
		return err
	}
	return s.finishInteraction(w, r, approval)
}

// decisionOf reads the form. What is neither allow nor deny decides nothing.
func decisionOf(f url.Values) (authserver.Decision, error) {
	d := authserver.Decision{Ticket: f.Get("ticket"), Always: f.Get("always") == "on", Scopes: f["scope"]}
	switch f.Get("decision") {
	case "allow":
		d.Allow = true
	case "deny":
	default:
		return d, authserver.Refuse(invalidForm, "decision must be allow or deny")
	}
	return d, nil
}
