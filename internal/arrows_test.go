// Package internal_test holds the import rules of the whole module.
package internal_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/pelcro-grpc/pelcro-grpc"

// rule says what of this module a package may import. A name that ends in /...
// stands for all that lie below it.
type rule struct {
	packages string
	imports  []string
	// testImports is what its tests may import besides that and itself.
	testImports []string
	// foreign says which packages of others it may import; nil stands for all.
	foreign func(path string) bool
}

// rules are read from top to bottom; the first one whose packages match counts. A
// package without a rule may not exist.
var rules = []rule{
	{packages: "gen/..."},
	{packages: "internal/rawjson", foreign: pure},
	{packages: "internal/retryafter", foreign: pure},
	{packages: "mapping", imports: []string{"gen/...", "internal/rawjson", "internal/retryafter"}, foreign: pure, testImports: []string{"internal/vectors"}},
	{packages: "client"},

	{packages: "internal"}, // this test
	{packages: "internal/pelcro", imports: []string{"internal/rawjson", "internal/retryafter"}, testImports: []string{"internal/sandbox", "internal/faultproxy"}, foreign: notGRPC},
	{packages: "internal/sandbox", foreign: standard},
	{packages: "internal/vectors", foreign: standard},
	{packages: "internal/faultproxy", foreign: standard},
	{packages: "internal/access", foreign: pure},
	{packages: "internal/admin"},
	{packages: "internal/telemetry", foreign: notGRPC},
	{packages: "internal/logging"},
	{packages: "internal/reload", foreign: standard},
	{packages: "internal/servertls", foreign: standard, testImports: []string{"internal/reload"}},
	// The resources.
	{
		packages: "internal/customers", imports: []string{"gen/...", "mapping", "server", "internal/pelcro", "internal/rawjson"},
		testImports: []string{"internal/sandbox", "internal/vectors"},
	},
	{packages: "internal/...", imports: []string{"mapping", "gen/..."}},

	// The server imports no resource: a new one changes nothing here. Its tests serve one.
	{
		packages: "server", imports: []string{"gen/...", "mapping", "internal/pelcro"},
		testImports: []string{"internal/customers", "internal/sandbox", "internal/vectors", "internal/faultproxy"},
	},
	{
		packages: "cmd/...", imports: []string{"server", "mapping", "client", "internal/..."},
		testImports: []string{"gen/...", "internal/vectors"},
	},

	// These are outsiders, who talk to the service over the network.
	{packages: "examples/...", imports: []string{"gen/...", "client"}},
	{packages: "test/promises", testImports: []string{"gen/...", "client", "server", "mapping", "internal/..."}},
	{packages: "test/...", testImports: []string{"gen/...", "client", "internal/sandbox", "internal/vectors"}},
}

// testOnly are packages that only tests may import, whatever the rules say.
var testOnly = []string{"internal/vectors", "internal/faultproxy"}

// standard allows the standard library: its paths have no host name.
func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

// notGRPC allows what has never heard of gRPC.
func notGRPC(path string) bool {
	return !strings.HasPrefix(path, "google.golang.org/") && !strings.HasPrefix(path, "github.com/grpc-ecosystem/")
}

// pure refuses what does I/O, or logs. net/http is there for its header and date
// types.
func pure(path string) bool {
	switch path {
	case "os", "os/exec", "net", "log", "log/slog", "bufio":
		return false
	}
	return true
}

// matches reports whether the pattern stands for the path.
func matches(pattern, path string) bool {
	root, all := strings.CutSuffix(pattern, "/...")
	return path == root || all && strings.HasPrefix(path, root+"/")
}

// listed is a package as go list prints it.
type listed struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// violations returns a line for each import that no rule allows.
func violations(p listed) (lines []string) {
	name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
	i := slices.IndexFunc(rules, func(r rule) bool { return matches(r.packages, name) })
	if i < 0 {
		return []string{name + " has no rule"}
	}
	r := rules[i]
	for _, path := range p.Imports {
		ours, isOurs := strings.CutPrefix(path, module+"/")
		switch {
		case isOurs && (slices.Contains(testOnly, ours) || !allows(r.imports, ours)):
			lines = append(lines, name+" imports "+ours)
		case !isOurs && r.foreign != nil && !r.foreign(path):
			lines = append(lines, name+" imports "+path)
		}
	}
	allowed := slices.Concat(r.imports, r.testImports, []string{name})
	for _, path := range slices.Concat(p.TestImports, p.XTestImports) {
		if ours, isOurs := strings.CutPrefix(path, module+"/"); isOurs && !allows(allowed, ours) {
			lines = append(lines, "a test of "+name+" imports "+ours)
		}
	}
	return lines
}

func allows(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, path) })
}

