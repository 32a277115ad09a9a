// SPDX-License-Identifier: Apache-2.0

package web

import (
	"errors"
	"net/http"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// handler serves one request, or returns why it did not. It has written nothing then.
type handler func(w http.ResponseWriter, r *http.Request) error

const (
	// unavailableRetry is what Retry-After says when a dependency does not answer.
	unavailableRetry = 5 * time.Second
)

// Values of headers that many answers have. They are shared and never changed.
var (
	headerNosniff    = []string{"nosniff"}
	headerNoStore    = []string{"no-store"}
	headerNoCache    = []string{"no-cache"}
	headerNoReferrer = []string{"no-referrer"}
)

// public serves what is the same for everybody. Errors are written in the dialect that they name.
func (s *Site) public(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["X-Content-Type-Options"] = headerNosniff
		err := h(w, r)
		if e, ok := errors.AsType[*unserved](err); ok {
			dialectOfError(err).refuseUnserved(w, e)
		} else if err != nil {
			dialectOfError(err).refuse(w, s.outside(r, err))
		}
	})
}

// api serves clients. Nothing that it answers may be kept (RFC 6749 §5.1).
func (s *Site) api(h handler) http.Handler {
	return s.public(func(w http.ResponseWriter, r *http.Request) error {
		header := w.Header()
		header["Cache-Control"], header["Pragma"] = headerNoStore, headerNoCache
		header["Referrer-Policy"] = headerNoReferrer // some dialects have secrets in the address
		return h(w, r)
	})
}

// page serves people. An error whose callback is proven goes there once a person has logged in.
// Any other is shown.
func (s *Site) page(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.protect(w)
		if err := h(w, r); err != nil {
			s.writePageError(w, r, err)
		}
	})
}

// withErrorPage answers an error of h itself, so that what a page reads of the store is done while the
// request has its room.
func (s *Site) withErrorPage(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := h(w, r); err != nil {
			s.writePageError(w, r, err)
		}
		return nil
	}
}

// form serves the forms of our own pages. A post that a page of another site began is
// refused before anything is read.
func (s *Site) form(h handler) http.Handler {
	guard := http.NewCrossOriginProtection()
	// A proxy may have changed Host, which an Origin is otherwise compared with.
	if err := guard.AddTrustedOrigin(s.issuer); err != nil {
		panic("web: New has accepted an issuer that is no origin: " + err.Error())
	}
	guard.SetDenyHandler(s.page(s.whenStarted(s.whenRoom(s.withErrorPage(func(_ http.ResponseWriter, r *http.Request) error {
		if r.Header.Get("Origin") == "null" {
			return authserver.NewInteractionError(originHidden, "the browser does not tell the form's origin")
		}
		return authserver.NewInteractionError(crossSite, "the form was sent by another site")
	})))))
	return guard.Handler(s.page(h))
}

func (s *Site) writePageError(w http.ResponseWriter, r *http.Request, err error) {
	if e, ok := errors.AsType[*unserved](err); ok {
		s.writeErrorPage(w, r, e.status, e.page)
		return
	}
	d, e := dialectOfError(err), s.outside(r, err)
	v := s.visitorOfError(r, e)
	travelling, travels := errors.AsType[authserver.ReturnError](e)
	if !travels {
		s.showError(w, r, d, e, v, s.wayBackFrom(r, e, v))
		return
	}
	to := d.failure(s.issuer, travelling)
	if to != "" && (travelling.Return().Silent || v != nil) {
		if err := s.leave(w, r, travelling.Return(), to); err != nil {
			s.showError(w, r, d, s.outside(r, err), v, wayBack{})
		}
		return
	}
	s.showError(w, r, d, e, v, wayBack{address: to, to: travelling.Return(), text: textNobodySignedIn})
}

// visitorOfError returns who is signed in in the browser that gets an error; nil if nobody is or the
// store does not answer. Before somebody has signed in, nobody is sent to a callback without a click:
// whoever may declare a client chose its address (RFC 9700 §4.11.2).
func (s *Site) visitorOfError(r *http.Request, e authserver.Refusal) *authserver.Visitor {
	if errors.Is(e, authserver.TemporarilyUnavailable) || errors.Is(e, authserver.ServerError) {
		return nil // the store may be what failed
	}
	v, err := s.visitor(r)
	if err != nil {
		return nil
	}
	return v
}

// redirect sends the browser on with GET whatever it came with (RFC 9700 §4.12).
func redirect(w http.ResponseWriter, r *http.Request, to string) {
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// outside turns an error into what may be shown. Only an authserver.Refusal goes out; of
// anything else the log gets the cause and the outside that there was a fault.
func (s *Site) outside(r *http.Request, err error) authserver.Refusal {
	e := s.refusalOf(r, err)
	noteRefusal(r.Context(), e)
	return e
}

func (s *Site) refusalOf(r *http.Request, err error) authserver.Refusal {
	if e, ok := errors.AsType[authserver.Refusal](err); ok {
		return e
	}
	if errors.Is(err, authserver.ErrUnavailable) {
		s.log.ErrorContext(r.Context(), "the request cannot be answered now", "route", r.Pattern, "err", err)
		return authserver.NewWaitError(authserver.TemporarilyUnavailable, unavailableRetry, "the server cannot answer now; try again in a few seconds")
	}
	s.log.ErrorContext(r.Context(), "request failed", "route", r.Pattern, "err", err)
	return authserver.Refuse(authserver.ServerError, "the server failed; the cause is in its log")
}
