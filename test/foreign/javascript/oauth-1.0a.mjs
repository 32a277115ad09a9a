// SPDX-License-Identifier: Apache-2.0

// oauth-1.0a, which signs, with fetch, which sends.

import { createHmac } from 'node:crypto'
import { createInterface } from 'node:readline'
import OAuth from 'oauth-1.0a'

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const read = async () => JSON.parse((await lines.next()).value)
const say = (report) => console.log(JSON.stringify(report))

const settings = await read()
const oauth = new OAuth({
  consumer: { key: settings['client-id'], secret: settings['client-secret'] },
  signature_method: 'HMAC-SHA256',
  hash_function: (base, key) => createHmac('sha256', key).update(base).digest('base64'),
})
const send = async (method, url, data, token) => {
  const headers = oauth.toHeader(oauth.authorize({ method, url, data }, token))
  const answer = await fetch(url, { method, headers })
  return { status: answer.status, body: await answer.text() }
}
const tokenOf = ({ body }) => {
  const form = new URLSearchParams(body)
  if (!form.has('oauth_token')) throw new Error(body)
  return { key: form.get('oauth_token'), secret: form.get('oauth_token_secret') }
}

const request = tokenOf(await send('POST', settings['request-token-endpoint'], { oauth_callback: settings.callback }))
say({ open: `${settings['authorization-endpoint']}?oauth_token=${encodeURIComponent(request.key)}` })
const oauth_verifier = new URL((await read()).back).searchParams.get('oauth_verifier')
const access = tokenOf(await send('POST', settings['access-token-endpoint'], { oauth_verifier }, request))
say({ did: 'token' })
say({ did: 'call', ...(await send('GET', settings.api, {}, access)) })
process.exit()
