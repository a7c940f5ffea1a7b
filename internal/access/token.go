package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
)

const (
	// publicPrefix begins every token that this package makes, so that people and secret scanners
	// recognise one.
	publicPrefix = "pelcro_grpc_"
	// tokenBytes is the number of random bytes in a token.
	tokenBytes = 32
	// hashPrefix begins a token's hash in the callers file.
	hashPrefix = "sha256:"
)

// digest is the SHA-256 of a token.
type digest = [sha256.Size]byte

// parseHash reads sha256:HEX and returns what is wrong with it, if anything.
func parseHash(text string) (hash digest, problem string) {
	digits := strings.TrimPrefix(text, hashPrefix)
	if len(digits) != hex.EncodedLen(len(hash)) {
		return hash, "after sha256: write the 64 hexadecimal digits of the token's hash; pelcro-grpc token prints them"
	}
	if _, err := hex.Decode(hash[:], []byte(digits)); err != nil {
		return hash, "after sha256: write hexadecimal digits only; pelcro-grpc token prints them"
	}
	if hash == sha256.Sum256(nil) {
		return hash, "it has the hash of an empty text; make a token with pelcro-grpc token NAME METHODS"
	}
	return hash, ""
}

// NewToken makes a token for the caller, and the line of the callers file that allows it to use the
// methods, which are separated by commas. The token is stored nowhere: a lost one is replaced.
func NewToken(name, methods string) (token, line string, err error) {
	var problems []error
	if text := checkName(name); text != "" {
		problems = append(problems, errors.New(text))
	}
	_, invalid := parseRights(methods)
	for _, text := range invalid {
		problems = append(problems, errors.New(text))
	}
	if len(problems) > 0 {
		return "", "", errors.Join(problems...)
	}
	random := make([]byte, tokenBytes)
	rand.Read(random) // never fails
	token = publicPrefix + hex.EncodeToString(random)
	hash := sha256.Sum256([]byte(token))
	return token, name + " " + hashPrefix + hex.EncodeToString(hash[:]) + " " + methods, nil
}
