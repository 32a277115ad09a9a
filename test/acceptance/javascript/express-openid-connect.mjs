// SPDX-License-Identifier: Apache-2.0

// An application with express-openid-connect. The library reads ISSUER_BASE_URL, CLIENT_ID, CLIENT_SECRET, SECRET and BASE_URL.
import express from 'express'
import openid from 'express-openid-connect'
import session from 'express-session'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'

const app = express()
app.use(openid.auth({
  authorizationParams: { response_type: 'code', scope: 'openid profile email groups offline_access' },
  authRequired: false,
  backchannelLogout: { store: new session.MemoryStore() }, // serves /backchannel-logout, and remembers who has signed out
  idpLogout: true, // signs out of Gatehouse too
}))
app.get('/', (req, res) => res.send(req.oidc.isAuthenticated() ? 'logged in' : 'nobody is logged in'))
app.get('/profile', openid.requiresAuth(), (req, res) => {
  const { preferred_username: user, email, groups } = req.oidc.user
  res.send(`user=${user} mail=${email} groups=${groups} token=${req.oidc.accessToken.access_token.slice(0, 20)}`)
})
app.get('/refresh', openid.requiresAuth(), async (req, res) => {
  try {
    await req.oidc.accessToken.refresh()
    res.redirect('/profile')
  } catch (e) {
    res.send(`refused: ${e.error}`)
  }
})
createServer({ cert: readFileSync(process.env.TLS_CERT), key: readFileSync(process.env.TLS_KEY) }, app).listen(process.env.PORT, '127.0.0.1')
