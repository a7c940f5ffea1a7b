package server

import (
	"google.golang.org/grpc"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// Service is the gRPC service of a resource.
type Service struct {
	Desc    *grpc.ServiceDesc
	Handler any
	// Operations are its methods, by Name.
	Operations []mapping.Operation
	// ResourceID returns the id of the resource that a request names, empty for none.
	ResourceID func(request any) string
}

// operation returns the operation of a method, the zero one if the service does not have it.
func (s Service) operation(method string) mapping.Operation {
	for _, operation := range s.Operations {
		if operation.Name == method {
			return operation
		}
	}
	return mapping.Operation{}
}
