package export_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/export"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	// customers is how many customers the service has, perMessage how many a message has.
	customers, perMessage = 25, 10
	giveUpAfter           = 10 * time.Minute
)

// service streams its customers. Its tokens are the last id.
type service struct {
	pelcrov1.UnimplementedCustomerServiceServer

	// before is called before each message, with the number of those before it, over all streams. Its
	// error breaks the stream.
	before   func(ctx context.Context, sent int) error
	sent     int
	requests []*pelcrov1.StreamCustomersRequest
}

func (s *service) StreamCustomers(request *pelcrov1.StreamCustomersRequest, stream grpc.ServerStreamingServer[pelcrov1.StreamCustomersResponse]) error {
	s.requests = append(s.requests, request)
	first, _ := strconv.Atoi(request.GetResumeToken())
	for first < customers {
		if err := s.before(stream.Context(), s.sent); err != nil {
			return err
		}
		message := &pelcrov1.StreamCustomersResponse{TotalSize: new(int32(customers))}
		for first < customers && len(message.GetCustomers()) < perMessage {
			first++
			message.Customers = append(message.Customers, &pelcrov1.Customer{Id: int64(first), Email: new("a@example.com")})
		}
		message.ResumeToken = strconv.Itoa(first)
		if err := stream.Send(message); err != nil {
			return err
		}
		s.sent++
	}
	return s.before(stream.Context(), s.sent)
}

// start starts the service without a network, so that the test may have a clock of its own.
func (s *service) start(t *testing.T) pelcrov1.CustomerServiceClient {
	t.Helper()
	if s.before == nil {
		s.before = func(context.Context, int) error { return nil }
	}
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer()
	pelcrov1.RegisterCustomerServiceServer(server, s)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///service", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return pelcrov1.NewCustomerServiceClient(conn)
}

// run exports into the output, and returns the waits after broken streams.
func (s *service) run(ctx context.Context, t *testing.T, output *export.Output) (waits []time.Duration, err error) {
	t.Helper()
	err = export.Run(ctx, export.Config{
		Service: s.start(t), Output: output, GiveUpAfter: giveUpAfter,
		OnProgress: func(p export.Progress) {
			if p.Total != customers || p.Customers != output.Customers() {
				t.Errorf("the progress is %+v", p)
			}
		},
		OnBreak: func(_ error, wait time.Duration) { waits = append(waits, wait) },
	})
	return waits, err
}

// mustHaveAll checks that the lines are the customers, each once.
func mustHaveAll(t *testing.T, lines string) {
	t.Helper()
	var ids []int
	for line := range strings.Lines(lines) {
		var customer struct {
			ID int `json:"id,string"`
		}
		if err := json.Unmarshal([]byte(line), &customer); err != nil || !strings.HasSuffix(line, "}\n") {
			t.Errorf("%q: %v", line, err)
		}
		ids = append(ids, customer.ID)
	}
	want := make([]int, customers)
	for i := range want {
		want[i] = i + 1
	}
	if !slices.Equal(ids, want) {
		t.Errorf("the customers are %v", ids)
	}
}

// ofService returns an error with the details that errors of the service have, and the delay of a
// RetryInfo unless it is 0.
func ofService(code codes.Code, delay time.Duration) error {
	details := []protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: "SCRIPTED", Domain: "pelcro-grpc"}}
	if delay > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(delay)})
	}
	s, err := status.New(code, "scripted").WithDetails(details...)
	return errors.Join(err, s.Err())
}

// brokenWriter fails.
type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
