package mapping

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// The details that nearly every error carries hold nothing but texts. They are
// encoded here, to the same bytes as the library's deterministic marshalling,
// whose way with ErrorInfo's map costs more than all the rest of an answer.

// typeURL precedes the name of a detail's type.
const typeURL = "type.googleapis.com/google.rpc."

// pack wraps a detail. The bytes depend on nothing but the message, unlike those
// of anypb.New, whose map order is random.
func pack(url string, detail proto.Message) *anypb.Any {
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(detail)
	if err != nil {
		// Only a text that is not UTF-8 can do this, and every text was cleaned.
		panic("mapping: " + err.Error())
	}
	return &anypb.Any{TypeUrl: url, Value: value}
}

func packErrorInfo(reason string, metadata [len(metadataKeys)]string) *anypb.Any {
	size := sizeTexts(reason, Domain)
	for i, value := range metadata {
		if value != "" {
			size += sizeNested(sizeTexts(metadataKeys[i], value))
		}
	}
	b := appendTexts(make([]byte, 0, size), reason, Domain)
	for i, value := range metadata {
		if value != "" {
			b = appendNested(b, 3, metadataKeys[i], value)
		}
	}
	return &anypb.Any{TypeUrl: typeURL + "ErrorInfo", Value: b}
}

func packBadRequest(violations []violation) *anypb.Any {
	size := 0
	for _, v := range violations {
		size += v.size()
	}
	b := make([]byte, 0, size)
	for _, v := range violations {
		b = appendNested(b, 1, v.field, v.description, v.reason)
	}
	return &anypb.Any{TypeUrl: typeURL + "BadRequest", Value: b}
}

func packResourceInfo(resource, name string) *anypb.Any {
	return packTexts(typeURL+"ResourceInfo", resource, name)
}

func packRequestInfo(id string) *anypb.Any {
	return packTexts(typeURL+"RequestInfo", id)
}

func packTexts(url string, texts ...string) *anypb.Any {
	return &anypb.Any{TypeUrl: url, Value: appendTexts(make([]byte, 0, sizeTexts(texts...)), texts...)}
}

// size returns what the violation takes within its BadRequest.
func (v violation) size() int {
	return sizeNested(sizeTexts(v.field, v.description, v.reason))
}

// appendTexts encodes a message whose fields are texts, numbered from one.
func appendTexts(b []byte, texts ...string) []byte {
	for i, text := range texts {
		if text != "" {
			b = protowire.AppendTag(b, protowire.Number(i+1), protowire.BytesType)
			b = protowire.AppendString(b, text)
		}
	}
	return b
}

// appendNested encodes such a message as the field of another.
func appendNested(b []byte, number protowire.Number, texts ...string) []byte {
	b = protowire.AppendTag(b, number, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(sizeTexts(texts...)))
	return appendTexts(b, texts...)
}

func sizeTexts(texts ...string) int {
	size := 0
	for _, text := range texts {
		if text != "" {
			size += sizeNested(len(text))
		}
	}
	return size
}

// sizeNested returns what so many bytes take as a field with a low number.
func sizeNested(bytes int) int { return protowire.SizeTag(1) + protowire.SizeBytes(bytes) }
