# SPDX-License-Identifier: Apache-2.0
"""requests-oauthlib, OAuth 2.0."""

import base64
import hashlib
import json
import secrets
import sys

from requests_oauthlib import OAuth2Session


def say(**report):
    print(json.dumps(report), flush=True)


def call():
    answer = session.get(settings["api"])
    say(did="call", status=answer.status_code, body=answer.text)


settings = json.loads(sys.stdin.readline())
session = OAuth2Session(settings["client-id"], scope=settings["scope"], redirect_uri=settings["callback"])

# The switch: this version makes no PKCE, so challenge and verifier are made here.
code_verifier = secrets.token_urlsafe(48)
digest = hashlib.sha256(code_verifier.encode()).digest()
code_challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

url, _ = session.authorization_url(
    settings["authorization-endpoint"], code_challenge=code_challenge, code_challenge_method="S256")
say(open=url)
back = json.loads(sys.stdin.readline())["back"]

session.fetch_token(
    settings["token-endpoint"], authorization_response=back, client_secret=settings["client-secret"], code_verifier=code_verifier)
say(did="token")
call()
token = session.refresh_token(settings["token-endpoint"], auth=(settings["client-id"], settings["client-secret"]))
say(did="refresh")
call()
session.post(
    settings["revocation-endpoint"], data={"token": token["refresh_token"]}, withhold_token=True,
    auth=(settings["client-id"], settings["client-secret"])).raise_for_status()
say(did="revoke")
