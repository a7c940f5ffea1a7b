package main

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

func TestHelp(t *testing.T) {
	for _, test := range []struct{ name, args string }{
		{"help.txt", "--help"},
		{"help-serve.txt", "serve --help"},
		{"help-check.txt", "check --help"},
		{"help-explain.txt", "explain --help"},
		{"help-export.txt", "export --help"},
		{"help-version.txt", "version --help"},
		{"help.txt", "help"},
		{"help-serve.txt", "help serve"},
	} {
		t.Run(test.args, func(t *testing.T) {
			r := runWith(t, "", strings.Fields(test.args)...)
			if r.code != exitOK || r.err != "" {
				t.Errorf("exit code %d, %s", r.code, r.err)
			}
			golden(t, test.name, r.out)

			help := strings.Join(strings.Fields(r.out), " ")
			for _, flag := range regexp.MustCompile(`(?m)^ {2,}(?:-h, )?--(?:\[no-\])?([a-z-]+)`).FindAllStringSubmatch(r.out, -1) {
				env := "$PELCRO_GRPC_" + strings.ToUpper(strings.ReplaceAll(flag[1], "-", "_"))
				if flag[1] != "help" && flag[1] != "version" && !strings.Contains(help, env) {
					t.Errorf("--%s: the help does not show %s", flag[1], env)
				}
			}
		})
	}
}

func TestVersion(t *testing.T) {
	for _, args := range []string{"version", "--version"} {
		r := runWith(t, "", args)
		if r.code != exitOK || r.err != "" || !regexp.MustCompile(`^pelcro-grpc \S+ go1\.\S+ \S+/\S+\n$`).MatchString(r.out) {
			t.Errorf("%s: exit code %d, %q %q", args, r.code, r.out, r.err)
		}
	}
}

// TestUsage: an invalid command line is reported in one sentence.
func TestUsage(t *testing.T) {
	for _, test := range []struct{ name, args, want string }{
		{"no command", "", `expected one of "serve", "check", "export", "explain", "token", ... (see pelcro-grpc --help)`},
		{"unknown command", "start", `unexpected argument start (see pelcro-grpc --help)`},
		{"unknown flag", "serve --verbose", `unknown flag --verbose (see pelcro-grpc serve --help)`},
		{"a key as a flag", "serve --pelcro-api-key=" + canaryKey, `unknown flag --pelcro-api-key, did you mean "--pelcro-api-key-file"? (see pelcro-grpc serve --help)`},
		{"flag of another command", "version --listen=:0", `unknown flag --listen (see pelcro-grpc version --help)`},
		{"argument", "serve now", `unexpected argument now (see pelcro-grpc serve --help)`},
		{"no number", "serve --site-id=one", `--site-id: expected a valid 32 bit int but got "one" (see pelcro-grpc serve --help)`},
		{"a negative duration", "serve --sandbox --request-timeout -5s", `--request-timeout must be greater than 0, for example 30s`},
		{"a negative site", "serve --site-id -1 --sandbox", `--site-id must be greater than 0; it is the number in the address of Pelcro's dashboard`},
		{"an unknown topic", "help me", `unexpected argument me (see pelcro-grpc --help)`},
		{"no duration", "serve --request-timeout=30", `--request-timeout: expected duration but got "30": time: missing unit in duration "30" (see pelcro-grpc serve --help)`},
		{"no level", "serve --log-level=loud", `--log-level must be one of "debug","info","warn","error" but got "loud" (see pelcro-grpc serve --help)`},
		{"no format", "serve --log-format=xml", `--log-format must be one of "auto","json","text" but got "xml" (see pelcro-grpc serve --help)`},
		{"no operation", "explain --operation=Get", `--operation must be one of "GetCustomer","ListCustomers","CreateCustomer","UpdateCustomer","DeleteCustomer" but got "Get" (see pelcro-grpc explain --help)`},
		{"no credential", "explain --credential=mine", `--credential must be one of "gateway","caller" but got "mine" (see pelcro-grpc explain --help)`},
	} {
		t.Run(test.name, func(t *testing.T) {
			runWith(t, "", strings.Fields(test.args)...).mustReject(t, test.want)
		})
	}
	t.Run("environment", func(t *testing.T) {
		t.Setenv("PELCRO_GRPC_SITE_ID", "one")
		runWith(t, "", "serve").mustReject(t,
			`--site-id: expected a valid 32 bit int but got "one" (from envar PELCRO_GRPC_SITE_ID="one") (see pelcro-grpc serve --help)`)
	})
}

// TestFailure: a failure that the user did not cause has another exit code.
func TestFailure(t *testing.T) {
	out, errs := &testkit.Log{}, &testkit.Log{}
	code := run(t.Context(), []string{"explain"}, stdio{brokenReader{}, out, errs})
	if code != exitFailure || out.String() != "" || errs.String() != "pelcro-grpc: reading standard input: broken\n" {
		t.Errorf("exit code %d, %q, %q", code, out, errs)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("broken") }
