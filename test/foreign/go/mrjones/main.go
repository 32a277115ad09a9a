// SPDX-License-Identifier: Apache-2.0

// Command mrjones drives github.com/mrjones/oauth.
package main

import (
	"net/url"

	"github.com/mrjones/oauth"

	"github.com/gatehouse-dev/gatehouse/test/foreign/go/talk"
)

func main() {
	settings := talk.Read()
	consumer := oauth.NewConsumer(settings["client-id"], settings["client-secret"], oauth.ServiceProvider{
		RequestTokenUrl: settings["request-token-endpoint"], AuthorizeTokenUrl: settings["authorization-endpoint"],
		AccessTokenUrl: settings["access-token-endpoint"],
		HttpMethod:     "POST", // the switch: the default is GET
	})
	request, address, err := consumer.GetRequestTokenAndUrl(settings["callback"])
	talk.Check(err)
	back, err := url.Parse(talk.Open(address))
	talk.Check(err)
	access, err := consumer.AuthorizeToken(request, back.Query().Get("oauth_verifier"))
	talk.Check(err)
	talk.Did("token")
	client, err := consumer.MakeHttpClient(access)
	talk.Check(err)
	talk.Call(client, settings["api"])
}
