// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"net/url"
	"strings"

	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
)

// sign returns the Authorization header that "CLIENT METHOD NAME=VALUE ..." stands for. The names are
// those of protocol parameters, written as in a query; nonce, time and version come by themselves.
// Token and secret are the pair that the request is signed with.
func (s *teller) sign(words, method, rawURL string) string {
	fields := strings.Fields(words)
	app := &signer{h: s.house, t: s.t, id: who[fields[0]], secret: s.Secret(who[fields[0]]), method: oauth1.SignatureMethod(fields[1])}
	var with pair
	changes := params{}
	for _, field := range fields[2:] {
		name, value, _ := strings.Cut(field, "=")
		value, err := url.QueryUnescape(value)
		if err != nil {
			s.t.Fatal(err)
		}
		switch name {
		case "token":
			with.token = value
		case "secret":
			with.secret = value
		case "client": // as somebody else
			changes["oauth_consumer_key"] = value
		default:
			changes[name] = value
		}
	}
	return app.authorization(method, rawURL, with, changes)
}

// signQuestion lets a question at /oauth1/verify hold the header of the request that it is about:
//
//	authorization=sign GET CLIENT METHOD NAME=VALUE ...
//
// signs for the url that stands in the line before.
func (s *teller) signQuestion(form string) string {
	lines := strings.Split(form, "\n")
	for n, line := range lines {
		words, ok := strings.CutPrefix(line, "authorization=sign ")
		if !ok {
			continue
		}
		about, err := url.QueryUnescape(strings.TrimPrefix(lines[n-1], "url="))
		if err != nil {
			s.t.Fatal(err)
		}
		method, words, _ := strings.Cut(words, " ")
		lines[n] = "authorization=" + url.QueryEscape(s.sign(words, method, about))
	}
	return strings.Join(lines, "\n")
}
