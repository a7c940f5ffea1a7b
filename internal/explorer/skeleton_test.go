package explorer

import (
	"slices"
	"strings"
	"testing"
)

// TestSkeleton: the lines of requests.
func TestSkeleton(t *testing.T) {
	for _, test := range []struct {
		name, operation, errors string
		id                      int64
		want                    []string // a ! before a line with violations
	}{
		{"one field", "CreateCustomer", `{"email":["no"]}`, 0, []string{"{", ` "customer": {`, `! "email": …`, " }", "}"}},
		{"the same twice", "CreateCustomer", `{"email":["no","never"]}`, 0, []string{"{", ` "customer": {`, `! "email": …`, " }", "}"}},
		{"map keys", "CreateCustomer", `{"metadata.a.b":["no"],"metadata.\"q":["no"],"metadata":["no"]}`, 0, []string{
			"{", ` "customer": {`, `! "metadata": {`, `!  "a.b": …,`, `!  "\"q": …`, "  }", " }", "}",
		}},
		{"list elements", "UpdateCustomer", `{"tags.1.name":["no"],"id":["no"]}`, 42, []string{
			"{", ` "customer": {`, `! "id": 42,`, `  "tags": [`, "   [1] {", `!   "name": …`, "   }", "  ]", " }", "}",
		}},
		{"the request's own", "GetCustomer", `{"id":["no"],"expand.0":["no"]}`, 7, []string{"{", `!"id": 7,`, ` "expand": [`, "! [0] …", " ]", "}"}},
		{"none", "GetCustomer", `{}`, 7, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := Question{Operation: operation(t, test.operation), CustomerID: test.id}
			explanation := explain(t, q, "HTTP/1.1 400 X\n\n"+`{"errors":`+test.errors+`}`)
			var got []string
			for _, l := range skeleton(q, explanation) {
				text := strings.Repeat(" ", l.Depth) + l.Text
				if len(l.Violations) > 0 {
					text = "!" + text[1:]
				}
				got = append(got, text)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q\nwant %q", got, test.want)
			}
		})
	}
}

// TestOddPaths: a text that is not a path is one field.
func TestOddPaths(t *testing.T) {
	for path, want := range map[string][]string{
		"":         nil,
		"a":        {`"a": `},
		"a..b":     {`"a": `, `".b": `},
		"[x]":      {`"[x]": `},
		`["x`:      {`"[\"x": `},
		`a["x"]b`:  {`"a": `, `"x": `, `"b": `},
		".a":       {`".a": `},
		"a[0][1]b": {`"a": `, "[0] ", "[1] ", `"b": `},
	} {
		var got []string
		for rest := path; rest != ""; {
			var label string
			label, _, rest = step(rest)
			got = append(got, label)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}
