// SPDX-License-Identifier: Apache-2.0

// simple-oauth2.

import { createHash, randomBytes } from 'node:crypto'
import { createInterface } from 'node:readline'
import { AuthorizationCode } from 'simple-oauth2'

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const read = async () => JSON.parse((await lines.next()).value)
const say = (report) => console.log(JSON.stringify(report))

const settings = await read()
const client = new AuthorizationCode({
  client: { id: settings['client-id'], secret: settings['client-secret'] },
  auth: {
    tokenHost: settings.issuer,
    tokenPath: settings['token-endpoint'],
    authorizePath: settings['authorization-endpoint'],
    revokePath: settings['revocation-endpoint'],
  },
})
const call = async (token) => {
  const answer = await fetch(settings.api, { headers: { authorization: `Bearer ${token.token.access_token}` } })
  say({ did: 'call', status: answer.status, body: await answer.text() })
}

// The switch: the library makes no PKCE, so challenge and verifier are made here. It sends on what it does not know.
const code_verifier = randomBytes(48).toString('base64url')
const code_challenge = createHash('sha256').update(code_verifier).digest('base64url')

const state = randomBytes(16).toString('hex')
say({ open: client.authorizeURL({ redirect_uri: settings.callback, scope: settings.scope, state, code_challenge, code_challenge_method: 'S256' }) })
const back = new URL((await read()).back).searchParams
if (back.get('state') !== state) throw new Error('this is not an answer to our question')

let token = await client.getToken({ code: back.get('code'), redirect_uri: settings.callback, code_verifier })
say({ did: 'token' })
await call(token)
token = await token.refresh()
say({ did: 'refresh' })
await call(token)
await token.revoke('refresh_token')
say({ did: 'revoke' })
process.exit()
