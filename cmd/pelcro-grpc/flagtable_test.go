package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// docs/configuration.md's table has each flag of serve, in the order of --help, with its variable and default.
func TestFlagTable(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `--(?:\\[no-\\])?([a-z-]+)` \\| `(\\w+)` \\| (.*?) ?\\| ")
	var documented []string
	for _, columns := range row.FindAllStringSubmatch(string(text), -1) {
		documented = append(documented, strings.Join(columns[1:], " "))
	}
	var flags []string
	for _, flag := range kong.Must(&serveCommand{}, defaults).Model.Flags {
		if flag.Name == "help" {
			continue
		}
		name := flag.Name + " " + envPrefix + "_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_")) + " "
		shown := ""
		switch {
		case flag.HasDefault && flag.Default != "":
			shown = "`" + flag.Default + "`"
		case flag.IsBool():
			// A default that depends on other flags is described: only its first word is compared.
			i := slices.IndexFunc(documented, func(row string) bool { return strings.HasPrefix(row, name) })
			if i >= 0 && regexp.MustCompile(`^(on|off)\b`).MatchString(documented[i][len(name):]) {
				shown = documented[i][len(name):]
			}
		}
		flags = append(flags, name+shown)
	}
	if !slices.Equal(documented, flags) {
		t.Errorf("docs/configuration.md's table:\n%s\nthe flags:\n%s", strings.Join(documented, "\n"), strings.Join(flags, "\n"))
	}
}
