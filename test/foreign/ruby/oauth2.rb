# SPDX-License-Identifier: Apache-2.0

# The gem oauth2.

require 'digest'
require 'json'
require 'oauth2'
require 'securerandom'
require 'uri'

def say(report)
  puts JSON.generate(report)
  $stdout.flush
end

settings = JSON.parse(gets)
client = OAuth2::Client.new(
  settings['client-id'], settings['client-secret'],
  site: settings['issuer'], authorize_url: settings['authorization-endpoint'], token_url: settings['token-endpoint']
)
call = lambda do |token|
  answer = token.get(settings['api'])
  say(did: 'call', status: answer.status, body: answer.body)
end

if settings['way'] == 'client_credentials'
  token = client.client_credentials.get_token(scope: settings['scope'])
  say(did: 'token')
  call.(token)
  exit
end

# The switch: the gem makes no PKCE, so challenge and verifier are made here.
code_verifier = SecureRandom.urlsafe_base64(48)
code_challenge = Digest::SHA256.base64digest(code_verifier).tr('+/', '-_').delete('=')

state = SecureRandom.hex
say(open: client.auth_code.authorize_url(
  redirect_uri: settings['callback'], scope: settings['scope'], state: state,
  code_challenge: code_challenge, code_challenge_method: 'S256'
))
back = URI.decode_www_form(URI(JSON.parse(gets)['back']).query).to_h
raise 'this is not an answer to our question' unless back['state'] == state

token = client.auth_code.get_token(back['code'], redirect_uri: settings['callback'], code_verifier: code_verifier)
say(did: 'token')
call.(token)
token = token.refresh!
say(did: 'refresh')
call.(token)
