// SPDX-License-Identifier: Apache-2.0

// openid-client, with every check that it has: nonce, state, PKCE, iss, the signature of the ID token even though it comes over TLS,
// max_age.
import * as client from 'openid-client'
import { ask, settings } from './talk.mjs'

const config = await client.discovery(new URL(settings.issuer), settings['client-id'], settings['client-secret'])
client.enableNonRepudiationChecks(config)

const pkceCodeVerifier = client.randomPKCECodeVerifier()
const expectedState = client.randomState()
const expectedNonce = client.randomNonce()
const back = await ask({
  open: client.buildAuthorizationUrl(config, {
    redirect_uri: settings.callback, scope: settings.scope, state: expectedState, nonce: expectedNonce, max_age: '300',
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: 'S256',
  }).href,
})
let tokens = await client.authorizationCodeGrant(config, new URL(back), {
  pkceCodeVerifier, expectedState, expectedNonce, maxAge: 300, idTokenExpected: true,
})
const first = tokens.claims()
const info = await client.fetchUserInfo(config, tokens.access_token, first.sub)
await ask({ did: 'login', claims: first, info })

tokens = await client.refreshTokenGrant(config, tokens.refresh_token)
await ask({ did: 'refresh', claims: tokens.claims() }) // is answered when the right is taken away
try {
  await client.refreshTokenGrant(config, tokens.refresh_token)
  await ask({ did: 'refresh' })
} catch (e) {
  await ask({ refused: e.error })
}
