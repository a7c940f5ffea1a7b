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
)

// readmeAddress is the address that README.md shows.
const readmeAddress = "127.0.0.1:50051"

// TestReadme runs what README.md shows. The blocks marked as console are
// transcripts: lines that begin with "$ " are commands, those after them the
// output. All of them talk to one sandbox, in order.
func TestReadme(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	steps, err := transcripts(string(raw))
	if err != nil {
		t.Fatal(err)
	}
	if len(steps) == 0 {
		t.Fatal("README.md shows no commands: it has no console block")
	}
	p := start(t, "--sandbox")
	last := called{exit: -1}
	for _, step := range steps {
		t.Run(fmt.Sprintf("line %d", step.line), func(t *testing.T) {
			args, err := words(strings.ReplaceAll(step.command, readmeAddress, p.address))
			if err != nil {
				t.Fatalf("%s: %v", step.command, err)
			}
			switch {
			case step.command == "go run ./cmd/pelcro-grpc serve --sandbox":
				last = called{exit: -1, said: p.out.String()}
			case step.command == "echo $?":
				if last.exit < 0 {
					t.Skip("the command before did not run")
				}
				last = called{said: strconv.Itoa(last.exit)}
			case args[0] == "grpcurl":
				last = called{exit: -1}
				last = callGrpcurl(t, args[1:]...)
				if want := exitOf(last.said); last.exit != want {
					t.Errorf("exit code %d, want %d: %s", last.exit, want, last.said)
				}
			default:
				t.Fatalf("this test cannot run %q", step.command)
			}
			step.compare(t, strings.ReplaceAll(last.said, p.address, readmeAddress))
		})
	}
}

// step is a command and what it prints.
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
				steps = append(steps, step{}) // what follows is no output of the block before
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

// compare compares with what was really printed, line by line, but for what is
// another each time.
func (s step) compare(t *testing.T, printed string) {
	t.Helper()
	got, want := lasting(strings.Split(printed, "\n")), lasting(s.output)
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Errorf("README.md is wrong from line %d on; %q prints:\n%s", s.line+1+i, s.command, printed)
			return
		}
	}
}

var (
	requestIDs = regexp.MustCompile(`\b[0-9a-f]{32}\b`)
	times      = regexp.MustCompile(`\b[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z`)
)

// lasting removes what is another each time, and blanks at the ends.
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

// exitOf returns the exit code that belongs to what grpcurl printed: 64 and the
// code of an error, otherwise 0. Nothing that README.md shows is refused by
// grpcurl itself.
func exitOf(said string) int {
	name := regexp.MustCompile(`(?m)^  Code: ([A-Za-z]+)$`).FindStringSubmatch(said)
	for code := codes.Canceled; name != nil && code <= codes.Unauthenticated; code++ {
		if code.String() == name[1] {
			return 64 + int(code)
		}
	}
	return 0
}

// words splits a command as a shell does, as far as README.md needs it: blanks
// separate, single quotes hold together.
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
			return nil, fmt.Errorf("%q means something to a shell; quote it", r)
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
		want    []string // nil: refused
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

func TestTranscripts(t *testing.T) {
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
