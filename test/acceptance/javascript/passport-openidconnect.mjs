// SPDX-License-Identifier: Apache-2.0

// An application with passport-openidconnect. It finds its Secret mounted in the folder SECRET.
import express from 'express'
import session from 'express-session'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import passport from 'passport'
import OpenIDConnectStrategy from 'passport-openidconnect'

const mounted = (key) => readFileSync(`${process.env.SECRET}/${key}`, 'utf8')
const issuer = mounted('issuer')
const strategy = new OpenIDConnectStrategy({
  issuer,
  authorizationURL: mounted('authorization-endpoint'), tokenURL: mounted('token-endpoint'), userInfoURL: mounted('userinfo-endpoint'),
  clientID: mounted('client-id'), clientSecret: mounted('client-secret'),
  callbackURL: `${process.env.BASE_URL}/callback`, scope: ['profile', 'email', 'groups', 'offline_access'],
  skipUserProfile: false, // name and mail come from UserInfo
}, (issuer, uiProfile, idProfile, context, idToken, accessToken, refreshToken, params, done) => { // the number of parameters counts
  const { groups } = JSON.parse(Buffer.from(idToken.split('.')[1], 'base64url'))
  done(null, { name: uiProfile.displayName, mail: uiProfile.emails[0].value, groups, refreshToken })
})
passport.use(strategy)
passport.serializeUser((user, done) => done(null, user))
passport.deserializeUser((user, done) => done(null, user))

const app = express()
app.use(session({ secret: mounted('session-secret'), resave: false, saveUninitialized: false, cookie: { secure: true } }))
app.use(passport.session())
app.get('/', (req, res) => {
  if (!req.user) return res.send('nobody is logged in')
  res.send(`name=${req.user.name} mail=${req.user.mail} groups=${req.user.groups}`)
})
app.get('/login', passport.authenticate('openidconnect'))
app.get('/callback', passport.authenticate('openidconnect', { failWithError: true }), (req, res) => res.redirect('/'))
app.get('/refresh', (req, res) => { // the library leaves it to the application
  strategy._oauth2.getOAuthAccessToken(req.user.refreshToken, { grant_type: 'refresh_token' }, (error, accessToken, refreshToken) => {
    if (error) return res.send(`refused: ${JSON.parse(error.data).error}`)
    req.user.refreshToken = refreshToken
    req.session.passport.user = req.user
    res.send('refreshed')
  })
})
app.get('/logout', (req, res) => req.logout(() => res.redirect('/')))
createServer({ cert: readFileSync(process.env.TLS_CERT), key: readFileSync(process.env.TLS_KEY) }, app).listen(process.env.PORT, '127.0.0.1')
