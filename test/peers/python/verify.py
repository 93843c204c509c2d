"""Usage: verify.py JWKS_URL ISSUER AUDIENCE TOKEN. Prints the subject of a token that PyJWT finds valid."""

import sys

import jwt

jwks_url, issuer, audience, token = sys.argv[1:]
key = jwt.PyJWKClient(jwks_url).get_signing_key_from_jwt(token)
print(jwt.decode(token, key.key, algorithms=[key.algorithm_name], issuer=issuer, audience=audience)["sub"])
