"""Usage: follow.py JWKS_URL CACHE_SECONDS. For each line "UNIX_SECONDS TOKEN" prints "valid", or why PyJWT refuses the
token at that time. It keeps a JWKS for as long as it may, whatever comes: the clock of its cache is the input's, too."""

import datetime
import sys
import time

import jwt
import jwt.api_jwt

jwks_url, cache_seconds = sys.argv[1:]
now = 0.0


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromtimestamp(now, tz)


time.monotonic = lambda: now
jwt.api_jwt.datetime = Clock
client = jwt.PyJWKClient(jwks_url, lifespan=int(cache_seconds))


def verdict(token):
    kid = jwt.get_unverified_header(token)["kid"]
    # Not get_signing_key: that would fetch once more for a kid that it does not know.
    key = client.match_kid(client.get_signing_keys(), kid)
    if key is None:
        return "unknown key"
    try:
        jwt.decode(token, key.key, algorithms=[key.algorithm_name], audience="api")
    except jwt.InvalidTokenError as error:
        return type(error).__name__
    return "valid"


for line in sys.stdin:
    seconds, token = line.split()
    now = float(seconds)
    print(verdict(token), flush=True)
