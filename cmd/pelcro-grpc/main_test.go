package main

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

var update = flag.Bool("update", false, "write the golden files")

// requireTools makes tests fail instead of skipping when a tool is missing.
const requireTools = "PELCRO_GRPC_REQUIRE_TOOLS"

// canaryKey must be in no output.
const canaryKey = "canary-key-sk_live_4711"

// asProgram makes the test binary the program itself, for tests that need a process of their own.
const asProgram = "PELCRO_GRPC_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Unsetenv(asProgram)
		main()
	}
	// The developer's own environment must not matter.
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, envPrefix+"_") && name != requireTools || strings.HasPrefix(name, "OTEL_") || name == "COLUMNS" {
			os.Unsetenv(name)
		}
	}
	setMemoryLimit = func(int64) int64 { return 0 }
	testkit.WaitInParallel()
	goleak.VerifyTestMain(m)
}

// ran is a program that has ended.
type ran struct {
	code     int
	out, err string
}

// runWith runs the program to its end with this standard input.
func runWith(t *testing.T, in string, args ...string) ran {
	t.Helper()
	// A service that starts unexpectedly is stopped.
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Timeout)
	defer cancel()
	out, errs := &testkit.Log{}, &testkit.Log{}
	code := run(ctx, args, stdio{strings.NewReader(in), out, errs})
	r := ran{code, out.String(), errs.String()}
	noKey(t, r.out, r.err)
	return r
}

func noKey(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(text, canaryKey) {
			t.Errorf("the key is printed: %s", text)
		}
	}
}

// mustReject checks that the program ended with exit code 2, printed exactly these sentences, and did
// nothing else.
func (r ran) mustReject(t *testing.T, sentences ...string) {
	t.Helper()
	want := ""
	for _, sentence := range sentences {
		want += "pelcro-grpc: " + sentence + "\n"
	}
	if r.code != exitUsage || r.out != "" || r.err != want {
		t.Errorf("exit code %d\nout: %s\ngot:\n%swant:\n%s", r.code, r.out, r.err, want)
	}
}

// program is a running serve.
type program struct {
	address  string
	admin    string // the URL of its admin address, if it has one
	conn     *grpc.ClientConn
	out, err *testkit.Log
	// stop ends the program and returns its exit code.
	stop func() int
}

// start runs serve on a free port, until stop or the end of the test.
func start(t *testing.T, args ...string) *program {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &program{out: &testkit.Log{}, err: &testkit.Log{}}
	ended := make(chan int, 1)
	args = append([]string{"serve", "--listen=127.0.0.1:0", "--admin-listen=", "--log-format=json", "--rate-limit=off"}, args...)
	go func() { ended <- run(ctx, args, stdio{strings.NewReader(""), p.out, p.err}) }()
	p.stop = sync.OnceValue(func() int {
		cancel()
		return <-ended
	})
	t.Cleanup(func() {
		if code := p.stop(); code != exitOK {
			t.Errorf("exit code %d: %s", code, p.err)
		}
		noKey(t, p.out.String(), p.err.String())
	})
	p.address = p.err.Match(t, `"msg":"serving","address":"([^"]+)"`)[1]
	p.conn = gatewaytest.Dial(t, p.address)
	return p
}

// golden compares with a file of testdata, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; if that is intended, run go test ./cmd/pelcro-grpc -update\ngot:\n%s\nwant:\n%s", file, got, want)
	}
}
