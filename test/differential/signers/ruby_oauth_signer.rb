# SPDX-License-Identifier: Apache-2.0
# Signs requests with Ruby's oauth: a line of JSON in, a line of JSON out.

require "json"
require "uri"
require "net/http"
require "oauth"
require "oauth/client/net_http"
require "oauth/signature/hmac/sha1"
require "oauth/signature/plaintext"
begin
  require "oauth/signature/hmac/sha256"
rescue LoadError # of an old version: it says for each request that it does not know the method
end

# What the library asks of a connection.
Connection = Struct.new(:address, :port, :secure) do
  def use_ssl?
    secure
  end
end

def sign(r)
  origin, target = r["url"].match(%r{\A([^:]+://[^/?]+)(.*)\z}m).captures
  target = "/" + target unless target.start_with?("/")
  scheme, host, port = origin.match(%r{\A([^:]+)://(\[[^\]]+\]|[^:]+):?(\d*)\z}).captures
  secure = scheme.downcase == "https"
  http = Connection.new(host, port.empty? ? (secure ? 443 : 80) : port.to_i, secure)

  request = Net::HTTPGenericRequest.new(r["method"], !%w[GET HEAD].include?(r["method"]), true, target)
  request["Content-Type"] = r["contentType"] unless r["contentType"].empty?
  request.body = r["body"] unless r["body"].empty?
  consumer = OAuth::Consumer.new(r["consumerKey"], r["consumerSecret"])
  token = OAuth::Token.new(r["token"], r["tokenSecret"])
  options = {
    signature_method: r["signatureMethod"], nonce: r["nonce"], timestamp: r["timestamp"],
    oauth_callback: r["callback"], oauth_verifier: r["verifier"], token_request: r["form"]
  }
  options[:realm] = r["realm"] unless r["realm"].empty?
  case r["place"]
  when "header"
    request.oauth!(http, consumer, token, options)
  when "query"
    request.oauth!(http, consumer, token, options.merge(scheme: "query_string"))
  when "form"
    # The library's own way moves the query into the form. Here the form is what an application makes of it.
    options[:request_uri] = origin + target
    parameters = OAuth::Client::Helper.new(request, options.merge(consumer: consumer, token: token)).oauth_parameters
    parts = parameters.map { |name, value| OAuth::Helper.escape(name) + "=" + OAuth::Helper.escape(value) }
    request.body = [request.body, *parts].compact.join("&")
    signature = OAuth::Signature.sign(request, uri: origin + target, consumer: consumer, token: token)
    request.body += "&oauth_signature=" + OAuth::Helper.escape(signature)
  end
  { url: origin + request.path, authorization: request["Authorization"] || "", body: request.body || "" }
end

$stdin.each_line do |line|
  answer =
    begin
      sign(JSON.parse(line))
    rescue StandardError, OAuth::Signature::UnknownSignatureMethod => e # what the library cannot sign is an answer too
      { error: "#{e.class}: #{e.message}" }
    end
  puts JSON.generate(answer)
rescue JSON::GeneratorError => e
  puts JSON.generate(error: e.class.to_s)
end
