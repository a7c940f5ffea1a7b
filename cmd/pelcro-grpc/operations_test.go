package main

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
)

// shellBlock is a block of commands in a document.
var shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")

// rehearsal is a home in which the commands of the documents run. It has bin/pelcro-grpc and proto,
// as a clone of the repository has.
type rehearsal struct{ folder, grpcurl string }

func newRehearsal(t *testing.T) rehearsal {
	t.Helper()
	for _, program := range []string{"bash", "openssl"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv(requireTools) == "1" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	r := rehearsal{t.TempDir(), filepath.Dir(mustHaveGrpcurl(t))}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	proto, err := filepath.Abs(filepath.Join(root, "proto"))
	if err != nil {
		t.Fatal(err)
	}
	wrapper := "#!/bin/sh\n" + asProgram + "=1 exec " + self + " \"$@\"\n"
	for _, err := range []error{
		os.Mkdir(filepath.Join(r.folder, "bin"), 0o700),
		os.WriteFile(filepath.Join(r.folder, "bin", "pelcro-grpc"), []byte(wrapper), 0o700),
		os.Symlink(proto, filepath.Join(r.folder, "proto")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// run runs the commands and returns what they print.
func (r rehearsal) run(t *testing.T, stdin, commands string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "bash", "-c", "secrets=~/pelcro-grpc-secrets\n"+commands)
	command.Dir, command.Stdin = r.folder, strings.NewReader(stdin)
	command.Env = append(os.Environ(), "HOME="+r.folder, "PATH="+r.grpcurl+":"+os.Getenv("PATH"))
	said, err := command.CombinedOutput()
	if err != nil && !strings.Contains(string(said), "ERROR:") {
		t.Fatalf("%s: %v: %s", commands, err, said)
	}
	return string(said)
}

// withoutServe returns the commands before the one that serves, and the arguments of that one.
func withoutServe(t *testing.T, block string) (commands string, serve []string) {
	t.Helper()
	commands, line, found := strings.Cut(block, "bin/pelcro-grpc serve ")
	if !found {
		t.Fatalf("there is no serve in %s", block)
	}
	return commands, strings.Fields(strings.NewReplacer("\\\n", " ", `"`, "").Replace(line))
}

// TestRehearsal runs steps 2 to 4 of docs/operations.md and the call of docs/access.md as they are
// written, except that Pelcro is a sandbox and the ports are free ones.
func TestRehearsal(t *testing.T) {
	t.Parallel()
	r := newRehearsal(t)
	raw, err := os.ReadFile(filepath.Join(root, "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, found := range shellBlock.FindAllStringSubmatch(string(raw), -1) {
		blocks = append(blocks, found[1])
	}
	upstream := httptest.NewServer(sandbox.New(sandbox.Config{SiteID: 123, APIKey: canaryKey}))
	t.Cleanup(upstream.Close)
	serve := func(args []string) *program {
		expand := strings.NewReplacer("$secrets", filepath.Join(r.folder, "pelcro-grpc-secrets"), ":50051", "127.0.0.1:0")
		args = strings.Fields(expand.Replace(strings.Join(args, " ")))
		return start(t, append(args, "--pelcro-url="+upstream.URL+sandbox.BasePath)...)
	}

	commands, args := withoutServe(t, blocks[0])
	r.run(t, canaryKey+"\n", commands)
	open := serve(args)
	call := func(p *program, command string) string {
		_, port, _ := strings.Cut(p.address, ":")
		return r.run(t, "", strings.NewReplacer(":50051", ":"+port, "gateway.example.org", "localhost").Replace(command))
	}
	if said := call(open, blocks[1]); !strings.Contains(said, `"id": "1001"`) {
		t.Errorf("step 2 prints %s", said)
	}
	r.run(t, "", blocks[2])
	commands, args = withoutServe(t, blocks[3])
	r.run(t, "", commands)
	protected := serve(args)
	if said := call(protected, blocks[4]); !strings.Contains(said, `"id": "1001"`) {
		t.Errorf("step 4 prints %s", said)
	}
	nameless := strings.ReplaceAll(blocks[4], "-expand-headers -H 'authorization: Bearer ${TOKEN}'", "")
	if said := call(protected, nameless); !strings.Contains(said, "GATEWAY_UNAUTHENTICATED") || strings.Contains(said, "not recognized") {
		t.Errorf("step 4 without the header prints %s", said)
	}

	raw, err = os.ReadFile(filepath.Join(root, "docs", "access.md"))
	if err != nil {
		t.Fatal(err)
	}
	tokenCall := shellBlock.FindAllStringSubmatch(string(raw), -1)[1][1]
	tokenCall = strings.NewReplacer("TOKEN=…", `TOKEN=$(sed -n 1p "$secrets/billing")`, "ca.crt", `"$secrets/tls.crt"`).Replace(tokenCall)
	if said := call(protected, tokenCall); !strings.Contains(said, `"id": "1001"`) {
		t.Errorf("docs/access.md: the call prints %s", said)
	}
}
