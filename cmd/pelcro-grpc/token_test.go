package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

const tokenAdvice = "The first line is the token: give it to the caller over a secure channel; it is shown only once. " +
	"Add the second line to the file of --auth-tokens-file; a running service reads it within two seconds.\n"

func TestTokenHelp(t *testing.T) {
	r := runWith(t, "", "token", "--help")
	if r.code != exitOK || r.err != "" {
		t.Errorf("exit code %d, %s", r.code, r.err)
	}
	golden(t, "help-token.txt", r.out)
}

// TestToken: the output is two lines, the token and its line of the callers file.
func TestToken(t *testing.T) {
	form := regexp.MustCompile(`^(pelcro_grpc_[0-9a-f]{64})\nbilling sha256:([0-9a-f]{64}) pelcro\.v1\.CustomerService/GetCustomer,grpc\.health\.v1\.Health/\*\n$`)
	seen := map[string]bool{}
	for range 10 {
		r := runWith(t, "", "token", "billing", "pelcro.v1.CustomerService/GetCustomer,grpc.health.v1.Health/*")
		groups := form.FindStringSubmatch(r.out)
		if r.code != exitOK || r.err != tokenAdvice || groups == nil {
			t.Fatalf("exit code %d, %q, %q", r.code, r.out, r.err)
		}
		if sum := sha256.Sum256([]byte(groups[1])); hex.EncodeToString(sum[:]) != groups[2] {
			t.Error("the hash is not the token's")
		}
		seen[groups[1]] = true
	}
	if len(seen) != 10 {
		t.Errorf("%d different tokens of 10", len(seen))
	}
}

// TestTokenForUnknownMethods: the token is made, because another version may have the method.
func TestTokenForUnknownMethods(t *testing.T) {
	r := runWith(t, "", "token", "billing", "*,pelcro.v1.CustomerService/GetCustomers,pelcro.v1.Customers/*")
	want := "pelcro-grpc: METHOD 2 does not exist in this version of the service and allows nothing; the closest name is pelcro.v1.CustomerService/GetCustomer\n" +
		"pelcro-grpc: METHOD 3 does not exist in this version of the service and allows nothing; the closest name is pelcro.v1.CustomerService/*\n" +
		tokenAdvice
	if r.code != exitOK || r.err != want {
		t.Errorf("exit code %d\ngot:\n%swant:\n%s", r.code, r.err, want)
	}
}

func TestTokenProblems(t *testing.T) {
	const (
		name   = "NAME must be 1 to 64 letters A-Z a-z, digits or the characters . _ -"
		method = " must be *, package.Service/* or package.Service/Method (for example pelcro.v1.CustomerService/GetCustomer, without a leading slash)"
	)
	for _, test := range []struct {
		name string
		args []string
		want []string
	}{
		{"nothing", nil, []string{`expected "<NAME> <METHODS>" (see pelcro-grpc token --help)`}},
		{"no methods", []string{"billing"}, []string{`expected "<METHODS>" (see pelcro-grpc token --help)`}},
		{"methods in two parts", []string{"billing", "a.B/C,", "a.B/D"}, []string{`unexpected argument a.B/D (see pelcro-grpc token --help)`}},
		{"a name with a space", []string{"the billing", "*"}, []string{name}},
		{"no name", []string{"", "*"}, []string{name}},
		{"no method after a comma", []string{"billing", "*,"}, []string{"METHOD 2" + method}},
		{"a leading slash", []string{"billing", "/a.B/C"}, []string{"METHOD 1" + method}},
		{"all together", []string{"bill/ing", "Get,a.B/C,List"}, []string{name, "METHOD 1" + method, "METHOD 3" + method}},
	} {
		t.Run(test.name, func(t *testing.T) {
			runWith(t, "", append([]string{"token"}, test.args...)...).mustReject(t, test.want...)
		})
	}
}

// TestTokenLost: a token that could not be printed is a failure.
func TestTokenLost(t *testing.T) {
	errs := &testkit.Log{}
	code := run(t.Context(), []string{"token", "billing", "*"}, stdio{strings.NewReader(""), brokenWriter{}, errs})
	if code != exitFailure || errs.String() != "pelcro-grpc: writing the token: broken\n" {
		t.Errorf("exit code %d, %q", code, errs)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken") }
