package promises_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
	"github.com/pelcro-grpc/pelcro-grpc/test/vectors"
)

const (
	// limitSwitch sets grpc-go's limit of headers to 8 KiB. grpc-go reads it at the start of
	// the process.
	limitSwitch = "GRPC_GO_EXPERIMENTAL_ENABLE_8KB_DEFAULT_HEADER_LIST_SIZE"
	// maxStatus is the maximum size of a google.rpc.Status in bytes.
	maxStatus = 4096
)

// The largest statuses arrive whole at clients with grpc-go's limit of 8 KiB.
func TestR26DetailsFit(t *testing.T) {
	parallelUnlessSoaking(t)
	if os.Getenv(limitSwitch) == "" {
		runInProcess(t, limitSwitch+"=true")
		return
	}
	if !limited(t) {
		t.Fatal("the switch has no effect; if 8 KiB is the default now, remove it and this check")
	}
	var upstreamResponse atomic.Pointer[http.Response]
	var body atomic.Pointer[[]byte]
	var connections atomic.Int64
	g := start(t, noUpstream, withTransport(roundTrip(func(*http.Request) (*http.Response, error) {
		r := *upstreamResponse.Load()
		r.Body = http.NoBody
		if raw := *body.Load(); len(raw) > 0 {
			r.Body = httpResponse(0, string(raw)).Body
		}
		return &r, nil
	})), func(c *gatewaytest.Config) {
		c.Pelcro.Retries, c.Pelcro.CircuitBreaker = 0, false
		c.Dial = []grpc.DialOption{ // without its own limit
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
				connections.Add(1)
				return new(net.Dialer).DialContext(ctx, "tcp", address)
			}),
		}
	})
	largest := 0
	call := func(t *testing.T, operation string, code int, header http.Header, raw []byte) (metadata.MD, error) {
		t.Helper()
		upstreamResponse.Store(&http.Response{StatusCode: code, ProtoMajor: 1, ProtoMinor: 1, Header: header})
		body.Store(&raw)
		ctx := metadata.AppendToOutgoingContext(t.Context(), "x-request-id", strings.Repeat("r", 64))
		var trailer metadata.MD
		var err error
		switch operation {
		case "ListCustomers":
			_, err = g.Customers.ListCustomers(ctx, &pelcrov1.ListCustomersRequest{}, grpc.Trailer(&trailer))
		case "CreateCustomer":
			_, err = g.Customers.CreateCustomer(ctx, &pelcrov1.CreateCustomerRequest{}, grpc.Trailer(&trailer))
		case "UpdateCustomer":
			_, err = g.Customers.UpdateCustomer(ctx, &pelcrov1.UpdateCustomerRequest{
				Customer: &pelcrov1.Customer{Id: 42, FirstName: new("Ada")},
			}, grpc.Trailer(&trailer))
		case "DeleteCustomer":
			_, err = g.Customers.DeleteCustomer(ctx, &pelcrov1.DeleteCustomerRequest{Id: 42}, grpc.Trailer(&trailer))
		default:
			_, err = g.Customers.GetCustomer(ctx, &pelcrov1.GetCustomerRequest{Id: 42}, grpc.Trailer(&trailer))
		}
		size := proto.Size(status.Convert(err).Proto())
		largest = max(largest, size)
		if size > maxStatus {
			t.Errorf("the status has %d bytes", size)
		}
		if err != nil && gatewaytest.Reason(err) == "" {
			t.Errorf("no details: %v", err)
		}
		return trailer, err
	}
	operations := []string{"CreateCustomer", "GetCustomer", "ListCustomers", "UpdateCustomer", "DeleteCustomer"}[:scaled(5, 2)]
	for name, raw := range largeBodies() {
		for _, operation := range operations {
			for _, upstream := range scaled([]int{422, 400, 409, 429, 500, 200}, []int{422}) {
				trailer, err := call(t, operation, upstream, http.Header{
					"Content-Type": {"application/json"}, "Retry-After": {"3600"}, "X-Ratelimit-Limit": {strings.Repeat("9", 64)},
				}, raw)
				if got := trailer.Get("x-error-reason"); err != nil && (len(got) != 1 || got[0] != gatewaytest.Reason(err)) {
					t.Errorf("%s, %s, %d: the trailers are %v", name, operation, upstream, trailer)
				}
				if upstream == 422 && (status.Code(err) != codes.InvalidArgument || violations(err) == 0) {
					t.Errorf("%s, %s: %v with %d violations", name, operation, err, violations(err))
				}
			}
		}
	}
	for _, v := range vectors.Read(t, "../../mapping/testdata/vectors") {
		t.Run(v.Name, func(t *testing.T) {
			trailer, err := call(t, v.Operation, v.Response.Status, v.Header(), v.Body())
			if v.Response.Headers["Content-Encoding"] == "" {
				v.Expect.Check(t, resultOf(err, trailer))
			}
		})
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections: the others broke", n)
	}
	t.Logf("the largest status has %d bytes", largest)
}

