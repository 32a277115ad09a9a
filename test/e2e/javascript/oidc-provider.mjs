// SPDX-License-Identifier: Apache-2.0

// Another server of OpenID Connect, as the source of people: npm oidc-provider with its own pages, which take any password. Settings come in
// the environment. PEOPLE is a file that is read for each question about somebody: whoever does not stand in it is nobody. What the server
// does with refresh tokens is told on standard output, a line of JSON each.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { Provider } from 'oidc-provider';

const { ISSUER, PORT, TLS_CERT, TLS_KEY, CLIENT_ID, CLIENT_SECRET, CALLBACK, PEOPLE } = process.env;

const tell = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const provider = new Provider(ISSUER, {
  clients: [{
    client_id: CLIENT_ID,
    client_secret: CLIENT_SECRET,
    redirect_uris: [CALLBACK],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'client_secret_basic',
  }],
  claims: {
    openid: ['sub'],
    profile: ['name', 'preferred_username'],
    email: ['email', 'email_verified'],
    groups: ['groups'],
  },
  scopes: ['openid', 'profile', 'email', 'groups', 'offline_access'],
  findAccount(_, id) {
    const person = JSON.parse(readFileSync(PEOPLE, 'utf8'))[id];
    return person && { accountId: id, claims: () => ({ sub: id, ...person }) };
  },
  pkce: { required: () => true },
  rotateRefreshToken: true,
  cookies: { keys: ['a key of a server that lasts as long as its test'] },
  ttl: { AccessToken: 3600, AuthorizationCode: 60, IdToken: 3600, RefreshToken: 86400, Interaction: 3600, Session: 3600, Grant: 86400 },
});

provider.on('refresh_token.saved', (token) => tell({ saved: token.jti }));
provider.on('refresh_token.consumed', (token) => tell({ consumed: token.jti }));
provider.on('grant.error', (_, error) => tell({ refused: error.error, why: error.error_detail }));
provider.on('server_error', (_, error) => tell({ fault: String(error.stack) }));

createServer({ cert: readFileSync(TLS_CERT), key: readFileSync(TLS_KEY) }, provider.callback())
  .listen(Number(PORT), '127.0.0.1', () => tell({ serving: true }));
