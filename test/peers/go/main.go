// Usage: verify JWKS_URL ISSUER AUDIENCE TOKEN. Prints the subject of a token that golang-jwt finds valid.
package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"os"

	"github.com/golang-jwt/jwt/v5"
)

type jwk struct{ Kid, Kty, Alg, X, Y, N, E string }

type keySet struct{ Keys []jwk }

func main() {
	url, issuer, audience, token := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	options := []jwt.ParserOption{
		jwt.WithValidMethods([]string{"EdDSA", "ES256", "RS256", "PS256"}), jwt.WithIssuer(issuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
	}
	parsed, err := jwt.Parse(token, keyFrom(url), options...)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	subject, _ := parsed.Claims.GetSubject()
	fmt.Println(subject)
}

// keyFrom finds the key of the token's kid in the JWK Set at the URL.
func keyFrom(url string) jwt.Keyfunc {
	return func(token *jwt.Token) (any, error) {
		response, err := http.Get(url)
		if err != nil {
			return nil, err
		}
		defer response.Body.Close()
		var set keySet
		if err := json.NewDecoder(response.Body).Decode(&set); err != nil {
			return nil, err
		}
		for _, key := range set.Keys {
			if key.Kid == token.Header["kid"] && key.Alg == token.Method.Alg() {
				return key.public()
			}
		}
		return nil, fmt.Errorf("no key of this kid and alg")
	}
}

func (key jwk) public() (any, error) {
	switch key.Kty {
	case "OKP":
		return ed25519.PublicKey(bytes(key.X)), nil
	case "EC":
		return &ecdsa.PublicKey{Curve: elliptic.P256(), X: number(key.X), Y: number(key.Y)}, nil
	case "RSA":
		return &rsa.PublicKey{N: number(key.N), E: int(number(key.E).Int64())}, nil
	}
	return nil, fmt.Errorf("unknown kty %s", key.Kty)
}

// bytes is empty for what is not base64url.
func bytes(text string) []byte {
	decoded, _ := base64.RawURLEncoding.DecodeString(text)
	return decoded
}

func number(text string) *big.Int { return new(big.Int).SetBytes(bytes(text)) }
