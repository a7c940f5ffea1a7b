package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

// The addresses in the documents.
const (
	readmeAddress = "127.0.0.1:50051"
	readmeAdmin   = "127.0.0.1:9095"
)

// adminOf returns the admin address of a program.
func adminOf(t *testing.T, p *program) string {
	t.Helper()
	return p.err.Match(t, `"msg":"serving","address":"[^"]+","admin":"([^"]+)"`)[1]
}

// asDocumented returns the text that a program printed, with the addresses of the documents.
func asDocumented(t *testing.T, p *program, text string) string {
	t.Helper()
	return strings.NewReplacer(p.address, readmeAddress, adminOf(t, p), readmeAdmin).Replace(text)
}

// TestTranscripts runs the commands in the documents. The blocks marked as console are transcripts:
// lines that begin with "$ " are commands, the lines after them the output. All commands of a
// document use one sandbox, in order. The document whose commands take longest is the first.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	for _, document := range []string{"docs/creating.md", "README.md", "docs/tools.md", "docs/testing.md", "docs/operations.md", "docs/export.md"} {
		t.Run(document, func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(filepath.Join(root, document))
			if err != nil {
				t.Fatal(err)
			}
			steps, err := transcripts(string(raw))
			if err != nil {
				t.Fatal(err)
			}
			if len(steps) == 0 {
				t.Fatal("it has no console block")
			}
			args := []string{"--sandbox", "--admin-listen=127.0.0.1:0"}
			if seed := jsonBlock.FindStringSubmatch(string(raw)); strings.Contains(string(raw), "--sandbox-seed") && seed != nil {
				args = append(args, "--sandbox-seed="+testkit.File(t, seed[1]))
			}
			p := start(t, args...)
			folder := t.TempDir() + "/"
			last := called{exit: -1}
			for _, step := range steps {
				t.Run(fmt.Sprintf("line %d", step.line), func(t *testing.T) {
					step.run(t, p, folder, &last)
					step.compare(t, asDocumented(t, p, strings.ReplaceAll(last.said, folder, "")))
				})
			}
		})
	}
}

// jsonBlock is the first block of JSON in a document about --sandbox-seed: the sandbox's customers.
var jsonBlock = regexp.MustCompile("(?s)```json\n(.*?)```")

// run runs the command, with its files in the folder; last is the result of the command before it.
func (s step) run(t *testing.T, p *program, folder string, last *called) {
	t.Helper()
	args, err := words(strings.ReplaceAll(s.command, readmeAddress, p.address))
	if err != nil {
		t.Fatalf("%s: %v", s.command, err)
	}
	if s.command == "echo $?" {
		if last.exit < 0 {
			t.Skip("the command before did not run")
		}
		*last = called{said: strconv.Itoa(last.exit)}
		return
	}
	*last = called{exit: -1}
	switch {
	case s.command == "go run ./cmd/pelcro-grpc serve --sandbox":
		last.said = p.out.String()
		return
	case args[0] == "grpcurl":
		*last = callGrpcurl(t, args[1:]...)
	case strings.HasPrefix(s.command, "bin/pelcro-grpc check "):
		r := runWith(t, "", args[1:]...)
		*last = called{said: r.out + r.err, exit: r.code}
		return
	case strings.HasPrefix(s.command, "bin/pelcro-grpc export "):
		for i := range args {
			if args[i-min(i, 1)] == "--output" || args[i-min(i, 1)] == "--state" {
				args[i] = folder + args[i]
			}
		}
		r := runWith(t, "", args[1:]...)
		*last = called{said: r.out + r.err, exit: r.code}
		return
	case args[0] == "buf":
		*last = callTool(t, mustHaveBuf(t), args[1:]...)
	default:
		t.Fatalf("this test cannot run %q", s.command)
	}
	if want := exitOf(last.said); last.exit != want {
		t.Errorf("exit code %d, want %d: %s", last.exit, want, last.said)
	}
}

// step is a command and its output.
type step struct {
	line    int // of the command
	command string
	output  []string
}

// transcripts reads the console blocks of a Markdown file.
func transcripts(markdown string) ([]step, error) {
	const fence = "```"
	var steps []step
	inside, console := false, false
	for i, line := range strings.Split(markdown, "\n") {
		command, isCommand := strings.CutPrefix(line, "$ ")
		switch {
		case strings.HasPrefix(line, fence):
			inside = !inside
			console = inside && strings.TrimSpace(line[len(fence):]) == "console"
			if console {
				steps = append(steps, step{}) // the next line must be a command
			}
		case console && isCommand:
			steps = append(steps, step{line: i + 1, command: strings.TrimSpace(command)})
		case console:
			last := &steps[len(steps)-1]
			if last.command == "" {
				return nil, fmt.Errorf("line %d: a console block must begin with a command", i+1)
			}
			last.output = append(last.output, line)
		}
	}
	if inside {
		return nil, fmt.Errorf("the last block has no end")
	}
	return slices.DeleteFunc(steps, func(s step) bool { return s.command == "" }), nil
}

