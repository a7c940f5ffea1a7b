package explorer

import (
	"strconv"

	"google.golang.org/protobuf/proto"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// wire is the size of an error and its limit, in bytes.
type wire struct {
	Bytes       int    `json:"bytes"`
	Budget      int    `json:"budget"`
	Status      int    `json:"status"` // the serialized google.rpc.Status
	StatusLimit int    `json:"statusLimit"`
	Parts       []part `json:"parts"`
}

// part is a part of the bytes.
type part struct {
	Name  string `json:"name"`
	Bytes int    `json:"bytes"`
}

// wireOf splits the size that the mapping computed by the formula of HTTP/2 (RFC 9113, section
// 6.5.2: name, value and 32 a field). The message is the rest.
func wireOf(explanation Explanation) *wire {
	if explanation.result.OK() {
		return nil
	}
	const perField = 32
	size := proto.Size(explanation.result.Status().Proto())
	details := len("grpc-status-details-bin") + (4*size+2)/3 + perField
	trailers := 0
	for name, value := range explanation.Trailers {
		trailers += len(name) + len(value) + perField
	}
	fixed := len(":status") + len("200") + perField +
		len("content-type") + len("application/grpc") + perField +
		len("grpc-status") + len(strconv.Itoa(int(explanation.result.Code()))) + perField
	return &wire{
		Bytes: explanation.WireBytes, Budget: mapping.MaxWireBytes,
		Status: size, StatusLimit: mapping.MaxStatusBytes,
		Parts: []part{
			{"Details", details},
			{"Message", explanation.WireBytes - details - trailers - fixed},
			{"Trailers", trailers},
			{"Code and framing", fixed},
		},
	}
}
