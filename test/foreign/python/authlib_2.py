# SPDX-License-Identifier: Apache-2.0
"""Authlib, OAuth 2.0, by its session for requests."""

import json
import sys

from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session


def say(**report):
    print(json.dumps(report), flush=True)


def call():
    answer = session.get(settings["api"])
    say(did="call", status=answer.status_code, body=answer.text)


settings = json.loads(sys.stdin.readline())
session = OAuth2Session(
    settings["client-id"], settings["client-secret"], scope=settings["scope"], redirect_uri=settings["callback"],
    code_challenge_method="S256")  # the switch: PKCE is off by default

code_verifier = generate_token(48)  # the switch's other half
url, state = session.create_authorization_url(settings["authorization-endpoint"], code_verifier=code_verifier)
say(open=url)
back = json.loads(sys.stdin.readline())["back"]

token = session.fetch_token(settings["token-endpoint"], authorization_response=back, state=state, code_verifier=code_verifier)
say(did="token")
call()
token = session.refresh_token(settings["token-endpoint"], refresh_token=token["refresh_token"])
say(did="refresh")
call()
if "introspection-endpoint" in settings:
    answer = session.introspect_token(settings["introspection-endpoint"], token=token["access_token"])
    say(did="introspect", username=answer.json()["username"])
if "revocation-endpoint" in settings:
    session.revoke_token(settings["revocation-endpoint"], token=token["refresh_token"]).raise_for_status()
    say(did="revoke")