// compare compares with the text that was printed, line by line, except the parts that differ each
// time.
func (s step) compare(t *testing.T, printed string) {
	t.Helper()
	got, want := lasting(strings.Split(printed, "\n")), lasting(s.output)
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Errorf("the document is wrong from line %d on; %q prints:\n%s", s.line+1+i, s.command, printed)
			return
		}
	}
}

var (
	// The second form is google.rpc.RequestInfo as buf curl prints it: base64, whose third letter
	// depends on whether the id begins with a digit.
	requestIDs = regexp.MustCompile(`\b[0-9a-f]{32}\b|\bCi[AB][0-9A-Za-z]{43}\b`)
	times      = regexp.MustCompile(`\b[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z`)
)

// lasting removes the parts that differ each time, and whitespace at the ends.
func lasting(lines []string) []string {
	lines = slices.Clone(lines)
	for i, line := range lines {
		line = requestIDs.ReplaceAllString(line, "REQUEST-ID")
		lines[i] = strings.TrimRight(times.ReplaceAllString(line, "TIME"), " \t\r")
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// exitOf returns the exit code that belongs to the output of a tool: for an error its code and 64
// with grpcurl, 8 times its code with buf curl, otherwise 0. The tools themselves reject no command
// of the documents.
func exitOf(said string) int {
	for _, form := range []struct {
		pattern string
		exit    func(code int) int
	}{
		{`(?m)^  Code: ([A-Za-z]+)$`, func(code int) int { return 64 + code }},     // grpcurl
		{`(?m)^  "code": ([0-9]+),$`, func(code int) int { return 64 + code }},     // grpcurl -format-error
		{`(?m)^   "code": "([a-z_]+)",$`, func(code int) int { return code << 3 }}, // buf curl
	} {
		name := regexp.MustCompile(form.pattern).FindStringSubmatch(said)
		for code := codes.Canceled; name != nil && code <= codes.Unauthenticated; code++ {
			if strings.EqualFold(code.String(), strings.ReplaceAll(name[1], "_", "")) || strconv.Itoa(int(code)) == name[1] {
				return form.exit(int(code))
			}
		}
	}
	return 0
}

// words splits a command as a shell does, as far as the documents need it: whitespace separates,
// except in single quotes.
func words(command string) ([]string, error) {
	var (
		list           []string
		word           strings.Builder
		quoted, inWord bool
	)
	for _, r := range command {
		switch {
		case r == '\'':
			quoted, inWord = !quoted, true
		case !quoted && (r == ' ' || r == '\t'):
			if inWord {
				list = append(list, word.String())
			}
			word.Reset()
			inWord = false
		case !quoted && strings.ContainsRune(`"\|&;<>()`+"`*[]~#", r):
			return nil, fmt.Errorf("%q has a meaning for a shell; quote it", r)
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quoted {
		return nil, fmt.Errorf("a quote has no end")
	}
	if inWord {
		list = append(list, word.String())
	}
	return list, nil
}

func TestWords(t *testing.T) {
	for _, test := range []struct {
		command string
		want    []string // nil: an error
	}{
		{"grpcurl -plaintext  host:1 list", []string{"grpcurl", "-plaintext", "host:1", "list"}},
		{`grpcurl -d '{"id": 1, "a": "|"}' x`, []string{"grpcurl", "-d", `{"id": 1, "a": "|"}`, "x"}},
		{"a '' b'c d'e", []string{"a", "", "bc de"}},
		{"echo $?", []string{"echo", "$?"}},
		{"grpcurl 'open", nil},
		{`grpcurl "quoted"`, nil},
		{"curl x | pelcro-grpc explain", nil},
		{"a > b", nil},
	} {
		if got, err := words(test.command); !slices.Equal(got, test.want) || (err == nil) != (test.want != nil) {
			t.Errorf("%s: got %q, %v", test.command, got, err)
		}
	}
}

func TestReadTranscripts(t *testing.T) {
	const sample = "# A\n\n```go\n$ no command\n```\n\n```console\n$ one\na\n\n  b\n$ two\n```\ntext\n```console\n$ three\n```\n"
	steps, err := transcripts(sample)
	if want := "[{8 one [a    b]} {12 two []} {16 three []}]"; err != nil || fmt.Sprint(steps) != want {
		t.Errorf("got %v, %v", steps, err)
	}
	for _, bad := range []string{"```console\n$ one\n", "```console\noutput\n```\n", "```console\n$ one\n```\n```console\noutput\n```\n"} {
		if steps, err := transcripts(bad); err == nil {
			t.Errorf("%q: got %v", bad, steps)
		}
	}
}
