// SPDX-License-Identifier: Apache-2.0

package identity_test

import (
	"context"
	"errors"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// elsewhere is a source whose people log in on another server.
type elsewhere struct{ login authserver.UpstreamLogin }

func (e elsewhere) Key() string { return "partner" }
func (e elsewhere) Begin(context.Context, authserver.UpstreamRequest) (string, error) {
	return "https://partner.example", nil
}
func (e elsewhere) Finish(context.Context, authserver.UpstreamAnswer) (authserver.UpstreamLogin, error) {
	return e.login, nil
}
func (e elsewhere) Refresh(context.Context, authserver.Person, string, func() error) (authserver.UpstreamLogin, error) {
	return e.login, nil
}

func partner(id, name string) authserver.UpstreamLogin {
	return authserver.UpstreamLogin{Owner: authserver.Owner{Subject: authserver.SubjectOf("partner", id), Source: "partner", SourceID: id, Name: name}}
}

func TestN255WhoLogsInElsewhereGetsNoNameOfASourceWithPasswords(t *testing.T) {
	staff := &source{key: "staff", people: same("anna")}
	all, _ := join(staff)
	finish := func(name string) (authserver.UpstreamLogin, error) {
		return all.WithUpstreams(elsewhere{partner("7", name)}).Finish(t.Context(), authserver.UpstreamAnswer{Source: "partner"})
	}
	if login, err := finish("carol"); err != nil || login.Owner.Name != "carol" {
		t.Errorf("carol: %+v, %v", login, err)
	}
	if login, err := finish("anna"); !errors.Is(err, authserver.UpstreamNameTaken) || login.Owner.Subject != "" {
		t.Errorf("anna: %+v, %v", login, err)
	}
	staff.down = true
	if _, err := finish("anna"); !errors.Is(err, authserver.ErrUnavailable) {
		t.Errorf("anna, whom a source knew that is down: %v", err)
	}
	if _, err := finish("carol"); err != nil { // a source that is down takes only its own people out
		t.Errorf("carol, while another source is down: %v", err)
	}
	staff.down = false
	carol := authserver.Person{Owner: partner("7", "carol").Owner}
	if _, err := all.WithUpstreams(elsewhere{partner("7", "anna")}).Refresh(t.Context(), carol, "x", nil); !errors.Is(err, authserver.ErrNotFound) {
		t.Errorf("carol, who is called anna now: %v", err)
	}
	if login, err := all.WithUpstreams(elsewhere{partner("7", "carla")}).Refresh(t.Context(), carol, "x", nil); err != nil || login.Owner.Name != "carla" {
		t.Errorf("carol, who is called carla now: %+v, %v", login, err)
	}
}

func TestWhoLogsInElsewhereIsConfirmedElsewhere(t *testing.T) {
	all, _ := join()
	all = all.WithUpstreams(elsewhere{partner("7", "carol")})
	if _, err := all.Confirm(t.Context(), authserver.Person{Owner: partner("7", "carol").Owner}); !errors.Is(err, authserver.ErrCannotAsk) {
		t.Errorf("confirmed: %v", err)
	}
	if got := all.ConfirmedFor("partner"); got != authserver.MaxConfirmationAge {
		t.Errorf("it holds for %s", got)
	}
	if _, err := all.Begin(t.Context(), authserver.UpstreamRequest{Source: "unknown"}); !errors.Is(err, authserver.ErrNotFound) {
		t.Errorf("a login at a source that is not there: %v", err)
	}
	if address, err := all.Begin(t.Context(), authserver.UpstreamRequest{Source: "partner"}); err != nil || address == "" {
		t.Errorf("%q, %v", address, err)
	}
	if _, err := all.Authenticate(t.Context(), "carol", "x", authserver.LaneAnybody); !errors.Is(err, authserver.ErrWrongPassword) {
		t.Errorf("a password where there are none: %v", err)
	}
}

// N331: a rename counts once every source has said that it does not know the new name.
func TestN331ARenameWaitsForASourceThatDoesNotAnswer(t *testing.T) {
	staff := &source{key: "staff", people: same("anna"), down: true}
	all, _ := join(staff)
	carol := authserver.Person{Owner: partner("7", "carol").Owner}
	renamed := partner("7", "anna")
	renamed.RefreshToken = "next"
	login, err := all.WithUpstreams(elsewhere{renamed}).Refresh(t.Context(), carol, "x", nil)
	if !errors.Is(err, authserver.ErrUnavailable) || login.Owner.Name != "" || login.RefreshToken != "next" {
		t.Errorf("while a source is down: %+v, %v", login, err)
	}
	if login, err := all.WithUpstreams(elsewhere{partner("7", "carol")}).Refresh(t.Context(), carol, "x", nil); err != nil || login.Owner.Name != "carol" {
		t.Errorf("who keeps their name: %+v, %v", login, err)
	}
	staff.down = false
	if _, err := all.WithUpstreams(elsewhere{renamed}).Refresh(t.Context(), carol, "x", nil); !errors.Is(err, authserver.ErrNotFound) {
		t.Errorf("once it answers: %v", err)
	}
}
