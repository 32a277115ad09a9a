// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
)

// apart sends a signed request with one protocol parameter in the form or in the query, and the
// others in the header.
func (c *signer) apart(path string, with pair, name, value string, place oauth1.Place) *told {
	c.t.Helper()
	all := c.protocol(with.token, params{name: value})
	all["oauth_signature"] = c.signature(http.MethodPost, c.h.issuer+path, with.secret, all)
	delete(all, name)
	header := oauth1.Authorization("", all.list())
	if place == oauth1.InForm {
		return c.send(http.MethodPost, path, header, url.Values{name: {value}})
	}
	return c.send(http.MethodPost, path+"?"+url.Values{name: {value}}.Encode(), header, nil)
}

func TestN56CallbackAndVerifierAreTakenFromFormAndQuery(t *testing.T) {
	eachSigned(t, func(t *testing.T, h *house, app *signer) {
		bob := h.bob(t)
		for _, place := range []oauth1.Place{oauth1.InForm, oauth1.InQuery} {
			request := app.apart(app.requestPath, pair{}, "oauth_callback", app.callback, place).credentials()
			verifier := app.allowedBy(bob, request)
			if place == oauth1.InQuery && app.method == oauth1.Plaintext { // N151: it needs leave
				app.apart(app.accessPath, request, "oauth_verifier", verifier, place).wants(http.StatusBadRequest)
				app.secretsInURLUntil(h.Clock.Now().Add(time.Minute))
			}
			token := app.apart(app.accessPath, request, "oauth_verifier", verifier, place).credentials()
			if !app.works(token) {
				t.Errorf("%s: the token does not work", place)
			}
		}
		request := app.requestToken()
		verifier := app.allowedBy(bob, request)
		header := app.authorization(http.MethodPost, h.issuer+app.accessPath, request, params{"oauth_verifier": verifier})
		app.send(http.MethodPost, app.accessPath, header, url.Values{"oauth_verifier": {verifier}}).wants(http.StatusBadRequest)
		app.exchange(request, verifier).credentials()
	})
}

func TestN150TheHeadersListIsThatOfHTTPAtEveryEndpoint(t *testing.T) {
	eachSigned(t, func(t *testing.T, h *house, app *signer) {
		spellings := map[string]*strings.Replacer{
			"a comma after the scheme":     strings.NewReplacer("OAuth ", "OAuth, "),
			"a tab after the scheme":       strings.NewReplacer("OAuth ", "oauth\t"),
			"double commas":                strings.NewReplacer(", ", ",, ,"),
			"blanks around equals signs":   strings.NewReplacer("=", " = "),
			"tokens in place of quotes":    strings.NewReplacer(`"`, ""),
			"a trailing comma, no blanks":  strings.NewReplacer("OAuth ", "OAuth ,", ", ", ","),
			"a realm, and a trailing one,": strings.NewReplacer("OAuth ", `OAuth realm="a,b",`),
		}
		bob := h.bob(t)
		for name, spelling := range spellings {
			respell := func(path string, with pair, changes params) *told {
				header := spelling.Replace(app.authorization(http.MethodPost, h.issuer+path, with, changes))
				if strings.Contains(name, "trailing") {
					header += ","
				}
				return app.send(http.MethodPost, path, header, nil)
			}
			request := respell(app.requestPath, pair{}, params{"oauth_callback": app.callback}).credentials()
			token := respell(app.accessPath, request, params{"oauth_verifier": app.allowedBy(bob, request)}).credentials()
			question := app.about(token)
			question.Set("authorization", spelling.Replace(question.Get("authorization")))
			if h.verify(t, question).body["active"] != true {
				t.Errorf("%s: verification does not read it", name)
			}
			if app.method == oauth1.Plaintext {
				header := app.authorization(http.MethodPost, h.issuer+identityPath, token, nil)
				app.send(http.MethodPost, identityPath, spelling.Replace(header), nil).wants(http.StatusOK)
			}
		}
	})
}

func TestN153OnlyAProvenClientLearnsWhichMethodsItMayUse(t *testing.T) {
	h := newHouse(t)
	app := h.photoBook(t)
	h.Clients.Change(app.id, func(c *authserver.Client) { c.SignatureMethods = []string{"HMAC-SHA256"} })
	got := app.request(app.callback).problem(http.StatusBadRequest, "signature_method_rejected")
	if advice := got.form.Get("oauth_problem_advice"); advice != "this client may use only HMAC-SHA256" {
		t.Errorf("the client learns %q", advice)
	}
	foreign := *app
	foreign.secret = "wrong"
	if got := foreign.request(app.callback).problem(http.StatusUnauthorized, "signature_invalid"); strings.Contains(got.raw, "SHA256") || len(got.form) != 1 {
		t.Errorf("without the secret one learns %s", got.raw)
	}
}
