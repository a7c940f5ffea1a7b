package access_test

import (
	"slices"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/access"
)

// TestUnknown: METHODs that do not exist are named by their line, without quoting them, with the
// closest known name.
func TestUnknown(t *testing.T) {
	known := []string{"a.Store/Get", "a.Store/List", "b.Health/Check"}
	const says = " does not exist in this version of the service and allows nothing; the closest name is "
	for _, test := range []struct {
		name, methods string
		want          []string
	}{
		{"all exist", "*,a.Store/*,a.Store/Get,b.Health/Check", nil},
		{"a method", "a.Store/Lists", []string{"METHOD 1" + says + "a.Store/List"}},
		{"another case", "a.Store/get", []string{"METHOD 1" + says + "a.Store/Get"}},
		{"a service", "a.Store/Get,a.Stores/*", []string{"METHOD 2" + says + "a.Store/*"}},
		{"a method of another service", "b.Health/Get", []string{"METHOD 1" + says + "b.Health/Check"}},
		{"two", "a.Store/Gett,*,b.Healthy/*", []string{"METHOD 1" + says + "a.Store/Get", "METHOD 3" + says + "b.Health/*"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := access.UnknownMethods(test.methods, known); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			var lines []string
			for _, text := range test.want {
				lines = append(lines, "line 2: "+text)
			}
			list := parse(t, "# callers\na "+hashOf("a token")+" "+test.methods)
			if got := list.Unknown(known); !slices.Equal(got, lines) {
				t.Errorf("got %q, want %q", got, lines)
			}
		})
	}
}
