// SPDX-License-Identifier: Apache-2.0

package web

import (
	"errors"
	"net/http"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// begin puts an interaction into the browser and sends it to the interaction's place.
// After every step the browser comes back there.
func (s *Site) begin(w http.ResponseWriter, r *http.Request, i authserver.Interaction) error {
	sealed, err := s.auth.SealInteraction(i)
	if err != nil {
		if e, ok := errors.AsType[authserver.Refusal](err); ok {
			return authserver.NewReturnError(e, i.Return())
		}
		return err
	}
	state, err := s.auth.SealState(i)
	if err != nil {
		return err
	}
	name := interactionCookie + i.ID
	s.keepInteractions(w, r, maxInteractions-1, maxInteractionBytes-cookieSize(name, sealed))
	setCookie(w, name, sealed, authserver.InteractionLifetime+expiredLifetime)
	setState(w, i.ID, state)
	redirect(w, r, interactionPath(i.ID))
	return nil
}

// getInteraction shows what the interaction needs next, or ends it.
func (s *Site) getInteraction(w http.ResponseWriter, r *http.Request) error {
	i, v, err := s.resume(r)
	if err != nil {
		return err
	}
	// Another site's form may begin interactions without the browser sending the cookies
	// that it has (SameSite=Lax). Here it sends them.
	s.keepInteractions(w, r, maxInteractions, maxInteractionBytes)
	return withProfile(i.Profile, s.showNext(w, r, i, v))
}

func (s *Site) showNext(w http.ResponseWriter, r *http.Request, i authserver.Interaction, v *authserver.Visitor) error {
	p, err := s.auth.Next(r.Context(), i, v)
	if err != nil {
		return err
	}
	switch p.Step {
	case authserver.StepLogin:
		if half, err := s.halfLogin(r, i.ID); half != nil || err != nil {
			return s.showInteractionFactor(w, r, http.StatusOK, i, p, half, err)
		}
		return s.offerLogin(w, r, i, s.loginViewOf(i, p))
	case authserver.StepFactor:
		return s.showFactor(w, r, http.StatusOK, s.factorViewOf(i, p, p.Owner))
	case authserver.StepEnrol:
		return s.beginEnrolment(w, r, http.StatusOK, "", i, p, v)
	case authserver.StepRefused:
		return s.showRefusal(w, r, i, p)
	case authserver.StepConsent:
		return s.showConsent(w, i, p)
	default:
		approval, err := s.auth.Issue(r.Context(), p)
		if errors.Is(err, authserver.ConsentChanged) {
			redirect(w, r, interactionPath(i.ID)) // which asks for what is not given any more
			return nil
		}
		if err != nil {
			return err
		}
		return s.finishInteraction(w, r, approval)
	}
}

// postInteractionLogin is the login form of an interaction.
func (s *Site) postInteractionLogin(w http.ResponseWriter, r *http.Request) error {
	i, err := s.interaction(r)
	if err != nil {
		return err
	}
	p, err := s.auth.Next(r.Context(), i, nil)
	if err != nil {
		return withProfile(i.Profile, err)
	}
	return s.login(w, r, s.loginViewOf(i, p), interactionPath(i.ID))
}

// resume returns the interaction that the path names and who is in the browser.
func (s *Site) resume(r *http.Request) (authserver.Interaction, *authserver.Visitor, error) {
	i, err := s.interaction(r)
	if err != nil {
		return authserver.Interaction{}, nil, err
	}
	v, err := s.visitor(r)
	return i, v, withProfile(i.Profile, err)
}

// interaction returns the interaction that the path names, if this browser has it.
func (s *Site) interaction(r *http.Request) (authserver.Interaction, error) {
	id := r.PathValue("id")
	sealed := cookieOf(r, interactionCookie+id)
	if !isInteractionID(id) || sealed == "" {
		return authserver.Interaction{}, s.whyAbsent(r, id)
	}
	i, err := s.auth.OpenInteraction(id, sealed, stateOf(r, id)...)
	if info := requestInfoOf(r.Context()); info != nil && err == nil {
		info.profile = i.Profile
		noteClient(r.Context(), i.ClientUID)
	}
	return i, err
}

// finishInteraction sends the browser back to the client with its proof, or shows the proof. The
// interaction stays in the browser until its time ends: whoever clicks twice gets the same answer.
func (s *Site) finishInteraction(w http.ResponseWriter, r *http.Request, a *authserver.Approval) error {
	if to := dialectOf(a.Profile).approval(s.issuer, a); to != "" {
		return s.leave(w, r, a.Return, to)
	}
	return s.showProof(w, a)
}

func (s *Site) loginViewOf(i authserver.Interaction, p authserver.Position) loginView {
	view := loginView{Action: interactionPath(i.ID) + "/login", Onward: true, Username: i.OpenID.LoginHint}
	if !i.Profile.Signed() { // the link of a signed request is only looked at after the login
		view.Client, view.callback, view.Cancel = p.Client, p.Return.Callback, s.denialURL(p.Return, "the owner did not log in")
	}
	return view
}

// refusedView is what the refusal page shows.
type refusedView struct {
	Client      *authserver.Client
	Owner       authserver.Owner
	Interaction string
	Back        *wayOut // to the client, with the error; nil: there is no way back
	Identifier  string  // how the client's profile calls the error
	RequestID   string
}

// showRefusal says that the owner may not use the client and whom to ask. The engine has
// told the audit log why.
func (s *Site) showRefusal(w http.ResponseWriter, r *http.Request, i authserver.Interaction, p authserver.Position) error {
	e := authserver.NewAccessDeniedError(authserver.OwnerNotEntitled, "the owner may not use this client")
	status, identifier := identifierOf(dialectOf(i.Profile), e, http.StatusForbidden)
	setChallenge(w, status)
	allowForm(w, p.Return)
	return s.render(w, status, pageRefused, refusedView{
		Client: p.Client, Owner: p.Owner, Interaction: i.ID, Identifier: identifier,
		Back: s.denialURL(p.Return, "the owner may not use this client"), RequestID: requestID(r.Context()),
	})
}

// denialURL is the way back to the client for whoever does not go on; nil if there is none.
func (s *Site) denialURL(to authserver.Return, why string) *wayOut {
	return s.refusalURL(to, authserver.Refuse(authserver.AccessDenied, why))
}

// refusalURL is the same with another cause.
func (s *Site) refusalURL(to authserver.Return, cause authserver.Refusal) *wayOut {
	e := authserver.NewReturnError(cause, to)
	return linkTo(to, dialectOf(to.Profile).failure(s.issuer, e))
}

func interactionPath(id string) string { return "/interaction/" + id }

// isInteractionID reports whether id may be one: it becomes part of a cookie's name and
// of a path.
func isInteractionID(id string) bool {
	for n := range len(id) {
		c := id[n]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '-' && c != '_' {
			return false
		}
	}
	return len(id) >= 16 && len(id) <= 64
}
