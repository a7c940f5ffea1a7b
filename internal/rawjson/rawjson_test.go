package rawjson_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/rawjson"
)

const phpWarning = "<br />\n<b>Warning</b>:  Undefined array key {0} in <b>/a.php</b> on line <b>7</b><br />\n"

// TestParse has what FuzzParse leaves open: encoding/json rejects some of what is tolerated here.
func TestParse(t *testing.T) {
	for _, test := range []struct{ name, body, want string }{
		{"object", `{"data":[{"id":1}]}`, `{"data":[{"id":1}]}`},
		{"whitespace around", " \r\n\t{ } \n", `{ }`},
		{"byte order mark", "\ufeff {\"data\":1}", `{"data":1}`},
		{"whitespace beyond JSON's", "\u00a0\v{\"data\":1}\f\u0085", `{"data":1}`},
		{"text", `"x"`, `"x"`},
		{"number", `-1e2`, `-1e2`},
		{"null", `null`, `null`},
		{"duplicate names", `{"a":1,"a":2}`, `{"a":1,"a":2}`},
		{"invalid UTF-8", "{\"\xff\":\"\xff\"}", "{\"\xff\":\"\xff\"}"},
		{"half a surrogate pair", `{"data":"\ud83d"}`, `{"data":"\ud83d"}`},
		{"deep", deep(9999), deep(9999)},

		{"PHP warning in HTML", phpWarning + `{"data":{"id":1}}`, `{"data":{"id":1}}`},
		{"several PHP warnings", phpWarning + phpWarning + `[1]`, `[1]`},
		{"PHP warning in text", "\nWarning: Undefined variable $x in /a.php on line 3\n{\"data\":1}", `{"data":1}`},
		{"PHP notice", "PHP Notice:  Undefined index: a\n{\"data\":1}\n", `{"data":1}`},
		{"PHP deprecation", "<br />\n<b>Deprecated</b>: x<br />\n{\"data\":1}", `{"data":1}`},
		{"byte order mark and PHP warning", "\ufeff" + phpWarning + `{"data":1}`, `{"data":1}`},

		{"nothing", ``, ``},
		{"whitespace only", " \n", ``},
		{"too deep", deep(10001), ``},
		{"something behind it", `{"data":1},`, ``},
		{"two documents", `{"data":1}{"data":1}`, ``},
		{"two byte order marks", "\ufeff\ufeff{\"data\":1}", ``},
		{"cut in a text", `{"data":{"id":1,"email":"a`, ``},
		{"cut behind a comma", `{"data":{"id":1},`, ``},
		{"unknown word", `{"data":nil}`, ``},
		{"brackets that do not match", `{"data":[{]}}`, ``},
		{"control character", "{\"data\":\"\n\"}", ``},
		{"comma too many", `{"data":[1,]}`, ``},
		{"HTML", `<!DOCTYPE html><script>var a = {"a":1}</script>`, ``},
		{"another text before it", `Hello {"data":1}`, ``},
		{"PHP error", "PHP Fatal error:  Allowed memory size {\"data\":1}", ``},
		{"PHP warning only", phpWarning, ``},
		{"PHP warning and cut JSON", phpWarning + `{"data":`, ``},
	} {
		value, err := rawjson.Parse([]byte(test.body))
		if value.String() != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%s: %.100q, %v", test.name, value.String(), err)
		}
	}
}

func deep(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }

func mustParse(t *testing.T, body string) rawjson.Value {
	t.Helper()
	value, err := rawjson.Parse([]byte(body))
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return value
}

