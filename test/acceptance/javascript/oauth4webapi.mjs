// SPDX-License-Identifier: Apache-2.0

// oauth4webapi, with every check that it has.
import * as oauth from 'oauth4webapi'
import { ask, settings } from './talk.mjs'

const issuer = new URL(settings.issuer)
const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer))
const client = { client_id: settings['client-id'] }
const secret = oauth.ClientSecretBasic(settings['client-secret'])

const verifier = oauth.generateRandomCodeVerifier()
const state = oauth.generateRandomState()
const expectedNonce = oauth.generateRandomNonce()
const address = new URL(as.authorization_endpoint)
address.search = new URLSearchParams({
  client_id: client.client_id, redirect_uri: settings.callback, response_type: 'code', scope: settings.scope, state, nonce: expectedNonce,
  max_age: '300', code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
}).toString()
const back = await ask({ open: address.href })
const parameters = oauth.validateAuthResponse(as, client, new URL(back), state) // iss too (RFC 9207)
let answer = await oauth.authorizationCodeGrantRequest(as, client, secret, parameters, settings.callback, verifier)
let tokens = await oauth.processAuthorizationCodeResponse(as, client, answer, { expectedNonce, maxAge: 300, requireIdToken: true })
await oauth.validateApplicationLevelSignature(as, answer)
const first = oauth.getValidatedIdTokenClaims(tokens)
answer = await oauth.userInfoRequest(as, client, tokens.access_token)
await ask({ did: 'login', claims: first, info: await oauth.processUserInfoResponse(as, client, first.sub, answer) })

answer = await oauth.refreshTokenGrantRequest(as, client, secret, tokens.refresh_token)
tokens = await oauth.processRefreshTokenResponse(as, client, answer)
await oauth.validateApplicationLevelSignature(as, answer)
await ask({ did: 'refresh', claims: oauth.getValidatedIdTokenClaims(tokens) }) // is answered when the right is taken away
try {
  await oauth.processRefreshTokenResponse(as, client, await oauth.refreshTokenGrantRequest(as, client, secret, tokens.refresh_token))
  await ask({ did: 'refresh' })
} catch (e) {
  await ask({ refused: e.error })
}
