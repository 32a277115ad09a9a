<?php
// SPDX-License-Identifier: Apache-2.0

// The extension oauth of pecl.

function say(array $report): void
{
    echo json_encode($report), "\n";
}

$settings = json_decode(fgets(STDIN), true);
$places = ['header' => OAUTH_AUTH_TYPE_AUTHORIZATION, 'form' => OAUTH_AUTH_TYPE_FORM, 'query' => OAUTH_AUTH_TYPE_URI];

$oauth = new OAuth($settings['client-id'], $settings['client-secret'], OAUTH_SIG_METHOD_HMACSHA1, $places[$settings['way']]);
$oauth->setCAPath(null, getenv('SSL_CERT_FILE'));
try {
    $request = $oauth->getRequestToken($settings['request-token-endpoint'], $settings['callback'], OAUTH_HTTP_METHOD_POST);
    say(['open' => $settings['authorization-endpoint'] . '?oauth_token=' . urlencode($request['oauth_token'])]);
    parse_str(parse_url(json_decode(fgets(STDIN), true)['back'], PHP_URL_QUERY), $back);

    $oauth->setToken($request['oauth_token'], $request['oauth_token_secret']);
    $access = $oauth->getAccessToken($settings['access-token-endpoint'], null, $back['oauth_verifier'], OAUTH_HTTP_METHOD_POST);
    say(['did' => 'token']);

    $oauth->setToken($access['oauth_token'], $access['oauth_token_secret']);
    $oauth->setAuthType(OAUTH_AUTH_TYPE_AUTHORIZATION);
    $oauth->fetch($settings['api']);
    say(['did' => 'call', 'status' => $oauth->getLastResponseInfo()['http_code'], 'body' => $oauth->getLastResponse()]);
} catch (OAuthException $refused) {
    say(['refused' => $refused->getMessage() . ' ' . $refused->lastResponse]);
}
