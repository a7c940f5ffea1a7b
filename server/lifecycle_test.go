package server_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/customers"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
	"github.com/pelcro-grpc/pelcro-grpc/server"
)

func draining(d time.Duration) func(*gatewaytest.Config) {
	return func(s *gatewaytest.Config) { s.Server.DrainTimeout = d }
}

func TestNothingRemains(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Run("calls", func(t *testing.T) {
		g := startSandbox(t, draining(50*time.Millisecond), within(100*time.Millisecond))
		for _, id := range []int64{1001, 404, 500, 601, 602, 603, 604} {
			for _, c := range g.calls(id) {
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				c.do(ctx)
				cancel()
			}
		}
		if _, err := healthpb.NewHealthClient(g.Conn).Watch(t.Context(), &healthpb.HealthCheckRequest{}); err != nil {
			t.Fatal(err)
		}
	})
	testkit.NoLeaks(t, before)
}

func TestHealth(t *testing.T) {
	g := startSandbox(t)
	client := healthpb.NewHealthClient(g.Conn)
	for _, service := range []string{"", "pelcro.v1.CustomerService"} {
		got := mustSucceed(t, client.Check, &healthpb.HealthCheckRequest{Service: service})
		if got.GetStatus() != healthpb.HealthCheckResponse_SERVING {
			t.Errorf("%q is %v", service, got)
		}
	}
}

// A watcher reads NOT_SERVING before its stream ends with a status like any other.
func TestHealthOnStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := startAt(t, gatewaytest.InMemoryURL, gatewaytest.ServedInMemory(t, newSandbox()), draining(100*time.Millisecond))
		watch, err := healthpb.NewHealthClient(g.Conn).Watch(t.Context(), &healthpb.HealthCheckRequest{Service: "pelcro.v1.CustomerService"})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := watch.Recv(); err != nil || got.GetStatus() != healthpb.HealthCheckResponse_SERVING {
			t.Fatal(got, err)
		}
		stopped := make(chan error, 1)
		go func() { stopped <- g.Stop() }()
		if got, err := watch.Recv(); err != nil || got.GetStatus() != healthpb.HealthCheckResponse_NOT_SERVING {
			t.Fatal(got, err)
		}
		_, err = watch.Recv()
		f := callResult{err: err, trailer: watch.Trailer()}.failure(t)
		f.mustBe(t, codes.Unavailable, pelcrov1.ErrorReason_GATEWAY_SHUTTING_DOWN)
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
}

// Streams that do not end by themselves do not delay a stop.
func TestStopWithOpenStreams(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := startAt(t, gatewaytest.InMemoryURL, gatewaytest.ServedInMemory(t, newSandbox()), func(s *gatewaytest.Config) { s.Server.Reflection = true })
		reflection, err := reflectionpb.NewServerReflectionClient(g.Conn).ServerReflectionInfo(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := reflection.Send(&reflectionpb.ServerReflectionRequest{
			MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{},
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := reflection.Recv(); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if err := g.Stop(); err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took > server.DrainTimeout/2 {
			t.Errorf("the stop took %v", took)
		}
		_, err = reflection.Recv()
		f := callResult{err: err, trailer: reflection.Trailer()}.failure(t)
		f.mustBe(t, codes.Unavailable, pelcrov1.ErrorReason_GATEWAY_SHUTTING_DOWN)
	})
}

// A call that runs when the stop begins finishes.
func TestStopWaits(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	g := start(t, testkit.NewScript(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-release
		testkit.Succeed(w, r)
	}))
	ended := make(chan callResult, 1)
	go func() { ended <- g.calls(42)[2].do(context.WithoutCancel(t.Context())) }()
	<-arrived
	stopped := make(chan error, 1)
	go func() { stopped <- g.Stop() }()
	g.Log.Next(t, "stopping")
	close(release)
	if a := <-ended; a.err != nil {
		t.Error(a.err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	g.Log.Next(t, "stopped")
	_, a := call(t.Context(), g.Customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: 42})
	if a.err == nil {
		t.Error("a call was served after the stop")
	}
}

// A call that does not end in time is ended, with a status.
func TestStopEndsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		upstream := testkit.NewHanging()
		g := startAt(t, gatewaytest.InMemoryURL, gatewaytest.ServedInMemory(t, upstream), draining(50*time.Millisecond))
		results := map[string]chan callResult{}
		for _, c := range g.calls(42) {
			results[c.name] = make(chan callResult, 1)
			go func() { results[c.name] <- c.do(context.WithoutCancel(t.Context())) }()
			<-upstream.Arrived
		}
		if err := g.Stop(); err != nil {
			t.Error(err)
		}
		for name, result := range results {
			f := (<-result).failure(t)
			if name == "CreateCustomer" {
				f.mustBe(t, codes.Internal, pelcrov1.ErrorReason_PELCRO_OUTCOME_UNKNOWN)
				f.mustAdvise(t, "unknown", "-1", 0)
			} else {
				f.mustBe(t, codes.Unavailable, pelcrov1.ErrorReason_GATEWAY_SHUTTING_DOWN)
				f.mustAdvise(t, "", "", 0)
			}
			<-upstream.Gone
		}
	})
}

