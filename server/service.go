package server

import (
	"google.golang.org/grpc"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// Service is the gRPC service of a resource.
type Service struct {
	Desc       *grpc.ServiceDesc
	Handler    any
	Operations []mapping.Operation      // its methods, by Name
	ResourceID func(request any) string // id of the resource that a request names, empty for none
}
