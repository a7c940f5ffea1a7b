package server

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// method is a method that the server has, with what is looked up once for it instead
// of once for each call.
type method struct {
	service, name string
	kind          string // as metrics name it; empty if the method does not exist
	// operation is the operation of a resource, the zero one, without a name, for methods
	// of other services.
	operation mapping.Operation
	// resourceID returns the id of the resource that a request names, empty for none.
	resourceID func(request any) string
	series     *methodMetrics // nil: nothing is counted
	lines      slog.Handler   // for the lines of its calls, which name the method
}

// isHealth reports whether the method is one of grpc.health.v1.
func (m *method) isHealth() bool { return m.service == healthpb.Health_ServiceDesc.ServiceName }

// newMethod returns what calls of the method need.
func (s *Server) newMethod(kind, service, name string) *method {
	m := &method{
		service: service, name: name, kind: kind,
		resourceID: func(any) string { return "" },
		lines: s.config.Logger.Handler().WithAttrs([]slog.Attr{
			slog.String("grpc.service", service), slog.String("grpc.method", name),
		}),
	}
	for _, resource := range s.config.Services {
		if resource.Desc.ServiceName == service {
			m.operation, m.resourceID = resource.operation(name), resource.ResourceID
		}
	}
	if s.metrics != nil {
		m.series = s.metrics.of(m)
	}
	return m
}

// addMethod notes a method that the server has.
func (s *Server) addMethod(kind, service, name string) *method {
	m := s.newMethod(kind, service, name)
	s.methods["/"+service+"/"+name] = m
	return m
}

// methodOf returns the method of a call. One that does not exist has a name that a
// stranger thought of, which becomes no label and no span.
func (s *Server) methodOf(c *call) *method {
	if m, exists := s.methods[c.fullMethod]; exists {
		return m
	}
	return s.unknown
}

// kindOf names the kind of a stream.
func kindOf(stream grpc.StreamDesc) string {
	switch {
	case !stream.ClientStreams:
		return "server_stream"
	case !stream.ServerStreams:
		return "client_stream"
	}
	return "bidi_stream"
}

// registrar registers services at the gRPC server so that their methods are known,
// and that their calls are seen from their arrival on (refused.go).
type registrar struct {
	*grpc.Server
	server *Server
}

// RegisterService implements [grpc.ServiceRegistrar].
func (r registrar) RegisterService(desc *grpc.ServiceDesc, implementation any) {
	seen := *desc
	seen.Methods = slices.Clone(desc.Methods)
	for i, m := range seen.Methods {
		seen.Methods[i].Handler = r.server.arriving(r.server.addMethod("unary", desc.ServiceName, m.MethodName), m.Handler)
	}
	for _, stream := range desc.Streams {
		r.server.addMethod(kindOf(stream), desc.ServiceName, stream.StreamName)
	}
	r.Server.RegisterService(&seen, implementation)
}

// arriving returns the handler with a note of what arrives, and of what gRPC refuses
// because it cannot be read.
func (s *Server) arriving(m *method, handler grpc.MethodHandler) grpc.MethodHandler {
	return func(service any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
		c := callOf(ctx)
		c.arrive(m)
		resp, err := handler(service, ctx, decode, interceptor)
		if err != nil && !c.decoded {
			s.refused(ctx, c, time.Since(c.opened), err)
		}
		return resp, err
	}
}