func TestStopEndsUnsentCreate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dialling := make(chan struct{}, 1)
		g := startAt(t, gatewaytest.InMemoryURL, gatewaytest.WithoutNetwork, unconnected(t), draining(50*time.Millisecond), func(s *gatewaytest.Config) {
			transport := s.Pelcro.Transport.(*http.Transport)
			dial := transport.DialContext
			transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
				dialling <- struct{}{}
				return dial(ctx, network, address)
			}
		})
		ended := make(chan callResult, 1)
		go func() { ended <- g.calls(42)[2].do(context.WithoutCancel(t.Context())) }()
		<-dialling
		if err := g.Stop(); err != nil {
			t.Error(err)
		}
		f := (<-ended).failure(t)
		f.mustBe(t, codes.Unavailable, pelcrov1.ErrorReason_GATEWAY_SHUTTING_DOWN)
		f.mustAdvise(t, "notSent", "", 0)
	})
}

// pipes is a listener whose connections are pipes: in a bubble of synctest they know its time.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	conn, open := <-p
	if !open {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (p pipes) Close() error { close(p); return nil }

func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// A silent connection does not delay a stop for long.
func TestStopWithASilentConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		listener, stopped := make(pipes), make(chan error, 1)
		service := newServer(t, nil)
		go func() { stopped <- service.Serve(ctx, listener) }()
		silent, accepted := net.Pipe()
		defer silent.Close()
		listener <- accepted
		synctest.Wait()
		begin := time.Now()
		stop()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took > 6*time.Second {
			t.Errorf("the stop took %v", took)
		}
	})
}

// Nothing still runs when Serve has returned, not even a handler that nothing ends.
func TestStopWaitsForHandlers(t *testing.T) {
	t.Parallel()
	arrived, closed, ended := make(chan struct{}), make(chan struct{}), false
	g := start(t, rejectAll(t), draining(1), over(tripper(func(*http.Request) (*http.Response, error) {
		close(arrived)
		<-closed
		ended = true
		return nil, net.ErrClosed
	})))
	go func() {
		g.calls(42)[2].do(context.WithoutCancel(t.Context())) // fails when the stop closes the connection
		close(closed)
	}()
	<-arrived
	if err := g.Stop(); err != nil {
		t.Error(err)
	}
	if !ended {
		t.Error("the handler is still running")
	}
}

