package customers

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/rawjson"
	"github.com/pelcro-grpc/pelcro-grpc/internal/vectors"
)

// addBodies adds what Pelcro sends, and what it should not.
func addBodies(f *testing.F) {
	f.Helper()
	for _, v := range vectors.Read(f, "../mapping/testdata/vectors") {
		f.Add(v.Body())
		var envelope struct {
			Data json.RawMessage `json:"data"`
		}
		if json.Unmarshal(v.Body(), &envelope) == nil && envelope.Data != nil {
			f.Add([]byte(envelope.Data))
		}
	}
	for _, body := range []string{
		``, `null`, `{}`, `[]`, `[null]`, `[{}]`, `{"id":null}`, `{"id":0}`, `{"id":-1}`, `{"id":1.5}`, `{"id":1e2}`, `{"id":"42"}`, `{"id":" 42"}`, `{"id":true}`,
		`{"id":9223372036854775807}`, `{"id":9223372036854775808}`, `{"id":42} x`, `{"id":42}{}`, `{"id":42,"id":43}`, `{"ID":42}`,
		`{"id":42,"email":1,"name":null,"email_confirm":2,"has_password":1,"is_imported":"1"}`,
		`{"id":42,"organization":7,"default_source_id":"x","default_source":{"id":9},"addresses":[1],"subscriptions":[{"id":1},{}]}`,
		`{"id":42,"organization":{"id":7,"deep":[[[{}]]]},"organization_id":8,"addresses":[]}`,
		`{"id":42,"metadata":[]}`, `{"id":42,"metadata":{"":"","a":1e400,"b":-0,"c":9007199254740993,"d":1E-400,"e":null}}`, `{"id":42,"metadata":[1]}`,
		`{"id":42,"created_at":1e3,"updated_at":253402300800,"deleted_at":-62135596801,"last_login_at":"1700000000"}`,
		`{"id":42,"x":"\ud800","\udfff":"\u0000","":{"":[]}}`, "{\"id\":42,\"x\":\"\xff\",\"\xff\":1}",
		`{"id":42,"x":` + strings.Repeat(`[`, 200) + strings.Repeat(`]`, 200) + `}`,
		`{"id":42,"metadata":` + strings.Repeat(`{"a":`, 100) + `1` + strings.Repeat(`}`, 100) + `}`,
		`[{"id":1},{"id":2,"email":"a"}]`, `[{"id":1},{"id":"x"}]`, `[{"id":1},null]`,
	} {
		f.Add([]byte(body))
	}
}

// received returns the JSON as it is in a reply, nothing for what is no JSON: that
// gets no further than pelcro.Envelope, whose own fuzz test is about it.
func received(t *testing.T, raw []byte) rawjson.Value {
	t.Helper()
	if !json.Valid(raw) {
		return ""
	}
	_, meta, err := pelcro.Envelope(fmt.Appendf(nil, `{"data":{},"meta":%s}`, raw))
	if err != nil {
		t.Skip("nested too deep")
	}
	return meta
}

// FuzzReadCustomer: any JSON is read, of an object only the id can be wrong, and
// what was read can be sent.
func FuzzReadCustomer(f *testing.F) {
	addBodies(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		customer, err := readCustomer(received(t, raw))
		var fields map[string]json.RawMessage
		if json.Unmarshal(raw, &fields) != nil || fields == nil {
			if err == nil {
				t.Errorf("a customer out of what is no object: %v", customer)
			}
			return
		}
		if err != nil {
			if !errors.Is(err, errNoID) {
				t.Errorf("an object that cannot be read: %v", err)
			}
			return
		}
		checkCustomer(t, customer)
		kept := customer.GetExtra().GetFields()
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			if kept[name] != nil || isNothing(fields[name]) || name == "organization" || name == "default_source" {
				continue // a relation's id stands in another field
			}
			field := customer.ProtoReflect().Descriptor().Fields().ByTextName(name)
			if field == nil || !customer.ProtoReflect().Has(field) {
				t.Errorf("%q is lost: %v", name, customer)
				continue
			}
			var text string
			if field.Kind() == protoreflect.StringKind && (json.Unmarshal(fields[name], &text) != nil || customer.ProtoReflect().Get(field).String() != text) {
				t.Errorf("%q is %s: %v", name, fields[name], customer)
			}
		}
	})
}

// isNothing reports whether the value is null or an empty list.
func isNothing(raw json.RawMessage) bool {
	var list []json.RawMessage
	return json.Unmarshal(raw, &list) == nil && len(list) == 0
}

