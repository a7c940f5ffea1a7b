package access

import (
	"encoding/hex"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// render writes the list as a callers file.
func (l *List) render() string {
	var b strings.Builder
	write := func(named *caller, credential string, granted rights) {
		var texts []string
		for _, m := range granted {
			switch {
			case m.service == "":
				texts = append(texts, "*")
			case m.method == "":
				texts = append(texts, m.service+"/*")
			default:
				texts = append(texts, m.service+"/"+m.method)
			}
		}
		fmt.Fprintf(&b, "%s %s %s share=%d", named.Name, credential, strings.Join(texts, ","), named.Share)
		if named.Bulk {
			b.WriteString(" class=bulk")
		}
		separator := " sites="
		for _, site := range named.Sites {
			b.WriteString(separator + strconv.Itoa(int(site)))
			separator = ","
		}
		b.WriteString("\n")
	}
	for hash, g := range l.tokens {
		write(g.caller, "sha256:"+hex.EncodeToString(hash[:]), g.rights)
	}
	for id, g := range l.certificates {
		credential := "dns:" + id.dns
		if id.dns == "" {
			credential = id.spiffe.String()
		}
		write(g.caller, credential, g.rights)
	}
	return b.String()
}

// withoutLines forgets where in the file the grants were, and in which order.
func (l *List) withoutLines() *List {
	l.lines = nil
	for _, g := range l.tokens {
		g.line = 0
	}
	for _, g := range l.certificates {
		g.line = 0
	}
	for _, c := range l.callers {
		c.line = 0
	}
	return l
}

// FuzzParse: no file makes it panic, an error does not quote the file, and a valid file means the
// same when it is written again.
func FuzzParse(f *testing.F) {
	hash := "sha256:" + strings.Repeat("0a", 32)
	for _, seed := range []string{
		"", "# a\n", "a " + hash + " *", "# a\na dns:b a.B/C\na dns:c a.B/D\n", "a " + hash + " a.B/C,a.B/*\r\na dns:Example.org a.B/D # x\n", "a spiffe://example.org/a/b *\n",
		"a " + hash + " *\nb " + hash + " *", "a sha256:00 *", "a b c d", "a dns:b a.B/C share=2 class=bulk sites=3,1", "a dns:b * sites=7", "a dns:b * share=1\na dns:c * class=interactive", "a pelcro_grpc_0 *", "\xef\xbb\xbfa " + hash + " *",
		"a dns:1.2.3.4 a..B/C,\x00", strings.Repeat("x\n", 30),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		list, err := Parse(file)
		if err != nil {
			for field := range strings.FieldsSeq(string(file)) {
				if len(field) > 60 && strings.Contains(err.Error(), field) {
					t.Errorf("%q is quoted in %v", field, err)
				}
			}
			return
		}
		text := list.render()
		again, err := Parse([]byte(text))
		if err != nil {
			t.Fatalf("%v in %q", err, text)
		}
		if !reflect.DeepEqual(list.withoutLines(), again.withoutLines()) {
			t.Errorf("%q differs from %q", text, file)
		}
	})
}

// FuzzMethod: a method is split into parts that make the method again, or is rejected.
func FuzzMethod(f *testing.F) {
	for _, seed := range []string{"", "/", "/a.B/C", "a.B/C", "//a.B/C", "/a.B/C/", "/a/C", "/a.B/*", "/.a/B", "/a.B/C\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, full string) {
		service, method, ok := splitMethod(full)
		if !ok {
			return
		}
		if "/"+service+"/"+method != full || strings.ContainsAny(service+method, "/*%\x00\n ") {
			t.Errorf("%q became %q and %q", full, service, method)
		}
		if r, problems := parseRights(full[1:]); len(problems) > 0 || !r.allow(service, method) {
			t.Errorf("the file cannot name %q", full)
		}
	})
}
