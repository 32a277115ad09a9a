# SPDX-License-Identifier: Apache-2.0
"""requests-oauthlib, OAuth 1.0a: a session with an access token, and the requests that the test asks for.

    {"method": "GET", "url": "https://...", "data": {...}, "json": {...}, "times": 1}

For each it prints the status codes of the answers and the last one's body.
"""

import json
import sys

from oauthlib.oauth1 import SIGNATURE_TYPE_AUTH_HEADER
from requests import Request
from requests_oauthlib import OAuth1Session
from requests_oauthlib.oauth1_session import TokenRequestDenied, VerifierMissing


def say(answer):
    print(json.dumps(answer), flush=True)


def session_of(settings, **more):
    session = OAuth1Session(
        settings["client-id"], client_secret=settings["client-secret"],
        signature_method=settings["method"], **more)
    return session


def flow(settings):
    """Returns a session with an access token."""
    session = session_of(settings, callback_uri=settings["callback"], signature_type=settings["place"])
    request = session.fetch_request_token(settings["request-token-endpoint"])
    say({"open": session.authorization_url(settings["authorization-endpoint"])})
    line = sys.stdin.readline()
    if not line:
        sys.exit()
    back = json.loads(line)["back"]
    if settings["callback"] == "oob":
        session = session_of(
            settings, resource_owner_key=request["oauth_token"],
            resource_owner_secret=request["oauth_token_secret"], verifier=back,
            signature_type=settings["place"])
    else:
        session.parse_authorization_response(back)
    access = session.fetch_access_token(settings["access-token-endpoint"])
    return session_of(
        settings, resource_owner_key=access["oauth_token"],
        resource_owner_secret=access["oauth_token_secret"],
        signature_type=SIGNATURE_TYPE_AUTH_HEADER)


def call(session, asked):
    """Signs one request and sends it as often as asked, each time the same."""
    request = Request(asked["method"], asked["url"], data=asked.get("data"), json=asked.get("json"), auth=session.auth)
    prepared = session.prepare_request(request)
    answers = [session.send(prepared, allow_redirects=False, **session.merge_environment_settings(prepared.url, {}, None, None, None)) for _ in range(asked.get("times", 1))]
    return {"statuses": [a.status_code for a in answers], "body": answers[-1].text}


def main():
    settings = json.loads(sys.stdin.readline())
    try:
        session = flow(settings)
    except TokenRequestDenied as denied:
        say({"refused": "%d %s" % (denied.status_code, denied.response.text)})
        return
    except VerifierMissing:
        say({"refused": "no verifier"})
        return
    say({"did": "token"})
    for line in sys.stdin:
        say(call(session, json.loads(line)))


main()
