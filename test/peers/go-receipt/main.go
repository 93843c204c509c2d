// Usage: verify VERIFIER_KEY FILE. Prints the event of a receipt, a C2SP tlog-proof, that the libraries of
// transparency.dev and Go's signed notes find valid.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/transparency-dev/formats/log"
	tlogproof "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	event, err := eventOf(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(string(event))
}

func eventOf(key, file string) ([]byte, error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var receipt tlogproof.TLogProof
	if err := receipt.Unmarshal(text); err != nil {
		return nil, errors.Join(errors.New("not a tlog-proof"), err)
	}
	checkpoint, _, _, err := log.ParseCheckpoint(receipt.Checkpoint, verifier.Name(), verifier)
	if err != nil {
		return nil, err
	}
	hashes := make([][]byte, len(receipt.Hashes))
	for i, hash := range receipt.Hashes {
		hashes[i] = hash[:]
	}
	hasher := rfc6962.DefaultHasher
	leaf := hasher.HashLeaf(receipt.ExtraData)
	return receipt.ExtraData, proof.VerifyInclusion(hasher, receipt.Index, checkpoint.Size, leaf, hashes, checkpoint.Hash)
}