func TestMember(t *testing.T) {
	for _, test := range []struct{ name, body, want string }{
		{"among others", `{"links":{"data":0},"data":[{"id":1}],"meta":1}`, `[{"id":1}]`},
		{"whitespace everywhere", " { \"meta\" : [ 1 , 2 ] , \"data\"\n:\n{ } } ", `{ }`},
		{"duplicate: the last one", `{"data":{"id":1},"meta":1,"data":{"id":2}}`, `{"id":2}`},
		{"duplicate: the last one, null", `{"data":{"id":1},"data":null}`, `null`},
		{"name with escapes", `{"d\u0061ta":true}`, `true`},
		{"another case", `{"Data":1,"data":2,"DATA":3}`, `2`},
		{"brackets and quotes in texts", `{"x":"}\\\"]{","data":["]","\\","\"","}"],"y":"\\\\"}`, `["]","\\","\"","}"]`},
		{"absent", `{"Data":1}`, ``},
		{"not an object", `["data"]`, ``},
	} {
		if got := mustParse(t, test.body).Member("data").String(); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

// TestValue reads the same value in all ways.
func TestValue(t *testing.T) {
	const none = int64(-1)
	for _, test := range []struct {
		json    string
		kind    byte
		text    string // "-" for none
		integer int64
		empty   bool
	}{
		{`null`, 'n', "-", none, true},
		{`true`, 't', "-", none, false},
		{`false`, 'f', "-", none, false},
		{`0`, '0', "-", 0, false},
		{`42`, '0', "-", 42, false},
		{`-42`, '0', "-", -42, false},
		{`1.0`, '0', "-", none, false},
		{`1e3`, '0', "-", none, false},
		{`9223372036854775807`, '0', "-", 9223372036854775807, false},
		{`9223372036854775808`, '0', "-", none, false},
		{`""`, '"', "", none, true},
		{`" "`, '"', " ", none, false},
		{`"42"`, '"', "42", 42, false},
		{`"4\u0032"`, '"', "42", 42, false},
		{`"4x"`, '"', "4x", none, false},
		{`"caf\u00e9 \ud83d\udeb2"`, '"', "café 🚲", none, false},
		{`"\ud83d"`, '"', "\ufffd", none, false},
		{"\"\xff\"", '"', "\ufffd", none, false},
		{`[]`, '[', "-", none, true},
		{"[ \n ]", '[', "-", none, true},
		{`[[]]`, '[', "-", none, false},
		{`{}`, '{', "-", none, true},
		{`{ }`, '{', "-", none, true},
		{`{"":0}`, '{', "-", none, false},
	} {
		v := mustParse(t, test.json)
		text, isText := v.Text()
		integer, isInteger := v.Integer()
		if v.Kind() != test.kind || isText != (test.text != "-") || isText && text != test.text ||
			isInteger != (test.integer != none) || isInteger && integer != test.integer || v.IsEmpty() != test.empty ||
			v.IsNull() != (test.kind == 'n') || v.IsEmptyList() != (test.kind == '[' && test.empty) || v.IsZero() {
			t.Errorf("%s: kind %c, text %q %v, integer %d %v, empty %v", test.json, v.Kind(), text, isText, integer, isInteger, v.IsEmpty())
		}
	}
	var zero rawjson.Value
	_, isText := zero.Text()
	_, isInteger := zero.Integer()
	if zero.Kind() != 0 || isText || isInteger || !zero.IsZero() || !zero.IsEmpty() || zero.IsNull() || zero.IsEmptyList() ||
		len(maps.Collect(zero.Members())) > 0 || len(slices.Collect(zero.Elements())) > 0 || !zero.Member("x").IsZero() || zero.Compact() != "" {
		t.Error("the zero Value holds something")
	}
}

func TestCompact(t *testing.T) {
	for _, test := range []struct{ body, want string }{
		{` { "a" : [ 1 , "b c" ] , "a" : { } } `, `{"a":[1,"b c"],"a":{}}`},
		{"\"\xff\"", "\"\ufffd\""},
		{"1", "1"},
	} {
		if got := mustParse(t, test.body).Compact(); got != test.want {
			t.Errorf("%q becomes %q", test.body, got)
		}
	}
}

// TestStopEarly: whoever stops reading gets no more.
func TestStopEarly(t *testing.T) {
	read := 0
	for range mustParse(t, `{"a":1,"b":2}`).Members() {
		read++
		break
	}
	for range mustParse(t, `[1,2]`).Elements() {
		read++
		break
	}
	if read != 2 {
		t.Errorf("read %d", read)
	}
}

// FuzzParse: what Parse accepts, and what is then walked in place, is what encoding/json accepts and
// reads. The one exception is JSON behind PHP's warnings.
func FuzzParse(f *testing.F) {
	for _, value := range []string{
		`{"id":42,"email":"ada@example.com","list":[1,-0.5e-3,[],{},[[ ]],{ }],"null":null,"t":true,"f":false}`,
		`"\u0000\u00e9\/\\\"\b\f\n\r\t\ud83d\udeb2\ud83d\u0041\udeb2"`, "\"\xff\xfe\xe2\x82 \xf0\x9f\x9a\xb2\"", "{\"\xff\\u0061\":1}",
		`[ "]" , "}" , "\\" , "\\\"" , "" ]`, `{"a":1,"b":2,"a":[3]}`, `[1,]`, `{"a":}`, `1 2`, `{"":{"":{"":""}}}`,
	} {
		f.Add([]byte(value))
		f.Add([]byte("\ufeff { \"meta\" : 1 , \"data\" : " + value + "\n, \"links\":" + value + "}\v"))
		f.Add([]byte(phpWarning + value))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		value, err := rawjson.Parse(body)
		trimmed := bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
		if !json.Valid(trimmed) {
			if err == nil && (value.String() == string(trimmed) || !bytes.HasSuffix(trimmed, []byte(value.String()))) {
				t.Errorf("accepted %q as %q", trimmed, value.String())
			}
			if err == nil && !json.Valid([]byte(value.String())) {
				t.Errorf("found %q in %q", value.String(), trimmed)
			}
			return
		}
		if err != nil || value.String() != string(trimmed) {
			t.Fatalf("%q: got %q, %v", trimmed, value.String(), err)
		}
		decoder := json.NewDecoder(bytes.NewReader(trimmed))
		decoder.UseNumber()
		var tree any
		if err := decoder.Decode(&tree); err != nil {
			t.Fatal(err)
		}
		if walked := walk(value); !reflect.DeepEqual(walked, tree) {
			t.Errorf("%q: %#v and not %#v", trimmed, walked, tree)
		}
	})
}

// walk returns the tree of Go values that encoding/json makes of the JSON.
func walk(v rawjson.Value) any {
	switch v.Kind() {
	case '{':
		members := map[string]any{}
		for name, member := range v.Members() {
			members[name] = walk(member)
		}
		return members
	case '[':
		elements := []any{}
		for element := range v.Elements() {
			elements = append(elements, walk(element))
		}
		return elements
	case '"':
		text, _ := v.Text()
		return text
	case '0':
		return json.Number(v.String())
	case 'n':
		return nil
	}
	return v.String() == "true"
}

func TestCount(t *testing.T) {
	for document, want := range map[string]int{
		`1`: 1, `"a,[{"`: 1, `[]`: 1, ` { } `: 1, `[1]`: 2, `[1, 2]`: 3, `[{},{ },[ ]]`: 4, `{"a":1,"b":[null,{"c":"\",\\"}]}`: 6,
		`[[[[]]]]`: 4, `{"a,b":{},"[":[{"x":1}]}`: 5,
	} {
		value, err := rawjson.Parse([]byte(document))
		if got := value.Count(); err != nil || got != want {
			t.Errorf("%s: %d values, want %d; %v", document, got, want, err)
		}
	}
	if n := (rawjson.Value{}).Count(); n != 0 {
		t.Errorf("%d values in none", n)
	}
}
