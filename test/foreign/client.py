# SPDX-License-Identifier: Apache-2.0
"""An app that speaks OAuth 1.0a through oauthlib and requests-oauthlib.

Its first line of input is a JSON object with its settings. It prints the address that its
user is to open, reads the address the user comes back to (or the verifier, where it has no
callback), gets its access token, and then makes each request that comes as a line of JSON:

    {"method": "GET", "url": "https://...", "data": {...}, "json": {...}, "times": 1}

For each it prints a line with the answers' status codes and the last one's body. Whatever a
server refuses before that is one line, {"refused": "..."}, and the end.
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
        settings["key"], client_secret=settings["secret"],
        signature_method=settings["method"], **more)
    session.verify = settings["ca"]
    session.trust_env = False  # no proxy, no other authorities
    return session


def flow(settings):
    """Returns a session with an access token."""
    session = session_of(settings, callback_uri=settings["callback"], signature_type=settings["place"])
    request = session.fetch_request_token(settings["requestTokenURL"])
    say({"open": session.authorization_url(settings["authorizationURL"])})
    back = sys.stdin.readline().strip()
    if not back:
        sys.exit()
    if settings["callback"] == "oob":
        session = session_of(
            settings, resource_owner_key=request["oauth_token"],
            resource_owner_secret=request["oauth_token_secret"], verifier=back,
            signature_type=settings["place"])
    else:
        session.parse_authorization_response(back)
    access = session.fetch_access_token(settings["accessTokenURL"])
    return session_of(
        settings, resource_owner_key=access["oauth_token"],
        resource_owner_secret=access["oauth_token_secret"],
        signature_type=SIGNATURE_TYPE_AUTH_HEADER)


def call(session, asked):
    """Signs one request and sends it as often as asked, each time the same."""
    request = Request(asked["method"], asked["url"], data=asked.get("data"), json=asked.get("json"), auth=session.auth)
    prepared = session.prepare_request(request)
    answers = [session.send(prepared, verify=session.verify, allow_redirects=False) for _ in range(asked.get("times", 1))]
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
    say({"ready": True})
    for line in sys.stdin:
        say(call(session, json.loads(line)))


main()
