// Package internal_test holds the checks of the whole module: imports, and the ways in CONTRIBUTING.md.
package internal_test

import (
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/pelcro-grpc/pelcro-grpc/"

// rule says what of this module a package may import, what its tests may import besides, and which
// packages of others the package may not import. A name that ends in /... includes all below it.
type rule struct {
	packages       string
	imports, tests string // separated by spaces
	forbidsForeign func(path string) bool
}

// rules are read from top to bottom; the first one that matches counts. A package without a rule
// must not exist.
var rules = []rule{
	{packages: "gen/..."},
	{packages: "mapping", imports: "gen/... internal/rawjson internal/retryafter internal/wiresize", tests: "test/vectors", forbidsForeign: isIO},
	{packages: "server", imports: "gen/... mapping", tests: "internal/customers internal/pelcro internal/sandbox test/vectors test/faultproxy"},
	{packages: "internal/pelcro", imports: "internal/quota internal/rawjson internal/retryafter", tests: "internal/sandbox test/faultproxy", forbidsForeign: isGRPC},

	// The resources. Another one is another line here.
	{packages: "internal/customers", imports: "gen/... mapping server internal/pelcro internal/rawjson internal/requestid", tests: "internal/sandbox test/vectors"},

	// The leaves import nothing of this module.
	{packages: "client"},
	{packages: "internal"},
	{packages: "internal/access", forbidsForeign: isIO},
	{packages: "internal/admin"},
	{packages: "internal/logging"},
	{packages: "internal/quota", forbidsForeign: isGRPC},
	{packages: "internal/rawjson", forbidsForeign: isIO},
	{packages: "internal/reload", forbidsForeign: isForeign},
	{packages: "internal/requestid", forbidsForeign: isGRPC},
	{packages: "internal/retryafter", forbidsForeign: isForeign},
	{packages: "internal/sandbox", forbidsForeign: isForeign},
	{packages: "internal/servertls", forbidsForeign: isForeign},
	{packages: "internal/telemetry", forbidsForeign: isGRPC},
	{packages: "internal/wiresize", forbidsForeign: isIO},
	{packages: "internal/testkit", forbidsForeign: isGRPC},
	{packages: "test/faultproxy", forbidsForeign: isForeign},
	{packages: "test/vectors", forbidsForeign: isForeign},

	// The check joins what a call goes through.
	{packages: "internal/verify", imports: "gen/... mapping internal/customers internal/pelcro internal/rawjson internal/retryafter", tests: "internal/sandbox test/vectors"},

	{packages: "internal/explorer", imports: "gen/... mapping internal/wiresize"},

	{packages: "internal/export", imports: "gen/..."},
	{packages: "internal/testkit/gatewaytest", imports: "gen/... server internal/customers internal/pelcro internal/sandbox internal/testkit"},
	{packages: "internal/...", imports: "gen/... mapping"},
	{packages: "cmd/...", imports: "gen/... client mapping server internal/...", tests: "test/vectors"},

	{packages: "tools/descriptors", imports: "gen/..."},

	// Outsiders talk to the service over the network.
	{packages: "examples/...", imports: "gen/... client"},
	{packages: "test/promises", tests: "gen/... client mapping server internal/... test/vectors test/faultproxy"},
	{packages: "test/...", tests: "gen/... client internal/sandbox test/vectors"},
	{packages: "deploy", tests: "gen/... server internal/sandbox"},
}

// testOnly are packages that only tests may import, and the packages of testkit. Every test may
// import testkit.
var testOnly = []string{"test/vectors", "test/faultproxy", "internal/testkit/..."}

// isForeign reports whether the package is not in the standard library, whose paths have no host.
func isForeign(path string) bool {
	host, _, _ := strings.Cut(path, "/")
	return strings.Contains(host, ".")
}

func isGRPC(path string) bool {
	return matches("google.golang.org/...", path) || matches("github.com/grpc-ecosystem/...", path)
}

// isIO reports whether the package does I/O or logs. net/http is needed for its headers and dates.
func isIO(path string) bool {
	return slices.Contains([]string{"os", "os/exec", "net", "log", "log/slog", "bufio"}, path)
}

func matches(pattern, path string) bool {
	root, all := strings.CutSuffix(pattern, "/...")
	return path == root || all && strings.HasPrefix(path, root+"/")
}

// allowed reports whether the package, or its tests, may import the path.
func allowed(name, path string, inTests bool) bool {
	i := slices.IndexFunc(rules, func(r rule) bool { return matches(r.packages, name) })
	if i < 0 {
		return false
	}
	r := rules[i]
	own, isOwn := strings.CutPrefix(path, module)
	if !isOwn {
		return inTests || r.forbidsForeign == nil || !r.forbidsForeign(path)
	}
	patterns := strings.Fields(r.imports)
	if inTests {
		patterns = append(append(patterns, strings.Fields(r.tests)...), name, "internal/testkit/...")
	} else if !matches("internal/testkit/...", name) && slices.ContainsFunc(testOnly, func(pattern string) bool { return matches(pattern, own) }) {
		return false
	}
	return slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, own) })
}

