package server

import (
	"encoding/json"
	"strconv"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"
)

// maxStructDepth is how deep JSON is nested in a Struct. Each level takes three
// messages, and protobuf libraries stop reading at a hundred.
const maxStructDepth = 30

// maxExactInteger is the largest integer up to which a double holds every one.
const maxExactInteger = 1 << 53

// metadataStruct converts metadata. Its numbers become doubles, because a later
// update sends them back as numbers.
func metadataStruct(fields map[string]any) *structpb.Struct {
	return toStruct(fields, 1, false)
}

// extraStruct converts what is only shown: an integer that a double would change
// is kept as text.
func extraStruct(fields map[string]any) *structpb.Struct {
	return toStruct(fields, 1, true)
}

func toStruct(fields map[string]any, depth int, exact bool) *structpb.Struct {
	values := make(map[string]*structpb.Value, len(fields))
	for key, value := range fields {
		values[key] = toValue(value, depth+1, exact)
	}
	return &structpb.Struct{Fields: values}
}

func toValue(value any, depth int, exact bool) *structpb.Value {
	switch value := value.(type) {
	case nil:
		return structpb.NewNullValue()
	case bool:
		return structpb.NewBoolValue(value)
	case string:
		return structpb.NewStringValue(value)
	case json.Number:
		return toNumber(value.String(), exact)
	}
	if depth > maxStructDepth {
		raw, err := json.Marshal(value)
		if err != nil {
			panic(err) // it was just unmarshalled
		}
		return structpb.NewStringValue(string(raw))
	}
	list, isList := value.([]any)
	if !isList {
		fields, _ := value.(map[string]any)
		return structpb.NewStructValue(toStruct(fields, depth, exact))
	}
	values := make([]*structpb.Value, len(list))
	for i, element := range list {
		values[i] = toValue(element, depth+1, exact)
	}
	return structpb.NewListValue(&structpb.ListValue{Values: values})
}

func toNumber(digits string, exact bool) *structpb.Value {
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || exact && losesDigits(digits) {
		return structpb.NewStringValue(digits)
	}
	return structpb.NewNumberValue(n)
}

// losesDigits reports whether the number is an integer that a double may change.
func losesDigits(number string) bool {
	if strings.ContainsAny(number, ".eE") {
		return false
	}
	n, err := strconv.ParseInt(number, 10, 64)
	return err != nil || n > maxExactInteger || n < -maxExactInteger
}
