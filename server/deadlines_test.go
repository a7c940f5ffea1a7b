package server_test

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// Who ended the wait, and what may have happened by then.

func within(d time.Duration) func(*gatewaytest.Config) {
	return func(s *gatewaytest.Config) { s.Pelcro.Timeout = d }
}

// unconnected is a transport that never gets a connection.
func unconnected(t *testing.T) func(*gatewaytest.Config) {
	t.Helper()
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	transport := pelcro.NewTransport()
	transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
		<-done // net/http goes on dialling when a request ends
		return nil, net.ErrClosed
	}
	return over(transport)
}

// together makes the calls at the same time.
func together(t *testing.T, calls []named) []callResult {
	t.Helper()
	results := make([]callResult, len(calls))
	var all sync.WaitGroup
	for i, c := range calls {
		all.Go(func() { results[i] = c.do(t.Context()) })
	}
	all.Wait()
	return results
}

// withDeadline makes the calls at the same time, with a deadline, and returns what each client
// receives before it.
func withDeadline(t *testing.T, calls []named) []callResult {
	t.Helper()
	results := make([]callResult, len(calls))
	var all sync.WaitGroup
	for i, c := range calls {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			results[i] = c.do(ctx)
		})
	}
	all.Wait()
	return results
}

// The response with its reason arrives before the caller's deadline, so that the
// client sees it instead of its own library's error.
func TestCallerDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		upstream := testkit.NewHanging()
		calls := startAt(t, gatewaytest.InMemoryURL, gatewaytest.ServedInMemory(t, upstream)).calls(42)
		for i, a := range withDeadline(t, calls) {
			f := a.failure(t)
			f.mustBe(t, codes.DeadlineExceeded, pelcrov1.ErrorReason_CALLER_DEADLINE_EXCEEDED)
			if calls[i].name == "CreateCustomer" {
				f.mustAdvise(t, "unknown", "-1", 0)
			} else {
				f.mustAdvise(t, "", "", 0)
			}
			<-upstream.Arrived
			<-upstream.Gone // the request to Pelcro ends, too
		}
	})
}

func TestCallerDeadlineBeforeSending(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := startAt(t, gatewaytest.InMemoryURL, gatewaytest.WithoutNetwork, unconnected(t))
		for _, a := range withDeadline(t, g.calls(42)) {
			f := a.failure(t)
			f.mustBe(t, codes.DeadlineExceeded, pelcrov1.ErrorReason_CALLER_DEADLINE_EXCEEDED)
			f.mustAdvise(t, "notSent", "", 0)
		}
	})
}

// A deadline that is later than the request timeout is not what ended the call.
func TestLaterDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := startAt(t, gatewaytest.InMemoryURL, gatewaytest.ServedInMemory(t, testkit.NewHanging()), within(time.Second))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, a := call(ctx, g.Customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: 42})
		f := a.failure(t)
		f.mustBe(t, codes.Unavailable, pelcrov1.ErrorReason_PELCRO_TIMEOUT)
	})
}

func TestCallerCancels(t *testing.T) {
	upstream := testkit.NewHanging()
	g := start(t, upstream)
	for _, c := range g.calls(42) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan callResult, 1)
		go func() { ended <- c.do(ctx) }()
		<-upstream.Arrived
		cancel()
		if a := <-ended; status.Code(a.err) != codes.Canceled {
			t.Errorf("%s: %v", c.name, a.err)
		}
		<-upstream.Gone
		// The client has the status of its own library; the log has ours.
		logged := g.Log.Next(t, finished)
		outcome := ""
		if c.name == "CreateCustomer" {
			outcome = "unknown"
		}
		if logged.Text("reason") != "CALLER_CANCELLED" || logged.Text("outcome") != outcome || logged.Text("level") != "INFO" {
			t.Errorf("%s: %v", c.name, logged)
		}
	}
}

func TestCallerCancelsBeforeSending(t *testing.T) {
	dialling := make(chan struct{}, 10)
	blocked := unconnected(t)
	g := start(t, testkit.NewScript(testkit.Succeed), blocked, func(s *gatewaytest.Config) {
		transport := s.Pelcro.Transport.(*http.Transport)
		dial := transport.DialContext
		transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			dialling <- struct{}{}
			return dial(ctx, network, address)
		}
	})
	for _, c := range g.calls(42)[1:3] {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan callResult, 1)
		go func() { ended <- c.do(ctx) }()
		<-dialling
		cancel()
		<-ended
		if logged := g.Log.Next(t, finished); logged.Text("reason") != "CALLER_CANCELLED" || logged.Text("outcome") != "notSent" {
			t.Errorf("%s: %v", c.name, logged)
		}
	}
}

func TestRequestTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := startAt(t, gatewaytest.InMemoryURL, gatewaytest.ServedInMemory(t, testkit.NewHanging()), within(time.Second))
		calls := g.calls(42)
		for i, a := range together(t, calls) {
			f := a.failure(t)
			if calls[i].name == "CreateCustomer" {
				f.mustBe(t, codes.Internal, pelcrov1.ErrorReason_PELCRO_OUTCOME_UNKNOWN)
				f.mustAdvise(t, "unknown", "-1", 0)
			} else {
				f.mustBe(t, codes.Unavailable, pelcrov1.ErrorReason_PELCRO_TIMEOUT)
				f.mustAdvise(t, "", "", 0)
			}
		}
	})
}

// A response that begins in time but does not end counts as none; an error's status
// counts without its body.
func TestRequestTimeoutWithinTheBody(t *testing.T) {
	t.Parallel()
	results := func(t *testing.T, status int) ([]named, []callResult) {
		unfinished := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			w.Write([]byte(`{"data":{"id":42`))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		})
		calls := startAt(t, gatewaytest.InMemoryURL, gatewaytest.ServedInMemory(t, unfinished), within(time.Second)).calls(42)
		return calls, together(t, calls)
	}
	synctest.Test(t, func(t *testing.T) {
		calls, all := results(t, 200)
		for i, a := range all {
			f := a.failure(t)
			if calls[i].name == "CreateCustomer" {
				f.mustBe(t, codes.Internal, pelcrov1.ErrorReason_PELCRO_OUTCOME_UNKNOWN)
				f.mustAdvise(t, "unknown", "-1", 0)
			} else {
				f.mustBe(t, codes.Unavailable, pelcrov1.ErrorReason_PELCRO_TIMEOUT)
			}
		}
	})
	synctest.Test(t, func(t *testing.T) {
		_, all := results(t, 403)
		for _, a := range all {
			f := a.failure(t)
			f.mustBe(t, codes.PermissionDenied, pelcrov1.ErrorReason_PELCRO_PERMISSION_DENIED)
		}
	})
}

func TestRequestTimeoutBeforeSending(t *testing.T) {
	g := start(t, testkit.NewScript(testkit.Succeed), unconnected(t), within(50*time.Millisecond))
	for _, c := range g.calls(42) {
		f := c.do(t.Context()).failure(t)
		f.mustBe(t, codes.Unavailable, pelcrov1.ErrorReason_PELCRO_UNREACHABLE)
		f.mustAdvise(t, "notSent", "", 0)
	}
}
