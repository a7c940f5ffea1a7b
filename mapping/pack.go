package mapping

import (
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// The details are encoded here, to the same bytes as the library's deterministic
// marshalling, whose way with ErrorInfo's map alone costs more than all the rest
// of an answer. A function appendX appends the value of a google.rpc.X. As the
// library does, all of them leave out what is empty.

// typeURL precedes the name of a detail's type.
const typeURL = "type.googleapis.com/google.rpc."

func appendErrorInfo(b []byte, reason string, metadata *[len(metadataKeys)]string) []byte {
	b = appendTexts(b, reason, Domain)
	for i, value := range metadata {
		if value != "" {
			b = appendNested(b, 3, sizeTexts(metadataKeys[i], value))
			b = appendTexts(b, metadataKeys[i], value)
		}
	}
	return b
}

func appendBadRequest(b []byte, violations []violation) []byte {
	for _, v := range violations {
		b = appendNested(b, 1, sizeTexts(v.field, v.description, v.reason))
		b = appendTexts(b, v.field, v.description, v.reason)
	}
	return b
}

func appendRetryInfo(b []byte, delay time.Duration) []byte {
	seconds, nanos := uint64(delay/time.Second), uint64(delay%time.Second)
	b = appendNested(b, 1, sizeNumber(seconds)+sizeNumber(nanos))
	b = appendNumber(b, 1, seconds)
	return appendNumber(b, 2, nanos)
}

// quotaSubject is whose quota a 429 is about.
const quotaSubject = "pelcro-api"

const quotaDescription = "Requests that Pelcro allows in one of its time windows."

func appendQuotaFailure(b []byte, quota int64) []byte {
	b = appendNested(b, 1, sizeTexts(quotaSubject, quotaDescription)+sizeNumber(uint64(quota)))
	b = appendTexts(b, quotaSubject, quotaDescription)
	return appendNumber(b, 7, uint64(quota))
}

func appendResourceInfo(b []byte, resource, name string) []byte {
	return appendTexts(b, resource, name)
}

func appendRequestInfo(b []byte, id string) []byte { return appendTexts(b, id) }

// appendTexts encodes fields that are texts, numbered from one.
func appendTexts(b []byte, texts ...string) []byte {
	for i, text := range texts {
		if text != "" {
			b = protowire.AppendTag(b, protowire.Number(i+1), protowire.BytesType)
			b = protowire.AppendString(b, text)
		}
	}
	return b
}

// appendNumber encodes a field that is a number, none of them negative.
func appendNumber(b []byte, field protowire.Number, n uint64) []byte {
	if n == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), n)
}

// appendNested begins a field that is a message of that size.
func appendNested(b []byte, field protowire.Number, size int) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.BytesType), uint64(size))
}

// size returns what the violation takes within its BadRequest.
func (v violation) size() int {
	return sizeNested(sizeTexts(v.field, v.description, v.reason))
}

func sizeTexts(texts ...string) int {
	size := 0
	for _, text := range texts {
		size += sizeBytes(len(text))
	}
	return size
}

// sizeBytes returns what so many bytes take as a field, nothing if there are none.
func sizeBytes(n int) int {
	if n == 0 {
		return 0
	}
	return sizeNested(n)
}

func sizeNumber(n uint64) int {
	if n == 0 {
		return 0
	}
	return sizeTag + protowire.SizeVarint(n)
}

func sizeNested(size int) int { return sizeTag + protowire.SizeBytes(size) }

// sizeTag is the size of a field's number and kind, for numbers below 16.
const sizeTag = 1
