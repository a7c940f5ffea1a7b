package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/reload"
)

const (
	// keyEnv holds the key itself; there is no flag for it, because command lines are visible to
	// others.
	keyEnv = envPrefix + "_PELCRO_API_KEY"
	// maxKeyFile is more than any key needs, in bytes.
	maxKeyFile = 16 << 10
	keyRemedy  = "put Pelcro's API key, and nothing else, there"
)

// apiKey returns the key of the file or, without a file, of the environment. Its errors never hold
// the key.
func apiKey(file, fromEnv string) (pelcro.Secret, error) {
	switch {
	case file != "" && fromEnv != "":
		return pelcro.Secret{}, fmt.Errorf("--pelcro-api-key-file and %s are both set; keep one", keyEnv)
	case file != "":
		raw, err := readFile(file)
		if err != nil {
			return pelcro.Secret{}, fmt.Errorf("--pelcro-api-key-file %s cannot be read (%w); %s", file, cause(err), keyRemedy)
		}
		return parseKey("--pelcro-api-key-file "+file, raw)
	case fromEnv == "":
		return pelcro.Secret{}, fmt.Errorf("there is no API key; set --pelcro-api-key-file or %s (or try --sandbox)", keyEnv)
	}
	return parseKey(keyEnv, fromEnv)
}

// byteOrderMark is what editors on Windows begin a file with.
const byteOrderMark = "\ufeff"

// parseKey returns the key in the text of a file or variable.
func parseKey(where, text string) (pelcro.Secret, error) {
	key, err := parseSecret(where, text, "key", keyRemedy)
	if err != nil {
		return pelcro.Secret{}, err
	}
	return pelcro.NewSecret(key), nil
}

// parseSecret returns the key or token, as what says, in the text of a file or variable. Its errors
// never hold it.
func parseSecret(where, text, what, remedy string) (string, error) {
	secret := strings.TrimSpace(strings.TrimPrefix(text, byteOrderMark))
	switch {
	case secret == "":
		return "", fmt.Errorf("%s is empty; %s", where, remedy)
	case len(text) > maxKeyFile:
		return "", fmt.Errorf("%s is larger than %d KiB; %s", where, maxKeyFile>>10, remedy)
	}
	for _, r := range secret {
		if r <= ' ' || r > '~' {
			return "", fmt.Errorf("%s holds whitespace or other characters that no %s has; %s", where, what, remedy)
		}
	}
	return secret, nil
}

// readFile reads as much of a file as parseSecret needs to know whether it is too large.
func readFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	return string(raw), err
}

// isRegular reports whether there is such a file that can change, unlike a pipe.
func isRegular(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// followKey makes the client use the file's key, now and after each change.
func followKey(file string, client *pelcro.Client) (followed, error) {
	files, err := reload.Open([]string{file}, func(contents [][]byte) error {
		key, err := parseKey(file, string(contents[0]))
		if err == nil {
			client.SetAPIKey(key)
		}
		return err
	})
	return followed{what: "api_key", files: files}, err
}
