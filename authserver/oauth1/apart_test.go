// SPDX-License-Identifier: Apache-2.0

package oauth1_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
)

// apart makes a signed request with the callback and the verifier each in a place of its own.
func apart(t *testing.T, method oauth1.SignatureMethod, rest, callback, verifier oauth1.Place) oauth1.Message {
	t.Helper()
	params := with(valid(), "oauth_signature_method", string(method))
	params = signed(t, "POST", tokenURL, params)
	places := map[oauth1.Place][]oauth1.Param{}
	for _, p := range params {
		place := rest
		switch p.Name {
		case oauth1.ParamCallback:
			place = callback
		case oauth1.ParamVerifier:
			place = verifier
		}
		places[place] = append(places[place], p)
	}
	m := oauth1.Message{Method: "POST", URL: tokenURL}
	if in := places[oauth1.InHeader]; in != nil {
		m.Authorization = oauth1.Authorization("", in)
	}
	m.Form = form(places[oauth1.InForm])
	if in := places[oauth1.InQuery]; in != nil {
		m.URL += "?" + form(in)
	}
	return m
}

var allPlaces = []oauth1.Place{oauth1.InHeader, oauth1.InForm, oauth1.InQuery}

func TestN56VerifierAndCallbackMayStandApart(t *testing.T) {
	connections := oauth1.ConnectionsCloud()
	connections.SignatureMethods = append(connections.SignatureMethods, oauth1.HMACSHA1) // the place is no matter of the method
	for profile, rules := range map[string]oauth1.Rules{"OAuth1": oauth1.Strict(), "ConnectionsCloudOAuth1": connections} {
		for _, rest := range allPlaces {
			for _, callback := range allPlaces {
				for _, verifier := range allPlaces {
					name := fmt.Sprintf("%s: the callback in the %s, the verifier in the %s, the rest in the %s", profile, callback, verifier, rest)
					m := apart(t, oauth1.HMACSHA1, rest, callback, verifier)
					r, err := oauth1.Parse(m, rules, oauth1.ParamCallback, oauth1.ParamVerifier)
					if (callback == oauth1.InHeader || verifier == oauth1.InHeader) && rest != oauth1.InHeader {
						if fault(err) != oauth1.ParameterRejected {
							t.Errorf("%s: got %v", name, err)
						}
						continue
					}
					if err != nil {
						t.Errorf("%s: %v", name, err)
						continue
					}
					want := []any{rest, "https://app.example/cb?x=1", "v", true, authserver.SecretInBody}
					if diff := cmp.Diff(want, []any{r.Place, r.Callback, r.Verifier, r.Verify(clientSecret, tokenSecret), r.SecretPlace()}); diff != "" {
						t.Errorf("%s: %s", name, diff)
					}
				}
			}
		}
	}
}

func TestN56WhatStandsApartIsSigned(t *testing.T) {
	for _, place := range []oauth1.Place{oauth1.InForm, oauth1.InQuery} {
		m := apart(t, oauth1.HMACSHA256, oauth1.InHeader, place, place)
		for _, change := range []string{"oauth_verifier=w", "x_verifier=v", "oauth_verifier=v&more=1"} {
			changed := m
			changed.URL, changed.Form = strings.Replace(m.URL, "oauth_verifier=v", change, 1), strings.Replace(m.Form, "oauth_verifier=v", change, 1)
			r, err := oauth1.Parse(changed, oauth1.Strict())
			if err != nil || changed.URL+changed.Form == m.URL+m.Form || r.Verify(clientSecret, tokenSecret) {
				t.Errorf("%s, %s: it verifies, or cannot be read: %v", place, change, err)
			}
		}
	}
}

