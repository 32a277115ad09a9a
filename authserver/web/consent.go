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
func (s *Site) showConsent(w http.ResponseWriter, i *authserver.Interaction, p authserver.Position) error {
	view := s.consentViewOf(i, p)
	for _, scope := range p.Scopes {
		view.Chosen[scope.Name] = true
	}
	allowReturn(w, i.Callback)
	return s.render(w, http.StatusOK, pageConsent, view)
}

// showConsentAgain asks an owner who wanted to allow, but ticked nothing.
func (s *Site) showConsentAgain(w http.ResponseWriter, r *http.Request, i *authserver.Interaction, v *authserver.Visitor) error {
	p, err := s.auth.Next(r.Context(), i, v)
	if err != nil {
		return err
	}
	view := s.consentViewOf(i, p)
	view.Problem = "Choose at least one, or deny."
	allowReturn(w, i.Callback)
	return s.render(w, http.StatusBadRequest, pageConsent, view)
}

func (s *Site) consentViewOf(i *authserver.Interaction, p authserver.Position) consentView {
	return consentView{
		Client: p.Client, Owner: p.Owner, Scopes: p.Scopes, Destination: destinationOf(i.Callback),
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
	if v == nil { // the login ended while the page was open
		redirect(w, r, interactionPath(i.ID))
		return nil
	}
	approval, err := s.auth.Decide(r.Context(), i, v, decision)
	if errors.Is(err, authserver.NothingChosen) {
		return withProfile(i.Profile, s.showConsentAgain(w, r, i, v))
	}
	if err != nil {
		return withProfile(i.Profile, err)
	}
	return withProfile(i.Profile, s.finishInteraction(w, r, approval))
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
