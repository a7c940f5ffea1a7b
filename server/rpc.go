package server

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"time"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// rpc is the state of one RPC. Only the goroutine that serves the RPC uses it.
type rpc struct {
	server     *Server
	fullMethod string // as the caller wrote it
	method     *method
	began      time.Time
	requestID  string
	// caller is the zero one if it is unknown.
	caller Caller
	// callerKey says that Pelcro gets the caller's own credential.
	callerKey bool
	// request is the decoded request, nil until it was read; of a stream, the last one.
	request any
	// stream is the one of the RPC, nil for a unary method.
	stream *stream
	// counts are what the handler counted, for the log and the span.
	counts []count
	// attempts counts the requests to Pelcro, statusCode is that of the last response.
	attempts, statusCode int
	// responseHeader has the headers of the last response, nil for none.
	responseHeader http.Header
	// result is the response to the caller, and cause the private reason of a failure, nil if
	// Pelcro's response says everything about it.
	result  mapping.Result
	cause   error
	trailer metadata.MD
	// observed says that the RPC is in the log and the metrics.
	observed bool
}

type rpcKey struct{}

// rpcOf returns the state of the RPC, which TagRPC puts into its context.
func rpcOf(ctx context.Context) *rpc {
	r, _ := ctx.Value(rpcKey{}).(*rpc)
	return r
}

func (s *Server) newRPC(ctx context.Context, fullMethod string) *rpc {
	return &rpc{
		server: s, fullMethod: fullMethod, method: s.methodOf(fullMethod), began: time.Now(),
		requestID: requestIDOf(ctx),
	}
}

// count is a number with a name.
type count struct {
	name string
	n    int
}

// Count adds n to a number that the line and the span of the call show, for example "customers".
func Count(ctx context.Context, name string, n int) {
	r := rpcOf(ctx)
	for i := range r.counts {
		if r.counts[i].name == name {
			r.counts[i].n += n
			return
		}
	}
	r.counts = append(r.counts, count{name, n})
}

// acceptableID is what a caller's request id may be: it is logged and sent back unchanged.
var acceptableID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// requestIDOf returns the caller's request id, or a new one.
func requestIDOf(ctx context.Context) string {
	if ids := metadata.ValueFromIncomingContext(ctx, mapping.TrailerRequestID); len(ids) == 1 && acceptableID.MatchString(ids[0]) {
		return ids[0]
	}
	return fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64()) //nolint:gosec // it is not a secret
}

// method is a method of the server.
type method struct {
	service, name string
	// operation is the zero one, without a name, for methods of health and reflection.
	operation  mapping.Operation
	resourceID func(request any) string
	logger     *slog.Logger // its lines name the method
	// defaultSite is the site of requests that do not name one.
	defaultSite int32
	// panicResults are the responses to a panic, before and after a request to Pelcro. They are
	// built at the start, because the panic may be one of the mapping itself.
	panicResults [2]mapping.Result
}

// isCreate reports whether the method creates a resource, which must not happen twice.
func (m *method) isCreate() bool { return m.operation.Name != "" && m.operation.Kind == mapping.Create }

// isHealth reports whether the method is one of grpc.health.v1.
func (m *method) isHealth() bool { return m.service == healthpb.Health_ServiceDesc.ServiceName }

// isBuiltin reports whether the method is one of health or reflection.
func (m *method) isBuiltin() bool {
	return m.isHealth() || strings.HasPrefix(m.service, "grpc.reflection.")
}

// unknown names a method that the server does not have: the caller's name for it could be
// anything, and so becomes no label and no log field.
const unknown = "unknown"

// methodsOf returns the methods of the gRPC server, by full name.
func (s *Server) methodsOf(services map[string]grpc.ServiceInfo) map[string]*method {
	methods := map[string]*method{}
	for service, info := range services {
		for _, m := range info.Methods {
			methods["/"+service+"/"+m.Name] = s.newMethod(service, m.Name)
		}
	}
	return methods
}

func (s *Server) newMethod(service, name string) *method {
	m := &method{
		service: service, name: name,
		resourceID:  func(any) string { return "" },
		defaultSite: s.config.SiteID,
		logger:      s.config.Logger.With("grpc.service", service, "grpc.method", name),
	}
	for _, resource := range s.config.Services {
		if resource.Desc.ServiceName != service {
			continue
		}
		m.resourceID = resource.ResourceID
		for _, operation := range resource.Operations {
			if operation.Name == name {
				m.operation = operation
			}
		}
	}
	for sent := range m.panicResults {
		m.panicResults[sent] = mapping.FromLocalError(mapping.Call{Operation: m.operation}, mapping.LocalError{
			Reason: pelcrov1.ErrorReason_GATEWAY_INTERNAL_ERROR,
			Sent:   sent == 1,
		})
	}
	return m
}

// methodOf returns the method with the full name.
func (s *Server) methodOf(fullMethod string) *method { return cmp.Or(s.methods[fullMethod], s.unknown) }
