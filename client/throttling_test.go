package client_test

import (
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/pelcro-grpc/pelcro-grpc/client"
)

// reader is a client with the published service config, and the server that it calls.
type reader struct {
	conn *grpc.ClientConn
	// failures is how many of the next attempts fail.
	failures atomic.Int64
	attempts atomic.Int64
}

// newReader starts the server. Only the backoff is shorter than published.
func newReader(t *testing.T) *reader {
	t.Helper()
	r := &reader{}
	server := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		r.attempts.Add(1)
		if err := stream.RecvMsg(new(emptypb.Empty)); err != nil {
			return err
		}
		if r.failures.Add(-1) >= 0 {
			return status.Error(codes.Unavailable, "scripted")
		}
		return stream.SendMsg(new(emptypb.Empty))
	}))
	checks := health.NewServer()
	checks.SetServingStatus("pelcro.v1.CustomerService", healthv1.HealthCheckResponse_SERVING)
	healthv1.RegisterHealthServer(server, checks)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	r.conn, err = grpc.NewClient("passthrough:///"+listener.Addr().String(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(strings.ReplaceAll(client.ServiceConfig(), `"0.1s"`, `"0.001s"`)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.conn.Close() })
	return r
}

// get makes one call, of which so many attempts fail, and returns how many attempts it took.
func (r *reader) get(t *testing.T, failures int64) int64 {
	t.Helper()
	r.failures.Store(failures)
	before := r.attempts.Load()
	err := r.conn.Invoke(t.Context(), "/pelcro.v1.CustomerService/GetCustomer", new(emptypb.Empty), new(emptypb.Empty))
	if err != nil && status.Code(err) != codes.Unavailable {
		t.Fatal(err)
	}
	return r.attempts.Load() - before
}

// succeed makes so many successful calls.
func (r *reader) succeed(t *testing.T, calls int) {
	t.Helper()
	for range calls {
		r.get(t, 0)
	}
}

// outage is a call of which every attempt fails.
const outage = 100

// What doc.go says of the throttling, each sentence by its arithmetic (gRFC A6).
func TestRetryThrottling(t *testing.T) {
	t.Run("two calls that fail one after the other stop the retries", func(t *testing.T) {
		r := newReader(t)
		var attempts []int64
		for range 4 {
			attempts = append(attempts, r.get(t, outage))
		}
		// 10 tokens become 7, and 5 in the second call.
		if want := []int64{3, 2, 1, 1}; !slices.Equal(attempts, want) {
			t.Errorf("attempts of each call: %v, want %v", attempts, want)
		}
	})
	t.Run("61 successes allow retries again after a long outage", func(t *testing.T) {
		r := newReader(t)
		for range 20 { // more than there are tokens
			r.get(t, outage)
		}
		r.succeed(t, 60)
		if n := r.get(t, 1); n != 1 {
			t.Errorf("after 60 successes: %d attempts", n)
		}
		for range 20 {
			r.get(t, outage)
		}
		r.succeed(t, 61)
		if n := r.get(t, 1); n != 2 {
			t.Errorf("after 61 successes: %d attempts", n)
		}
	})
	for _, test := range []struct {
		name      string
		successes int // for each failed attempt, with that of the retry
		all       bool
	}{
		{"one attempt in twelve fails", 11, true},
		{"one attempt in ten fails", 9, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newReader(t)
			retried := 0
			const rounds = 60 // a tenth of a token is lost in each, if any is
			for range rounds {
				attempts := r.get(t, 1)
				retried += int(attempts) - 1
				r.succeed(t, test.successes+1-int(attempts))
			}
			if (retried == rounds) != test.all {
				t.Errorf("%d of %d failures were retried", retried, rounds)
			}
		})
	}
}
