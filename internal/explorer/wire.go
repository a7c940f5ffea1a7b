package explorer

import "github.com/pelcro-grpc/pelcro-grpc/internal/wiresize"

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

// wireOf returns the size of the error, nil for a success.
func wireOf(explanation Explanation) *wire {
	if explanation.result.OK() {
		return nil
	}
	size := explanation.size
	return &wire{
		Bytes: size.Total(), Budget: wiresize.Max,
		Status: size.Status, StatusLimit: wiresize.MaxStatus,
		Parts: []part{
			{"Details", size.Details},
			{"Message", size.Message},
			{"Trailers", size.Trailers},
			{"Code and framing", size.Framing},
		},
	}
}
