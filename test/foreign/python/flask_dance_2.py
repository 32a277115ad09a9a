# SPDX-License-Identifier: Apache-2.0
"""Flask-Dance, OAuth 2.0: an application of Flask, which Flask's test client opens in the place of a browser."""

import json
import sys

from flask import Flask
from flask_dance.consumer import OAuth2ConsumerBlueprint

settings = json.loads(sys.stdin.readline())
app = Flask(__name__)
app.secret_key = "signs the cookie of Flask's session"
gatehouse = OAuth2ConsumerBlueprint(
    "gatehouse", __name__, client_id=settings["client-id"], client_secret=settings["client-secret"], scope=settings["scope"],
    authorization_url=settings["authorization-endpoint"], token_url=settings["token-endpoint"],
    authorized_url="/callback", redirect_url="/photos")  # no switch: this version has no PKCE, so the client needs pkce: Optional
app.register_blueprint(gatehouse)


@app.route("/photos")
def photos():
    answer = gatehouse.session.get(settings["api"])
    return answer.text, answer.status_code


def say(**report):
    print(json.dumps(report), flush=True)


origin = settings["callback"].removesuffix("/callback")
browser = app.test_client()
say(open=browser.get("/gatehouse", base_url=origin).location)
back = json.loads(sys.stdin.readline())["back"]
if browser.get(back.removeprefix(origin), base_url=origin).location == "/photos":
    say(did="token")
answer = browser.get("/photos", base_url=origin)
say(did="call", status=answer.status_code, body=answer.text)
