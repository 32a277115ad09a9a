# SPDX-License-Identifier: Apache-2.0
"""Signs requests with Python's oauthlib: a line of JSON in, a line of JSON out."""

import json
import sys

from oauthlib.oauth1 import Client

FORM = "application/x-www-form-urlencoded"
PLACES = {"header": "AUTH_HEADER", "form": "BODY", "query": "QUERY"}


def sign(r):
    client = Client(
        r["consumerKey"], client_secret=r["consumerSecret"],
        resource_owner_key=r["token"] or None, resource_owner_secret=r["tokenSecret"] or None,
        callback_uri=r["callback"] or None, verifier=r["verifier"] or None, realm=r["realm"] or None,
        signature_method=r["signatureMethod"], signature_type=PLACES[r["place"]],
        nonce=r["nonce"], timestamp=r["timestamp"])
    # As requests-oauthlib does: the library sees forms, and no other bodies.
    if r["form"]:
        url, headers, body = client.sign(r["url"], r["method"], r["body"], {"Content-Type": FORM})
    else:
        url, headers, _ = client.sign(r["url"], r["method"])
        body = r["body"]
    return {"url": url, "authorization": headers.get("Authorization", ""), "body": body or ""}


for line in sys.stdin:
    try:
        answer = sign(json.loads(line))
    except Exception as e:  # what the library cannot sign is an answer too
        answer = {"error": "%s: %s" % (type(e).__name__, e)}
    print(json.dumps(answer))
