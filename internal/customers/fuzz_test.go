package customers

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/rawjson"
	"github.com/pelcro-grpc/pelcro-grpc/test/vectors"
)

// addBodies adds responses of Pelcro, and invalid ones.
func addBodies(f *testing.F) {
	f.Helper()
	for _, v := range vectors.Read(f, "../../mapping/testdata/vectors") {
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
		`{"id":42,"addresses":[{"id":1,"user_id":"42","type":1},{"line1":"x"}],"subscriptions":[{"id":1,"plan":{"id":2},"created":3,"coupon":[]},4]}`,
		`{"id":42,"metadata":[]}`, `{"id":42,"metadata":{"":"","a":1e400,"b":-0,"c":9007199254740993,"d":1E-400,"e":null}}`, `{"id":42,"metadata":[1]}`,
		`{"id":42,"created_at":1e3,"updated_at":253402300800,"deleted_at":-62135596801,"last_login_at":"1700000000"}`,
		`{"id":42,"x":"\ud800","\udfff":"\u0000","":{"":[]}}`, "{\"id\":42,\"x\":\"\xff\",\"\xff\":1}",
		`{"id":42,"x":` + strings.Repeat(`[`, 200) + strings.Repeat(`]`, 200) + `}`,
		`{"id":42,"metadata":` + strings.Repeat(`{"a":`, 100) + `1` + strings.Repeat(`}`, 100) + `}`,
		`[{"id":1},{"id":2,"email":"a"}]`, `{"0":{"id":1},"2":{"id":2}}`, `{"0":{"id":1},"x":{"id":2}}`, `{"":{"id":1}}`, `{"1":null}`,
		`{"id":42,"created_at":"2026-01-02T03:04:05.678901Z","updated_at":"2026-01-02 03:04:05","deleted_at":"0000-00-00 00:00:00"}`, `[{"id":1},{"id":"x"}]`, `[{"id":1},null]`,
	} {
		f.Add([]byte(body))
	}
}

// parsed returns the JSON value, the zero Value for anything that encoding/json does not accept.
func parsed(t *testing.T, raw []byte) rawjson.Value {
	t.Helper()
	if !json.Valid(raw) {
		return rawjson.Value{}
	}
	v, err := rawjson.Parse(raw)
	if err != nil {
		t.Skip("nested too deep")
	}
	return v
}

// FuzzReadCustomer: any JSON object with an id is read, none of its attributes is lost, and the
// customer can be sent.
func FuzzReadCustomer(f *testing.F) {
	addBodies(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		customer, err := readCustomer(parsed(t, raw))
		var fields map[string]json.RawMessage
		if json.Unmarshal(raw, &fields) != nil || fields == nil {
			if err == nil {
				t.Errorf("a customer that is not an object: %v", customer)
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
			if kept[name] != nil || isNothing(fields[name]) || isRelation(name) {
				continue // a relation's id is in another field
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

func isRelation(name string) bool {
	return slices.Contains([]string{"organization", "default_source", "addresses", "subscriptions"}, name)
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
		customers, err := readCustomers(parsed(t, raw))
		n, ok := countRows(raw)
		switch {
		case !ok && err == nil:
			t.Errorf("customers of JSON that is not a list of objects: %v", customers)
		case ok && err != nil && !errors.Is(err, errNoID):
			t.Errorf("a list that cannot be read: %v", err)
		case ok && err == nil && len(customers) != n:
			t.Errorf("%d customers of %d", len(customers), n)
		}
		for _, customer := range customers {
			checkCustomer(t, customer)
		}
	})
}

// countRows returns the number of objects in a list, or in an object with numeric keys; ok is false
// for anything else.
func countRows(raw []byte) (n int, ok bool) {
	isRow := func(row json.RawMessage) bool {
		var fields map[string]json.RawMessage
		return json.Unmarshal(row, &fields) == nil && fields != nil
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil && list != nil {
		return len(list), !slices.ContainsFunc(list, func(row json.RawMessage) bool { return !isRow(row) })
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') || !json.Valid(raw) {
		return 0, false
	}
	for ; decoder.More(); n++ {
		key, _ := decoder.Token()
		var row json.RawMessage
		if decoder.Decode(&row) != nil || !digits.MatchString(key.(string)) || !isRow(row) {
			return 0, false
		}
	}
	return n, true
}

var digits = regexp.MustCompile(`^[0-9]+$`)

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

// FuzzPageToken: a token is rejected, or it is the only text for its page; whatever a response says,
// the next page is the one after it, and a row of it comes after those before.
func FuzzPageToken(f *testing.F) {
	const query = 7
	good := page{number: 2, size: 10, lastID: 10, returned: 10, largest: 10, query: query}
	f.Add(good.token(), int32(0), []byte(`{"meta":{"current_page":2,"last_page":3,"total":30}}`), []byte{11, 12})
	f.Add(good.token(), int32(100), []byte(`{"meta":{"pagination":{"current_page":2,"total_pages":3,"per_page":5}}}`), []byte{9, 10, 11})
	f.Add(good.token(), int32(10), []byte(`{"current_page":2,"next_page_url":"x","per_page":1}`), []byte{12, 11})
	f.Add(page{number: math.MaxInt32, size: 100, empty: maxEmptyPages, query: good.query}.token(), int32(0), []byte(`{"links":{"next":"x"}}`), []byte{})
	f.Add("", int32(1000), []byte(`{"meta":{"current_page":1,"last_page":2147483648,"total":-1}}`), []byte{1, 1, 1})
	for _, token := range []string{"x", "e30", "eyJuIjoxLCJzIjoxfQ", "====", strings.Repeat("A", 1000), good.token() + "A"} {
		f.Add(token, int32(5), []byte(`null`), []byte{5})
	}
	f.Fuzz(func(t *testing.T, token string, size int32, body, ids []byte) {
		if p, ok := parseToken(token); ok && p.token() != token {
			t.Errorf("%q is another token for %q", token, p.token())
		}
		var c check
		p := c.page(&pelcrov1.ListCustomersRequest{PageToken: token, PageSize: size})
		c.list(&p, query)
		if c.err() != nil {
			return
		}
		if p.number < 1 || p.size < 1 || p.size > maxPageSize {
			t.Fatalf("page %+v", p)
		}
		rows := make([]*pelcrov1.Customer, len(ids))
		for i, id := range ids {
			rows[i] = &pelcrov1.Customer{Id: int64(id) + 1}
		}
		paging := readPaging(parsed(t, body))
		if total := paging.totalSize(); total != nil && *total < 0 {
			t.Errorf("the total is %d", *total)
		}
		for _, sort := range sorts {
			added, err := p.accept(rows, sort, paging)
			if err != nil {
				continue
			}
			for _, row := range added {
				if sort == sortID && row.GetId() <= p.lastID {
					t.Errorf("row %d comes after %d", row.GetId(), p.lastID)
				}
			}
			next, err := p.next(rows, added, sort, paging)
			if err != nil || next == "" {
				continue
			}
			var d check
			q := d.page(&pelcrov1.ListCustomersRequest{PageToken: next, PageSize: max(size, int32(p.size))})
			d.list(&q, query)
			if d.err() != nil || q.number != p.number+1 || q.size > p.size {
				t.Errorf("after %+v comes %+v, %v", p, q, d.err())
			}
			if _, err := q.accept(rows, sort, paging); len(rows) > 0 && err == nil {
				t.Errorf("the same page %v is accepted twice in order %q", ids, sort)
			}
		}
	})
}
