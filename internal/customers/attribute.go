package customers

import (
	"math"
	"time"

	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/pelcro-grpc/pelcro-grpc/internal/rawjson"
)

// schema says how a message of the type M is read from one of Pelcro's JSON objects.
type schema[M any] struct {
	attributes []attribute[M] // in the order in which they are read
	index      map[string]int // of the attributes, by name
	extra      func(*M) **structpb.Struct
}

// attribute reads one JSON attribute.
type attribute[M any] struct {
	name string
	// read sets the field of the message, and reports whether the value has an expected form. Null
	// never reaches it: null leaves the field unset.
	read func(m *M, v rawjson.Value) bool
}

func schemaOf[M any](extra func(*M) **structpb.Struct, attributes []attribute[M]) *schema[M] {
	s := &schema[M]{attributes: attributes, index: map[string]int{}, extra: extra}
	for i, a := range attributes {
		s.index[a.name] = i
	}
	return s
}

// read reads an object tolerantly: an attribute that has no field, or another type than its field,
// is kept in extra. Of duplicate attributes the last one counts.
func (s *schema[M]) read(object rawjson.Value) *M {
	message := new(M)
	values := make([]rawjson.Value, len(s.attributes))
	for name, v := range object.Members() {
		if i, known := s.index[name]; known {
			values[i] = v
		} else {
			s.keep(message, name, v)
		}
	}
	for i, a := range s.attributes {
		if v := values[i]; !v.IsZero() && !v.IsNull() && !a.read(message, v) {
			s.keep(message, a.name, v)
		}
	}
	return message
}

// keep puts an attribute into extra.
func (s *schema[M]) keep(message *M, name string, v rawjson.Value) {
	extra := s.extra(message)
	if *extra == nil {
		*extra = &structpb.Struct{Fields: map[string]*structpb.Value{}}
	}
	(*extra).Fields[name] = extraValue(v)
}

// field sets a field to what read returns for the attribute.
func field[M, T any](read func(rawjson.Value) (T, bool), of func(*M) *T) func(*M, rawjson.Value) bool {
	return func(m *M, v rawjson.Value) bool {
		value, ok := read(v)
		if ok {
			*of(m) = value
		}
		return ok
	}
}

// optional is field for an optional scalar.
func optional[M, T any](read func(rawjson.Value) (T, bool), of func(*M) **T) func(*M, rawjson.Value) bool {
	return field(func(v rawjson.Value) (*T, bool) {
		value, ok := read(v)
		return &value, ok
	}, of)
}

func text[M any](of func(*M) **string) func(*M, rawjson.Value) bool {
	return optional(rawjson.Value.Text, of)
}

func integer[M any](of func(*M) **int64) func(*M, rawjson.Value) bool {
	return optional(rawjson.Value.Integer, of)
}

func count[M any](of func(*M) **int32) func(*M, rawjson.Value) bool {
	return optional(readInt32, of)
}

func flag[M any](of func(*M) **bool) func(*M, rawjson.Value) bool { return optional(readFlag, of) }

func timestamp[M any](of func(*M) **timestamppb.Timestamp) func(*M, rawjson.Value) bool {
	return field(readTime, of)
}

// reference reads an id. An object sets the id and is kept in extra, because the contract has no
// message for it.
func reference[M any](id func(*M) **int64) func(*M, rawjson.Value) bool {
	readID := integer(id)
	return func(m *M, v rawjson.Value) bool {
		if v.Kind() == '{' {
			readID(m, v.Member("id"))
			return false
		}
		return readID(m, v) || v.IsEmptyList()
	}
}

// relation reads an id or, when expanded, an object. The object's own id counts if there was no
// other one.
func relation[M, R any](id func(*M) **int64, object func(*M) **R, related *schema[R]) func(*M, rawjson.Value) bool {
	return func(m *M, v rawjson.Value) bool {
		isObject := v.Kind() == '{'
		if isObject {
			*object(m) = related.read(v)
			v = v.Member("id")
		}
		n, ok := v.Integer()
		if ok && *id(m) == nil {
			*id(m) = &n
		}
		agrees := ok && **id(m) == n
		return isObject || agrees || v.IsEmptyList()
	}
}

// relations reads a list of ids or, when expanded, of objects, whose ids count too.
func relations[M, R any](ids func(*M) *[]int64, objects func(*M) *[]*R, related *schema[R]) func(*M, rawjson.Value) bool {
	return func(m *M, v rawjson.Value) bool {
		rows, err := rowsOf(v)
		if err != nil {
			return false
		}
		var foundIDs []int64
		var found []*R
		for _, row := range rows {
			id := row
			if row.Kind() == '{' {
				found = append(found, related.read(row))
				id = row.Member("id")
			}
			n, ok := id.Integer()
			if ok {
				foundIDs = append(foundIDs, n)
			} else if row.Kind() != '{' {
				return false
			}
		}
		*ids(m), *objects(m) = foundIDs, found
		return true
	}
}

// readInt32 reads a whole number, also one in quotes.
func readInt32(v rawjson.Value) (int32, bool) {
	n, ok := v.Integer()
	if !ok || n < math.MinInt32 || n > math.MaxInt32 {
		return 0, false
	}
	return int32(n), true
}

// readDigits reads a text, or a whole number as its digits.
func readDigits(v rawjson.Value) (string, bool) {
	if _, isNumber := v.Integer(); isNumber && v.Kind() == '0' {
		return v.String(), true
	}
	return v.Text()
}

// readFlag reads true and false, or the 1 and 0 of a database.
func readFlag(v rawjson.Value) (isTrue, ok bool) {
	switch v.String() {
	case "true", "1":
		return true, true
	case "false", "0":
		return false, true
	}
	return false, false
}

// readMetadata reads an object whose numbers become doubles, because a later update sends them back
// as numbers. PHP prints an empty object as [].
func readMetadata(v rawjson.Value) (*structpb.Struct, bool) {
	return metadataStruct(v), v.Kind() == '{' || v.IsEmptyList()
}

// readProperties reads an object that is only shown.
func readProperties(v rawjson.Value) (*structpb.Struct, bool) {
	return extraStruct(v), v.Kind() == '{' || v.IsEmptyList()
}

// timeLayouts are the forms of ISO 8601 that PHP and databases write; a fraction may follow the
// seconds. A time without an offset is in UTC, as Laravel's databases have it.
var timeLayouts = func() []string {
	layouts := []string{time.DateOnly}
	for _, clock := range []string{"T15:04:05", " 15:04:05", "T15:04", " 15:04"} {
		for _, offset := range []string{"Z07:00", "Z0700", "Z07", ""} {
			layouts = append(layouts, time.DateOnly+clock+offset)
		}
	}
	return layouts
}()

// readTime reads Unix seconds, or a text of one of the timeLayouts.
func readTime(v rawjson.Value) (*timestamppb.Timestamp, bool) {
	if seconds, isNumber := v.Integer(); isNumber {
		t := &timestamppb.Timestamp{Seconds: seconds}
		return t, t.IsValid()
	}
	iso, _ := v.Text()
	for _, layout := range timeLayouts {
		if parsed, err := time.Parse(layout, iso); err == nil {
			t := timestamppb.New(parsed)
			return t, t.IsValid()
		}
	}
	return nil, false
}
