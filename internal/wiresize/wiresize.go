// Package wiresize measures what an error takes of a client's limit for trailers.
package wiresize

import (
	"strconv"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

// The budget of an error, in bytes. A gRPC client may reject more than 8 KiB of trailers, and then
// the caller loses the code itself; the rest is left to proxies.
const (
	Max       = 6 << 10
	MaxStatus = 4 << 10
)

// Size is the size of an error in HTTP/2 header list bytes, which clients limit (RFC 9113, section
// 6.5.2): every name and value plus 32 for each field, binary values in base64. The message counts
// twice, percent-encoded as grpc-message and within grpc-status-details-bin.
type Size struct {
	// Status is the size of the google.rpc.Status alone, before base64.
	Status int
	// Details, Message, Trailers and Framing are the parts of the header list.
	Details, Message, Trailers, Framing int
}

// Of returns the size of an error with these trailers.
func Of(s *spb.Status, trailer metadata.MD) Size {
	size := Size{Status: proto.Size(s)}
	size.Details = field("grpc-status-details-bin", (4*size.Status+2)/3)
	size.Message = field("grpc-message", percentEncoded(s.GetMessage()))
	for name, values := range trailer {
		for _, value := range values {
			size.Trailers += field(name, len(value))
		}
	}
	size.Framing = field(":status", len("200")) + field("content-type", len("application/grpc")) +
		field("grpc-status", len(strconv.Itoa(int(s.GetCode()))))
	return size
}

// Total is the size of the header list.
func (s Size) Total() int { return s.Details + s.Message + s.Trailers + s.Framing }

// Excess is how many bytes of the status are too many, 0 or less for none.
func (s Size) Excess() int { return max(s.Status-MaxStatus, (3*(s.Total()-Max)+3)/4) }

func field(name string, value int) int { return len(name) + value + 32 }

// percentEncoded returns the length of a grpc-message: '%' and everything except printable ASCII take
// three bytes.
func percentEncoded(s string) int {
	n := len(s)
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == '%' {
			n += 2
		}
	}
	return n
}
