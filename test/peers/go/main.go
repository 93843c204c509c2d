// Usage: verify JWKS_URL ISSUER AUDIENCE TOKEN. Prints the subject of a token that golang-jwt finds valid.
package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	"github.com/golang-jwt/jwt/v5"
)

type keySet struct {
	Keys []struct{ Kid, Crv, X string }
}

func main() {
	url, issuer, audience, token := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	options := []jwt.ParserOption{
		jwt.WithValidMethods([]string{"EdDSA"}), jwt.WithIssuer(issuer), jwt.WithAudience(audience),
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
			if key.Kid == token.Header["kid"] && key.Crv == "Ed25519" {
				bytes, err := base64.RawURLEncoding.DecodeString(key.X)
				return ed25519.PublicKey(bytes), err
			}
		}
		return nil, fmt.Errorf("no key of this kid")
	}
}