// limited reports whether this process has the limit: it cannot read a response with more
// headers.
func limited(t *testing.T) bool {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		stream.SetTrailer(metadata.Pairs("large", strings.Repeat("x", 9000)))
		return nil
	}))
	go func() { _ = s.Serve(listener) }()
	defer s.Stop()
	conn, err := grpc.NewClient("passthrough:///"+listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var trailer metadata.MD
	_, _ = pelcrov1.NewCustomerServiceClient(conn).GetCustomer(t.Context(), &pelcrov1.GetCustomerRequest{}, grpc.Trailer(&trailer))
	return len(trailer.Get("large")) == 0
}

// largeBodies are error bodies that become the largest statuses.
func largeBodies() map[string][]byte {
	bodies := map[string][]byte{}
	for name, text := range map[string]string{
		"Cyrillic":  strings.Repeat("Поле обязательно. ", 40),
		"emoji":     strings.Repeat("\U0001f600", 200),
		"percent":   strings.Repeat("%", 700),
		"controls":  strings.Repeat("\x01\n", 400),
		"ASCII":     strings.Repeat("The email has already been taken. ", 30),
		"not UTF-8": strings.Repeat("\xff", 700),
	} {
		for _, n := range scaled([]int{1, 3, 12, 1000}, []int{1000}) {
			errors := map[string][]string{}
			for i := range n {
				errors[fmt.Sprintf("metadata.%s%d", text, i)] = []string{text, text}
			}
			raw := marshalled(map[string]any{"message": text, "errors": errors, "error": map[string]string{"message": text, "code": text}})
			for short := text; len(raw) > 250<<10; { // the service reads at most 256 KiB
				short = short[:len(short)/2]
				clear(errors)
				for i := range n {
					errors[fmt.Sprintf("metadata.%s%d", short, i)] = []string{short}
				}
				raw = marshalled(map[string]any{"message": text, "errors": errors})
			}
			bodies[fmt.Sprintf("%d %s", n, name)] = raw
		}
	}
	return bodies
}

func marshalled(value any) []byte {
	raw, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return raw
}

func violations(err error) int {
	for _, detail := range status.Convert(err).Details() {
		if bad, ok := detail.(*errdetails.BadRequest); ok {
			return len(bad.GetFieldViolations())
		}
	}
	return 0
}

func resultOf(err error, trailer metadata.MD) vectors.Result {
	s := status.Convert(err)
	result := vectors.Result{
		Code:       code.Code(s.Code()).String(),
		Reason:     gatewaytest.Reason(err),
		Message:    s.Message(),
		Pushback:   strings.Join(trailer.Get("grpc-retry-pushback-ms"), ","),
		Everything: prototext.Format(s.Proto()) + fmt.Sprint(map[string][]string(trailer)),
	}
	for _, detail := range s.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			result.Outcome = detail.GetMetadata()["outcome"]
		case *errdetails.BadRequest:
			result.Violations = vectors.ViolationsOf(detail.GetFieldViolations())
		case *errdetails.RetryInfo:
			result.RetryDelay = detail.GetRetryDelay().AsDuration()
		}
	}
	return result
}
