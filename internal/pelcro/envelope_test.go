package pelcro_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
)

// TestEnvelope has what FuzzEnvelope leaves open: encoding/json does not know
// everything that is let pass here.
func TestEnvelope(t *testing.T) {
	for _, test := range []struct{ name, body, data, meta string }{
		{"list", `{"data":[{"id":1}],"links":{"next":null},"meta":{"total":1}}`, `[{"id":1}]`, `{"total":1}`},
		{"blanks everywhere", " \r\n\t{ \"meta\" : [ 1 , 2 ] , \"data\"\n:\n{ } } \n", `{ }`, `[ 1 , 2 ]`},
		{"byte order mark", "\ufeff {\"data\":1}", `1`, ``},
		{"blanks beyond JSON's", "\u00a0\v{\"data\":1}\f\u0085", `1`, ``},
		{"twice", `{"data":{"id":1},"meta":1,"data":{"id":2},"meta":"2"}`, `{"id":2}`, `"2"`},
		{"first null", `{"data":null,"data":-1e2}`, `-1e2`, ``},
		{"name with escapes", `{"d\u0061ta":true,"\u006deta":false}`, `true`, `false`},
		{"other case", `{"Data":1,"data":2,"DATA":3,"META":4}`, `2`, ``},
		{"brackets and quotes in texts", `{"x":"}\\\"]{","data":["]","\\","\"","}"],"y":"\\\\"}`, `["]","\\","\"","}"]`, ``},
		{"no UTF-8", "{\"\xff\":1,\"data\":\"\xff\"}", "\"\xff\"", ``},
		{"half a character", `{"data":"\ud83d"}`, `"\ud83d"`, ``},
		{"deep", `{"data":` + deep(9999) + `}`, deep(9999), ``},

		{"too deep", `{"data":` + deep(10000) + `}`, ``, ``},
		{"last null", `{"data":{"id":1},"data":null}`, ``, ``},
		{"more behind", `{"data":1},`, ``, ``},
		{"twice the whole", `{"data":1}{"data":1}`, ``, ``},
		{"two byte order marks", "\ufeff\ufeff{\"data\":1}", ``, ``},
		{"cut in a text", `{"data":{"id":1,"email":"a`, ``, ``},
		{"cut behind the data", `{"data":{"id":1},`, ``, ``},
		{"wrong behind the data", `{"data":{"id":1},"links":{"next":nil}}`, ``, ``},
		{"brackets that do not match", `{"data":[{]}}`, ``, ``},
		{"control character", "{\"data\":\"\n\"}", ``, ``},
		{"comma too many", `{"data":[1,]}`, ``, ``},
	} {
		data, meta, err := pelcro.Envelope([]byte(test.body))
		if string(data) != test.data || string(meta) != test.meta || (err == nil) != (test.data != "") {
			t.Errorf("%s: data %.100q, meta %q, %v", test.name, data, meta, err)
		}
	}
}

func deep(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }

// FuzzEnvelope: the envelope, and what is read of the data in place, are what
// encoding/json reads.
func FuzzEnvelope(f *testing.F) {
	for _, value := range []string{
		`{"id":42,"email":"ada@example.com","list":[1,-0.5e-3,[],{},[[ ]],{ }],"null":null,"t":true,"f":false}`,
		`"\u0000\u00e9\/\\\"\b\f\n\r\t\ud83d\udeb2\ud83d\u0041\udeb2"`, "\"\xff\xfe\xe2\x82 \xf0\x9f\x9a\xb2\"", "{\"\xff\\u0061\":1}",
		`[ "]" , "}" , "\\" , "\\\"" , "" ]`, `{"a":1,"b":2,"a":[3]}`, `[1,]`, `{"a":}`, `1 2`, `{"":{"":{"":""}}}`,
	} {
		f.Add([]byte(`{"data":` + value + `}`))
		f.Add([]byte("\ufeff { \"meta\" : 1 , \"data\" : " + value + "\n, \"links\":" + value + "}\v"))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, _, err := pelcro.Envelope(body)
		var want map[string]json.RawMessage
		trimmed := bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
		if json.Unmarshal(trimmed, &want) != nil || want["data"] == nil || string(want["data"]) == "null" {
			if err == nil {
				t.Errorf("data out of nothing: %q", got)
			}
			return
		}
		if err != nil || string(got) != string(want["data"]) {
			t.Fatalf("%q and not %q, %v", got, want["data"], err)
		}
		decoder := json.NewDecoder(bytes.NewReader(want["data"]))
		decoder.UseNumber()
		var tree any
		if err := decoder.Decode(&tree); err != nil {
			t.Fatal(err)
		}
		if walked := walk(got); !reflect.DeepEqual(walked, tree) {
			t.Errorf("%q: %#v and not %#v", got, walked, tree)
		}
	})
}

// walk returns the tree of Go values that encoding/json makes of the JSON.
func walk(v pelcro.JSON) any {
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
		return json.Number(v)
	case 'n':
		return nil
	}
	return v == "true"
}