func TestArrows(t *testing.T) {
	command := exec.Command("go", "list", "-tags=e2e", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	command.Dir = ".."
	out, err := command.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("%v: %s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	seen := 0
	for ; ; seen++ {
		var p listed
		if err := decoder.Decode(&p); err != nil {
			if errors.Is(err, io.EOF) {
				break
			}
			t.Fatal(err)
		}
		for _, line := range violations(p) {
			t.Error(line)
		}
	}
	if seen < 7 {
		t.Errorf("go list found %d packages", seen)
	}
}

// The rules refuse what they must, and no more.
func TestRules(t *testing.T) {
	const grpc = "google.golang.org/grpc"
	for _, test := range []struct {
		from, to string
		code     bool // whether the package itself may import it
		tests    bool // whether its tests may
	}{
		{"cmd/pelcro-grpc", "server", true, true},
		{"cmd/pelcro-grpc", "mapping", true, true},
		{"cmd/pelcro-grpc", "internal/pelcro", true, true},
		{"cmd/pelcro-grpc", "internal/sandbox", true, true},
		{"cmd/pelcro-grpc", "internal/later", true, true},
		{"cmd/pelcro-grpc", "internal/vectors", false, true},
		{"cmd/pelcro-grpc", "gen/pelcro/v1", false, true},
		{"cmd/pelcro-grpc", "client", true, true},
		{"server", "gen/pelcro/v1", true, true},
		{"server", "mapping", true, true},
		{"server", "internal/pelcro", true, true},
		{"server", "internal/sandbox", false, true},
		{"server", "internal/vectors", false, true},
		{"server", "internal/customers", false, true},
		{"server", "internal/rawjson", false, false},
		{"server", "internal/later", false, false},
		{"internal/customers", "server", true, true},
		{"internal/customers", "mapping", true, true},
		{"internal/customers", "gen/pelcro/v1", true, true},
		{"internal/customers", "internal/pelcro", true, true},
		{"internal/customers", "internal/rawjson", true, true},
		{"internal/customers", "internal/sandbox", false, true},
		{"internal/customers", "internal/vectors", false, true},
		{"internal/customers", "internal/access", false, false},
		{"internal/customers", "cmd/pelcro-grpc", false, false},
		{"server", "internal/pelcro/below", false, false},
		{"server", "cmd/pelcro-grpc", false, false},
		{"server", "client", false, false},
		{"mapping", "gen/pelcro/v1", true, true},
		{"mapping", "internal/vectors", false, true},
		{"mapping", "internal/pelcro", false, false},
		{"mapping", "server", false, false},
		{"gen/pelcro/v1", "mapping", false, false},
		{"internal/pelcro", "gen/pelcro/v1", false, false},
		{"internal/pelcro", "mapping", false, false},
		{"internal/pelcro", "internal/sandbox", false, true},
		{"internal/sandbox", "internal/pelcro", false, false},
		{"internal/sandbox", "internal/vectors", false, false},
		{"internal/access", "gen/pelcro/v1", false, false},
		{"internal/telemetry", "mapping", false, false},
		{"internal/logging", "mapping", false, false},
		{"internal/access", "mapping", false, false},
		{"internal/reload", "gen/pelcro/v1", false, false},
		{"internal/servertls", "internal/reload", false, true},
		{"internal/servertls", "gen/pelcro/v1", false, false},
		{"internal/later", "mapping", true, true},
		{"internal/later", "gen/pelcro/v1", true, true},
		{"internal/later", "server", false, false},
		{"internal/later", "internal/pelcro", false, false},
		{"internal/later", "internal/other", false, false},
		{"client", "gen/pelcro/v1", false, false},
		{"examples/go", "gen/pelcro/v1", true, true},
		{"examples/go", "client", true, true},
		{"examples/go", "server", false, false},
		{"mappings", "gen/pelcro/v1", false, false},
		{"pkg/util", "gen/pelcro/v1", false, false},
	} {
		from, to := module+"/"+test.from, module+"/"+test.to
		if got := len(violations(listed{ImportPath: from, Imports: []string{to}})) == 0; got != test.code {
			t.Errorf("%s -> %s is allowed: %v", test.from, test.to, got)
		}
		if got := len(violations(listed{ImportPath: from, TestImports: []string{to}})) == 0; got != test.tests {
			t.Errorf("tests of %s -> %s is allowed: %v", test.from, test.to, got)
		}
		if got := len(violations(listed{ImportPath: from, XTestImports: []string{from, to}})) == 0; got != test.tests {
			t.Errorf("outer tests of %s -> %s is allowed: %v", test.from, test.to, got)
		}
	}
	for _, test := range []struct {
		from, to string
		allowed  bool
	}{
		{"internal/sandbox", "net/http", true},
		{"internal/sandbox", "golang.org/x/net/html", false},
		{"internal/sandbox", grpc, false},
		{"internal/pelcro", "net/http", true},
		{"internal/pelcro", "golang.org/x/net/http2", true},
		{"internal/pelcro", grpc, false},
		{"internal/pelcro", grpc + "/codes", false},
		{"mapping", grpc + "/codes", true},
		{"internal/access", "os", false},
		{"internal/servertls", grpc + "/credentials", false},
	} {
		if got := len(violations(listed{ImportPath: module + "/" + test.from, Imports: []string{test.to}})) == 0; got != test.allowed {
			t.Errorf("%s -> %s is allowed: %v", test.from, test.to, got)
		}
	}
}
