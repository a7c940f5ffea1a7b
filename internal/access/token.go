package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"strings"
)

const (
	// publicPrefix begins every token that this package makes, so that people and
	// secret scanners know one when they see it.
	publicPrefix = "pelcro_grpc_"
	// tokenBytes is how much of a token is random.
	tokenBytes = 32
	// hashPrefix begins a token's hash in the callers file.
	hashPrefix = "sha256:"
)

// digest is the SHA-256 of a token. TestConstantTime fails on code that compares
// one by any other means than matches.
type digest [sha256.Size]byte

// digestOf hashes a token; one of the usual length costs no memory.
func digestOf(token string) digest {
	var usual [128]byte
	if len(token) > len(usual) {
		return sha256.Sum256([]byte(token))
	}
	return sha256.Sum256(usual[:copy(usual[:], token)])
}

// matches returns 1 for the same digest and 0 for another one, in the same time.
func (d *digest) matches(other *digest) int {
	return subtle.ConstantTimeCompare(d[:], other[:])
}

// tokenIndex returns the index of the grant for the hash, -1 if there is none. It
// looks at all of them, also after it has found one.
func (l *List) tokenIndex(hash *digest) int {
	found := -1
	for i := range l.tokens {
		found = subtle.ConstantTimeSelect(l.tokens[i].hash.matches(hash), i, found)
	}
	return found
}

// parseHash reads sha256:HEX and returns what is wrong with it, if anything.
func parseHash(text string) (hash digest, problem string) {
	digits := strings.TrimPrefix(text, hashPrefix)
	if len(digits) != hex.EncodedLen(len(hash)) {
		return hash, "after sha256: stand the 64 hexadecimal digits of the token's hash; pelcro-grpc token prints them"
	}
	if _, err := hex.Decode(hash[:], []byte(digits)); err != nil {
		return hash, "after sha256: stand hexadecimal digits only; pelcro-grpc token prints them"
	}
	if nothing := digestOf(""); hash.matches(&nothing) == 1 {
		return hash, "it has the hash of nothing; make a token with pelcro-grpc token NAME METHODS"
	}
	return hash, ""
}

// NewToken makes a token for the caller, and the line of the callers file that
// lets it use the methods, which are separated by commas. The token is in no other
// place: whoever loses it needs another one.
func NewToken(name, methods string) (token, line string, err error) {
	var problems []error
	if text := checkName(name); text != "" {
		problems = append(problems, errors.New(text))
	}
	_, wrong := parseRights(methods)
	for _, text := range wrong {
		problems = append(problems, errors.New(text))
	}
	if len(problems) > 0 {
		return "", "", errors.Join(problems...)
	}
	random := make([]byte, tokenBytes)
	rand.Read(random) // never fails
	token = publicPrefix + hex.EncodeToString(random)
	hash := digestOf(token)
	return token, name + " " + hashPrefix + hex.EncodeToString(hash[:]) + " " + methods, nil
}
