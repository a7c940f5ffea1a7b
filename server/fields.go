package server

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// maxRequestFields limits the fields of a request, nested ones and elements of lists included. An
// empty message takes two bytes in a request and a hundred in memory, so the size alone does not
// bound what decoding costs.
const maxRequestFields = 20_000

var errTooManyFields = errors.New("the request has more than 20,000 fields")

// checkFields counts the fields of the encoded message, and returns errTooManyFields if there are more
// than maxRequestFields. Bytes that are not a message of the type are left to the decoder.
func checkFields(message protoreflect.MessageDescriptor, encoded []byte) (count int, err error) {
	if count = countFields(message, encoded, maxRequestFields); count > maxRequestFields {
		return count, errTooManyFields
	}
	return count, nil
}

// countFields counts the fields of an encoded message, at most to one more than the limit.
func countFields(message protoreflect.MessageDescriptor, encoded []byte, limit int) (count int) {
	for len(encoded) > 0 && count <= limit {
		number, kind, n := protowire.ConsumeTag(encoded)
		if n < 0 {
			return count
		}
		value := protowire.ConsumeFieldValue(number, kind, encoded[n:])
		if value < 0 {
			return count
		}
		count++
		field := message.Fields().ByNumber(number)
		if kind == protowire.BytesType && field != nil {
			content, _ := protowire.ConsumeBytes(encoded[n:])
			switch {
			case field.Message() != nil:
				count += countFields(field.Message(), content, limit-count)
			case field.IsList() && field.Kind() != protoreflect.StringKind && field.Kind() != protoreflect.BytesKind:
				count += len(content) // packed: at most one element for each byte
			}
		}
		encoded = encoded[n+value:]
	}
	return count
}
