// SPDX-License-Identifier: Apache-2.0

// openid-client.

import { webcrypto } from 'node:crypto'
import { createInterface } from 'node:readline'
import * as client from 'openid-client'

globalThis.crypto ??= webcrypto // Node.js 18 does not have it there
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const read = async () => JSON.parse((await lines.next()).value)
const say = (report) => console.log(JSON.stringify(report))

const settings = await read()
const config = await client.discovery(
  new URL(settings.issuer),
  settings['client-id'],
  settings['client-secret'] || undefined,
  settings['client-secret'] ? undefined : client.None(),
  { algorithm: 'oauth2' }, // the switch: metadata of RFC 8414, for there is no /.well-known/openid-configuration
)
const call = async (tokens) => {
  const answer = await client.fetchProtectedResource(config, tokens.access_token, new URL(settings.api), 'GET')
  say({ did: 'call', status: answer.status, body: await answer.text() })
}

let tokens
if (settings.way === 'client_credentials') {
  tokens = await client.clientCredentialsGrant(config, { scope: settings.scope })
  say({ did: 'token' })
  await call(tokens)
  process.exit()
}

const pkceCodeVerifier = client.randomPKCECodeVerifier()
const expectedState = client.randomState()
say({
  open: client.buildAuthorizationUrl(config, {
    redirect_uri: settings.callback,
    scope: settings.scope,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
  }).href,
})
const { back } = await read()
tokens = await client.authorizationCodeGrant(config, new URL(back), { pkceCodeVerifier, expectedState })
say({ did: 'token' })
await call(tokens)
tokens = await client.refreshTokenGrant(config, tokens.refresh_token)
say({ did: 'refresh' })
await call(tokens)
if (settings['client-secret']) { // introspection is not for Public clients
  const { username } = await client.tokenIntrospection(config, tokens.access_token)
  say({ did: 'introspect', username })
}
await client.tokenRevocation(config, tokens.refresh_token)
say({ did: 'revoke' })
process.exit()
