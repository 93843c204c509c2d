// Usage: follow ISSUER AUDIENCE. For each line with a token prints its subject, or "refused: " and why go-oidc refuses
// it. The keys are found from the issuer's name.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"

	"github.com/coreos/go-oidc/v3/oidc"
)

func main() {
	verifier, err := discover(os.Args[1], os.Args[2])
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if err != nil {
			fmt.Printf("refused: %q\n", err)
		} else if token, err := verifier.Verify(context.Background(), lines.Text()); err != nil {
			fmt.Printf("refused: %q\n", err)
		} else {
			fmt.Println(token.Subject)
		}
	}
}

func discover(issuer, audience string) (*oidc.IDTokenVerifier, error) {
	provider, err := oidc.NewProvider(context.Background(), issuer)
	if err != nil {
		return nil, err
	}
	return provider.Verifier(&oidc.Config{ClientID: audience}), nil
}
