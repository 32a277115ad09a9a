// SPDX-License-Identifier: Apache-2.0

// passport-oauth2. The test stands in for Passport and Express: it calls the strategy as they do.

import { createInterface } from 'node:readline'
import OAuth2Strategy from 'passport-oauth2'

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const read = async () => JSON.parse((await lines.next()).value)
const say = (report) => console.log(JSON.stringify(report))

const settings = await read()
const strategy = new OAuth2Strategy(
  {
    authorizationURL: settings['authorization-endpoint'],
    tokenURL: settings['token-endpoint'],
    clientID: settings['client-id'],
    clientSecret: settings['client-secret'],
    callbackURL: settings.callback,
    scope: settings.scope,
    pkce: true, // the switch: PKCE is off by default
    state: true, // and it needs the session
  },
  (accessToken, refreshToken, profile, done) => done(null, { accessToken }),
)
const session = {}
const authenticate = (query) =>
  new Promise((resolve, reject) => {
    Object.assign(strategy, { redirect: resolve, success: resolve, error: reject, fail: (info) => reject(new Error(JSON.stringify(info))) })
    strategy.authenticate({ query, session })
  })

say({ open: await authenticate({}) })
const { back } = await read()
const user = await authenticate(Object.fromEntries(new URL(back).searchParams))
say({ did: 'token' })
const answer = await fetch(settings.api, { headers: { authorization: `Bearer ${user.accessToken}` } })
say({ did: 'call', status: answer.status, body: await answer.text() })
process.exit()
