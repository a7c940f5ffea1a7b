package customers

import (
	"strconv"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/pelcro-grpc/pelcro-grpc/internal/rawjson"
)

// maxStructDepth is how deep JSON is nested in a Struct. Each level takes three messages, and
// protobuf libraries reject a message with more than a hundred in each other.
const maxStructDepth = 30

// maxExactInteger is 2^53: a double holds every integer up to it.
const maxExactInteger = 1 << 53

// metadataStruct converts metadata. Its numbers become doubles, because a later update sends them
// back as numbers.
func metadataStruct(object rawjson.Value) *structpb.Struct { return toStruct(object, 1, false) }

// extraStruct converts an object that is only shown: an integer that a double would change is kept
// as text.
func extraStruct(object rawjson.Value) *structpb.Struct { return toStruct(object, 1, true) }

// extraValue converts an attribute that is only shown.
func extraValue(v rawjson.Value) *structpb.Value { return toValue(v, 2, true) }

func toStruct(object rawjson.Value, depth int, exact bool) *structpb.Struct {
	fields := map[string]*structpb.Value{}
	for name, member := range object.Members() {
		fields[name] = toValue(member, depth+1, exact)
	}
	return &structpb.Struct{Fields: fields}
}

func toValue(v rawjson.Value, depth int, exact bool) *structpb.Value {
	switch v.Kind() {
	case 'n':
		return structpb.NewNullValue()
	case 't', 'f':
		return structpb.NewBoolValue(v.Kind() == 't')
	case '"':
		text, _ := v.Text()
		return structpb.NewStringValue(text)
	case '0':
		return toNumber(v, exact)
	}
	if depth > maxStructDepth {
		return structpb.NewStringValue(v.Compact())
	}
	if v.Kind() == '{' {
		return structpb.NewStructValue(toStruct(v, depth, exact))
	}
	list := &structpb.ListValue{}
	for element := range v.Elements() {
		list.Values = append(list.Values, toValue(element, depth+1, exact))
	}
	return structpb.NewListValue(list)
}

func toNumber(number rawjson.Value, exact bool) *structpb.Value {
	n, err := strconv.ParseFloat(number.String(), 64)
	if err != nil || exact && losesDigits(number) {
		return structpb.NewStringValue(number.String())
	}
	return structpb.NewNumberValue(n)
}

// losesDigits reports whether the number is an integer that a double may change.
func losesDigits(number rawjson.Value) bool {
	if strings.ContainsAny(number.String(), ".eE") {
		return false
	}
	n, err := strconv.ParseInt(number.String(), 10, 64)
	return err != nil || n > maxExactInteger || n < -maxExactInteger
}
