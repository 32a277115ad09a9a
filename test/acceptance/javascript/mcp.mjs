// SPDX-License-Identifier: Apache-2.0

// An MCP host with the TypeScript SDK: it asks a server who its user is.
import { ask, settings } from './talk.mjs'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'

let address, tokens, verifier
const provider = {
  redirectUrl: settings.Callback,
  clientMetadata: { client_name: 'acceptance', redirect_uris: [settings.Callback] },
  clientInformation: () => ({ client_id: settings.ClientID }), // so the SDK registers nothing
  tokens: () => tokens,
  saveTokens: (t) => { tokens = t },
  redirectToAuthorization: (url) => { address = url },
  saveCodeVerifier: (v) => { verifier = v },
  codeVerifier: () => verifier,
}
const transport = () => new StreamableHTTPClientTransport(new URL(settings.Server), { authProvider: provider })
const whoami = async (client) => (await client.callTool({ name: 'whoami', arguments: {} })).content[0].text

const first = transport()
try {
  await new Client({ name: 'acceptance', version: '1' }).connect(first)
  throw new Error('the server asks for no login')
} catch (e) {
  if (!(e instanceof UnauthorizedError)) throw e
}
const back = await ask({ open: address.href })
await first.finishAuth(new URL(back).searchParams.get('code'))
const client = new Client({ name: 'acceptance', version: '1' })
await client.connect(transport())
await ask({ did: await whoami(client) })

tokens = { ...tokens, access_token: 'ended' } // the SDK refreshes when the server answers 401
const refreshed = await whoami(client)
if (tokens.access_token === 'ended') throw new Error('the SDK has not refreshed')
await ask({ did: refreshed }) // is answered when the right is taken away
try {
  await ask({ did: await whoami(client) })
} catch (e) {
  await ask({ refused: String(e) })
}