func TestN151WithPlaintextTheVerifierIsNotInTheQuery(t *testing.T) {
	for _, rest := range []oauth1.Place{oauth1.InHeader, oauth1.InForm} {
		m := apart(t, oauth1.Plaintext, rest, rest, oauth1.InQuery)
		for name, rules := range map[string]oauth1.Rules{"OAuth1": oauth1.Strict(), "a resource": oauth1.Resource()} {
			_, err := oauth1.Parse(m, rules)
			e, ok := errors.AsType[authserver.Refusal](err)
			if !ok || fault(err) != oauth1.ParameterRejected || !slices.Equal(oauth1.ProblemOf(e).Params, []string{"oauth_verifier"}) {
				t.Errorf("%s, the rest in the %s: got %v", name, rest, err)
			}
		}
		// The old profile leaves it to the engine, which knows until when the client may.
		r, err := oauth1.Parse(m, oauth1.ConnectionsCloud())
		if err != nil || r.SecretPlace() != authserver.SecretInURL || !r.Verify(clientSecret, tokenSecret) {
			t.Errorf("the rest in the %s: %v", rest, err)
		}
		// The callback is no secret, and the form is a good place for the verifier.
		for _, m := range []oauth1.Message{apart(t, oauth1.Plaintext, rest, oauth1.InQuery, rest), apart(t, oauth1.Plaintext, rest, oauth1.InForm, oauth1.InForm)} {
			r, err := oauth1.Parse(m, oauth1.Strict())
			if err != nil || r.SecretPlace() != authserver.SecretInBody || !r.Verify(clientSecret, tokenSecret) {
				t.Errorf("the rest in the %s: %v", rest, err)
			}
		}
	}
	if _, err := oauth1.Parse(apart(t, oauth1.Plaintext, oauth1.InQuery, oauth1.InForm, oauth1.InForm), oauth1.Strict()); fault(err) != oauth1.SignatureMethodRejected {
		t.Errorf("the signature in the query: got %v", err)
	}
}

func TestWhatHelpsADeveloperIsSaid(t *testing.T) {
	rsa := with(with(valid(), "oauth_signature_method", "RSA-SHA1"), "oauth_signature", "x")
	for _, tc := range []struct {
		name string
		m    oauth1.Message
		want oauth1.Fault
		says string
	}{
		{"N152 milliseconds", message(t, with(valid(), "oauth_timestamp", "1700000000000")), oauth1.ParameterRejected, "oauth_timestamp must be in seconds"},
		{"N152 a point", message(t, with(valid(), "oauth_timestamp", "1700000000.123")), oauth1.ParameterRejected, "oauth_timestamp must be in seconds"},
		{"N152 negative", message(t, with(valid(), "oauth_timestamp", "-1")), oauth1.ParameterRejected, "oauth_timestamp must be in seconds"},
		{"N152 a date", message(t, with(valid(), "oauth_timestamp", "Tue, 14 Nov 2023")), oauth1.ParameterRejected, "oauth_timestamp must be in seconds"},
		{"N57 version 1.0A", message(t, with(valid(), "oauth_version", "1.0A")), oauth1.VersionRejected, "oauth_version must be 1.0"},
		{"GET", oauth1.Message{Method: "GET", URL: tokenURL, Authorization: message(t, valid()).Authorization}, oauth1.ParameterRejected, "use POST"},
		{"another scheme", oauth1.Message{Method: "POST", URL: tokenURL, Authorization: "Bearer " + form(valid())}, oauth1.ParameterAbsent, "not of the scheme OAuth"},
		{"RSA-SHA1", oauth1.Message{Method: "POST", URL: tokenURL, Authorization: oauth1.Authorization("", rsa)}, oauth1.SignatureMethodRejected,
			"use one of HMAC-SHA1, HMAC-SHA256, PLAINTEXT"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := oauth1.Parse(tc.m, oauth1.Strict())
			e, ok := errors.AsType[authserver.Refusal](err)
			if !ok || fault(err) != tc.want || !strings.Contains(oauth1.ProblemOf(e).Advice, tc.says) {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := oauth1.Parse(oauth1.Message{Method: "POST", URL: tokenURL}, oauth1.Strict()); err == nil || strings.Contains(err.Error(), "scheme") {
		t.Errorf("without a header: %v", err)
	}
}