// FuzzReadCustomers is the same for lists.
func FuzzReadCustomers(f *testing.F) {
	addBodies(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		customers, err := readCustomers(received(t, raw))
		var rows []map[string]json.RawMessage
		if json.Unmarshal(raw, &rows) != nil || rows == nil || slices.ContainsFunc(rows, func(row map[string]json.RawMessage) bool { return row == nil }) {
			if err == nil {
				t.Errorf("customers out of what is no list of objects: %v", customers)
			}
			return
		}
		if err != nil {
			if !errors.Is(err, errNoID) {
				t.Errorf("a list that cannot be read: %v", err)
			}
			return
		}
		if len(customers) != len(rows) {
			t.Errorf("%d customers out of %d", len(customers), len(rows))
		}
		for _, customer := range customers {
			checkCustomer(t, customer)
		}
	})
}

// checkCustomer checks that the customer can be sent, in both encodings, and read by
// any library.
func checkCustomer(t *testing.T, customer *pelcrov1.Customer) {
	t.Helper()
	if customer.GetId() <= 0 {
		t.Errorf("the id is %d", customer.GetId())
	}
	raw, err := proto.Marshal(customer)
	if err != nil {
		t.Fatalf("it cannot be sent: %v", err)
	}
	var binary, text pelcrov1.Customer
	if err := (proto.UnmarshalOptions{RecursionLimit: 100}).Unmarshal(raw, &binary); err != nil || !proto.Equal(&binary, customer) {
		t.Errorf("sent and read it is another one (%v): %v", err, customer)
	}
	asJSON, err := protojson.Marshal(customer)
	if err != nil {
		t.Fatalf("it cannot be shown: %v", err)
	}
	if err := protojson.Unmarshal(asJSON, &text); err != nil || !proto.Equal(&text, customer) {
		t.Errorf("as JSON it is another one (%v): %s", err, asJSON)
	}
	if depth := depthOf(customer.ProtoReflect()); depth >= 100 {
		t.Errorf("%d messages in each other", depth)
	}
}

// depthOf is how deep messages are nested.
func depthOf(m protoreflect.Message) int {
	deepest := 0
	see := func(v protoreflect.Value) bool {
		deepest = max(deepest, depthOf(v.Message()))
		return true
	}
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case field.IsMap():
			if field.MapValue().Message() != nil {
				v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool { return see(v) })
			}
		case field.Message() == nil:
		case field.IsList():
			for i := range v.List().Len() {
				see(v.List().Get(i))
			}
		default:
			see(v)
		}
		return true
	})
	return deepest + 1
}

// FuzzPageToken: any token is refused or names a page that can be asked for; what
// was handed out is read as it was.
func FuzzPageToken(f *testing.F) {
	request := &pelcrov1.ListCustomersRequest{OrderBy: "id"}
	f.Add(page{Number: 2, Size: 10, Query: queryDigest(request)}.token(), int32(0), []byte(`{"current_page":2,"last_page":3,"total":30}`), 10)
	f.Add(page{Number: 1 << 31, Size: 100}.token(), int32(-1), []byte(`{"current_page":"2","last_page":1e9}`), 0)
	f.Add("", int32(1000), []byte(`{"current_page":2147483647,"last_page":2147483648,"total":-1}`), -1)
	for _, token := range []string{"x", "e30", "W10", "bnVsbA", "eyJuIjoxLCJzIjoxfQ", "eyJuIjoxLCJzIjoxMDEsInEiOiIifQ", "====", strings.Repeat("A", 1000)} {
		f.Add(token, int32(5), []byte(`null`), 5)
	}
	f.Fuzz(func(t *testing.T, token string, size int32, meta []byte, rows int) {
		if p, ok := parsePage(token); ok {
			if again, ok := parsePage(p.token()); !ok || again.Number != p.Number || again.Size != p.Size || string(again.Query) != string(p.Query) {
				t.Errorf("%+v, and then %+v", p, again)
			}
		}
		var c check
		p := c.page(&pelcrov1.ListCustomersRequest{OrderBy: "id", PageToken: token, PageSize: size})
		if c.err() != nil {
			return
		}
		if p.Number < 1 || p.Size < 1 || p.Size > maxPageSize {
			t.Fatalf("page %+v", p)
		}
		next, total := p.next(received(t, meta), rows)
		if total < 0 {
			t.Errorf("the total is %d", total)
		}
		if next == "" {
			return
		}
		var d check
		q := d.page(&pelcrov1.ListCustomersRequest{OrderBy: "id", PageToken: next, PageSize: size})
		if d.err() != nil || q.Number <= p.Number || q.Size != p.Size {
			t.Errorf("after %+v comes %+v, %v", p, q, d.err())
		}
	})
}
