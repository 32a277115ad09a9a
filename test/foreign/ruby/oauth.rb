# SPDX-License-Identifier: Apache-2.0

# The gem oauth.

require 'json'
require 'oauth'
require 'uri'

def say(report)
  puts JSON.generate(report)
  $stdout.flush
end

settings = JSON.parse(gets)
consumer = OAuth::Consumer.new(
  settings['client-id'], settings['client-secret'],
  request_token_url: settings['request-token-endpoint'], authorize_url: settings['authorization-endpoint'],
  access_token_url: settings['access-token-endpoint'],
  scheme: settings['way'].to_sym, ca_file: ENV['SSL_CERT_FILE']
)
request = consumer.get_request_token(oauth_callback: settings['callback'])
say(open: request.authorize_url)
back = URI.decode_www_form(URI(JSON.parse(gets)['back']).query).to_h

access = request.get_access_token(oauth_verifier: back['oauth_verifier'])
say(did: 'token')
answer = OAuth::AccessToken.new(
  OAuth::Consumer.new(settings['client-id'], settings['client-secret'], ca_file: ENV['SSL_CERT_FILE']),
  access.token, access.secret
).get(settings['api'])
say(did: 'call', status: answer.code.to_i, body: answer.body)