func newServer(t *testing.T, upstream tripper) *server.Server {
	t.Helper()
	base, err := pelcro.ParseBaseURL("http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	client := pelcro.New(pelcro.Config{BaseURL: base, Transport: upstream, Timeout: testkit.Timeout})
	return server.New(server.Config{
		Upstream: customers.Upstream(client),
		Services: []server.Service{customers.Service(client, customers.Config{})},
		Logger:   slog.New(slog.DiscardHandler),
	})
}

func TestServeAfterTheEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 {
		if err := newServer(t, nil).Serve(ctx, testkit.Listen(t)); err != nil {
			t.Fatal(err)
		}
	}
}

// broken is a listener that accepts a number of connections, and then fails.
type broken struct {
	net.Listener
	connections int
	fail        <-chan struct{}
}

var errBroken = errors.New("broken")

func (b *broken) Accept() (net.Conn, error) {
	if b.connections > 0 {
		b.connections--
		return b.Listener.Accept()
	}
	if b.fail != nil {
		<-b.fail
	}
	return nil, errBroken
}

func TestListenerFails(t *testing.T) {
	listener := testkit.Listen(t)
	if err := newServer(t, nil).Serve(t.Context(), &broken{Listener: listener}); !errors.Is(err, errBroken) {
		t.Errorf("Serve returned %v", err)
	}
	if _, err := listener.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener was left open: %v", err)
	}
	listener = testkit.Listen(t)
	listener.Close()
	if err := newServer(t, nil).Serve(t.Context(), listener); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve returned %v", err)
	}
}

// When the listener fails, the open connections do not outlive Serve.
func TestListenerFailsLater(t *testing.T) {
	listener := testkit.Listen(t)
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"+"\x00\x00\x00\x04\x00\x00\x00\x00\x00"); err != nil {
		t.Fatal(err)
	}
	if err := newServer(t, nil).Serve(t.Context(), &broken{Listener: listener, connections: 1}); !errors.Is(err, errBroken) {
		t.Errorf("Serve returned %v", err)
	}
	conn.SetDeadline(time.Now().Add(testkit.Timeout))
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the connection is still open")
	}
}

// Nor do the handlers.
func TestListenerFailsDuringACall(t *testing.T) {
	arrived, fail := make(chan struct{}), make(chan struct{})
	cancelled, goOn, handlerEnded := make(chan struct{}), make(chan struct{}), false
	s := newServer(t, func(r *http.Request) (*http.Response, error) {
		close(arrived)
		<-r.Context().Done()
		close(cancelled)
		<-goOn // it takes its time
		handlerEnded = true
		return nil, r.Context().Err()
	})
	listener := &broken{Listener: testkit.Listen(t), connections: 1, fail: fail}
	conn := gatewaytest.Dial(t, listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	defer conn.Close()
	ended := make(chan error, 1)
	go func() {
		_, err := pelcrov1.NewCustomerServiceClient(conn).GetCustomer(context.WithoutCancel(t.Context()), &pelcrov1.GetCustomerRequest{Id: 42})
		ended <- err
	}()
	go func() {
		<-arrived
		close(fail)
	}()
	served := make(chan error, 1)
	go func() { served <- s.Serve(t.Context(), listener) }()
	<-cancelled
	select {
	case err := <-served:
		t.Errorf("Serve returned %v while the handler was running", err)
		close(goOn)
	default:
		close(goOn)
		if err := <-served; !errors.Is(err, errBroken) {
			t.Errorf("Serve returned %v", err)
		}
		if !handlerEnded { // without waiting, this is a data race, too
			t.Error("the handler is still running")
		}
	}
	if err := <-ended; status.Code(err) != codes.Unavailable {
		t.Errorf("ended with %v", err)
	}
}

// Probes send no traffic here before calls are accepted.
func TestNotReadyBeforeServe(t *testing.T) {
	s := newServer(t, nil)
	if err := s.Ready(); err == nil || err.Error() != "the service is starting" {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Serve(ctx, testkit.Listen(t)); err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(); err == nil || err.Error() != "the service is stopping" {
		t.Errorf("got %v", err)
	}
}
