// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"

	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
	"github.com/gatehouse-dev/gatehouse/authserver/oidc"
)

// issuing asks for a token of the client's own.
func (b *bench) issuing(to target, connections int) *load {
	request := post(oauth2.PathToken, b.secrets[photoPrint], url.Values{"grant_type": {"client_credentials"}, "scope": {scope}})
	l := &load{target: to}
	for range connections {
		l.next = append(l.next, same(request, `"access_token"`))
	}
	return l
}

// introspecting has the API ask about the access token of each grant.
func (b *bench) introspecting(s *site) *load {
	l := &load{target: s.target}
	for _, grants := range s.grants {
		var requests [][]byte
		for _, g := range grants {
			requests = append(requests, post(oauth2.PathIntrospect, b.secrets[photoStorage], url.Values{"token": {g.tokens.AccessToken}}))
		}
		turn := 0
		l.next = append(l.next, func(answer []byte) ([]byte, error) {
			turn++
			return requests[turn%len(requests)], check(answer, `"active":true`)
		})
	}
	return l
}

// issuingJWTs asks for a token of the client's own for an API that takes JWTs.
func (b *bench) issuingJWTs(s *site) *load {
	request := post(oauth2.PathToken, b.secrets[photoLogin], url.Values{"grant_type": {"client_credentials"}, "scope": {albumScope}})
	l := &load{target: s.target}
	for range b.connections {
		l.next = append(l.next, same(request, `"access_token":"eyJ`)) // the beginning of a JSON object in base64
	}
	return l
}

// telling asks the UserInfo endpoint about the person of each login. The token stands in a form, which the bare handler
// reads too.
func (b *bench) telling(s *site) *load {
	l := &load{target: s.target}
	for _, logins := range s.logins {
		body := url.Values{"access_token": {logins[0].tokens.AccessToken}}.Encode()
		request := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\n"+
			"Content-Length: %d\r\n\r\n%s", oidc.PathUserInfo, host, len(body), body)
		l.next = append(l.next, same(request, `"sub"`))
	}
	return l
}

// refreshing uses the refresh token of each grant, and at its next turn that of the answer.
func (b *bench) refreshing(s *site, of [][]grant) *load {
	l := &load{target: s.target}
	for _, grants := range of {
		var last *grant // which the answer is about
		turn := 0
		l.next = append(l.next, func(answer []byte) ([]byte, error) {
			if answer != nil {
				token, found := member(answer, "refresh_token")
				if !found {
					return nil, errors.New("an answer lacks a refresh token")
				}
				last.tokens.RefreshToken = token
			}
			last = &grants[turn%len(grants)]
			turn++
			return b.refresh(last), nil
		})
	}
	return l
}

// refresh is the request with the refresh token that the grant has now.
func (b *bench) refresh(g *grant) []byte {
	token := g.tokens.RefreshToken
	if len(token) != g.length {
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
		g.request, g.length = post(oauth2.PathToken, b.secrets[g.by], form), len(token)
	}
	copy(g.request[len(g.request)-len(token):], token) // the form ends with it
	return g.request
}

// member returns a text of a JSON object that needs no unescaping.
func member(object []byte, name string) (value string, found bool) {
	_, rest, found := bytes.Cut(object, []byte(`"`+name+`":"`))
	text, _, closed := bytes.Cut(rest, []byte(`"`))
	return string(text), found && closed
}