func TestArrows(t *testing.T) {
	const format = `{{$from := .ImportPath}}` +
		`{{range .Imports}}{{$from}} imports {{.}}{{"\n"}}{{end}}` +
		`{{range .TestImports}}{{$from}} tests {{.}}{{"\n"}}{{end}}` +
		`{{range .XTestImports}}{{$from}} tests {{.}}{{"\n"}}{{end}}`
	command := exec.Command("go", "list", "-tags=e2e", "-f", format, "./...")
	command.Dir = ".."
	out, err := command.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		t.Fatalf("%v: %s", err, exit.Stderr)
	} else if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		arrow := strings.Fields(line)
		name := strings.TrimPrefix(arrow[0], module)
		seen[name] = true
		if !allowed(name, arrow[2], arrow[1] == "tests") {
			t.Error(strings.TrimSpace(line))
		}
	}
	for _, name := range []string{"mapping", "server", "internal/pelcro", "internal/customers", "cmd/pelcro-grpc"} {
		if !seen[name] {
			t.Errorf("go list shows no imports of %s", name)
		}
	}
}

// The rules reject what they must: a rule that allows everything would pass TestArrows.
func TestRules(t *testing.T) {
	for _, test := range []struct {
		from, to    string
		code, tests bool // whether the package, and whether its tests may import it
	}{
		{"server", module + "mapping", true, true},
		{"server", module + "internal/pelcro", false, true},
		{"server", module + "internal/customers", false, true},
		{"server", module + "internal/rawjson", false, false},
		{"internal/customers", module + "internal/pelcro", true, true},
		{"internal/customers", module + "internal/access", false, false},
		{"internal/pelcro", module + "mapping", false, false},
		{"internal/pelcro", "google.golang.org/grpc/codes", false, true},
		{"internal/sandbox", module + "internal/pelcro", false, false},
		{"internal/sandbox", "golang.org/x/net/html", false, true},
		{"internal/later", module + "gen/pelcro/v1", true, true},
		{"internal/later", module + "server", false, false},
		{"mapping", module + "server", false, false},
		{"mapping", "os", false, true},
		{"cmd/pelcro-grpc", module + "test/vectors", false, true},
		{"cmd/pelcro-grpc", module + "internal/testkit", false, true},
		{"internal/sandbox", module + "internal/testkit", false, true},
		{"internal/explorer", module + "internal/testkit/gatewaytest", false, true},
		{"test/faultproxy", module + "internal/testkit", false, true},
		{"examples/go", module + "server", false, false},
		{"pkg/util", module + "gen/pelcro/v1", false, false},
	} {
		if code, tests := allowed(test.from, test.to, false), allowed(test.from, test.to, true); code != test.code || tests != test.tests {
			t.Errorf("%s -> %s: %v, %v in tests", test.from, test.to, code, tests)
		}
	}
}
