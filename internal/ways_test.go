package internal_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// stop matches one stop of a way: a file, and the function to start reading at.
var stop = regexp.MustCompile("(?m)^([0-9]+)\\. `([a-z/-]+\\.go)`: `(?:[a-zA-Z]+\\.)?([a-zA-Z]+)`")

// The three ways of CONTRIBUTING.md name functions that exist where it says, in at most 12 stops.
func TestWays(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Where things are\n")
	section, _, _ = strings.Cut(section, "\n## ")
	ways := strings.Split(section, "\nA GetCustomer ")[1:]
	if len(ways) != 3 {
		t.Fatalf("CONTRIBUTING.md has %d ways, want 3", len(ways))
	}
	numbered := regexp.MustCompile(`(?m)^[0-9]+\. `)
	for _, way := range ways {
		name, _, _ := strings.Cut(way, ":")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stops := stop.FindAllStringSubmatch(way, -1)
			if all := len(numbered.FindAllString(way, -1)); all != len(stops) || all == 0 || all > 12 {
				t.Errorf("%d stops, %d of them with a file and a function; want at most 12, each with both", all, len(stops))
			}
			for _, s := range stops {
				source, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(s[2])))
				if err != nil {
					t.Errorf("stop %s: %v", s[1], err)
					continue
				}
				if !regexp.MustCompile(`(?m)^func (\([^)]*\) )?` + s[3] + `[\[(]`).Match(source) {
					t.Errorf("stop %s: %s has no function %s", s[1], s[2], s[3])
				}
			}
		})
	}
}
