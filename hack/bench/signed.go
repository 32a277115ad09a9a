// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/rand"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
)

// resource is what the signed requests are for.
const resource = "https://photos.bench.example/photos"

// verifying has an API ask about signed requests, each of which is signed anew: no nonce is taken twice. The app
// signs ahead of time.
func (b *bench) verifying(s *site) *load {
	l := &load{target: s.target}
	signed := make([][][]byte, len(s.grants))
	l.prepare = func(each int) error {
		for n, g := range s.grants {
			signed[n] = signed[n][:0] // with the timestamps of this round
			for range each {
				request, err := b.verification(g[0].signed)
				if err != nil {
					return err
				}
				signed[n] = append(signed[n], request)
			}
		}
		return nil
	}
	for n, g := range s.grants {
		l.next = append(l.next, func(answer []byte) ([]byte, error) {
			if err := check(answer, `"active":true`); err != nil {
				return nil, err
			}
			if last := len(signed[n]) - 1; last >= 0 {
				request := signed[n][last]
				signed[n] = signed[n][:last]
				return request, nil
			}
			return b.verification(g[0].signed)
		})
	}
	return l
}

// verification asks about one signed request.
func (b *bench) verification(tokens *authserver.Tokens) ([]byte, error) {
	params := []oauth1.Param{
		{Name: oauth1.ParamConsumerKey, Value: b.secrets[photoBook].id},
		{Name: oauth1.ParamToken, Value: tokens.AccessToken},
		{Name: oauth1.ParamSignatureMethod, Value: string(oauth1.HMACSHA256)},
		{Name: oauth1.ParamTimestamp, Value: strconv.FormatInt(time.Now().Unix(), 10)},
		{Name: oauth1.ParamNonce, Value: rand.Text()},
	}
	text, err := oauth1.BaseString("GET", resource, params)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	signature := oauth1.Sign(oauth1.HMACSHA256, text, b.secrets[photoBook].secret, tokens.TokenSecret)
	authorization := oauth1.Authorization("", append(params, oauth1.Param{Name: oauth1.ParamSignature, Value: signature}))
	return post(oauth1.PathVerify, b.secrets[photoStorage], url.Values{"method": {"GET"}, "url": {resource}, "authorization": {authorization}}), nil
}
