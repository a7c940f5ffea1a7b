package promises_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// withoutDNS resolves names with a server that never responds, until the test ends.
func withoutDNS(t *testing.T) func(*gatewaytest.Config) {
	t.Helper()
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	transport := pelcro.NewTransport()
	transport.DialContext = (&net.Dialer{Resolver: &net.Resolver{
		PreferGo: true,
		Dial: func(context.Context, string, string) (net.Conn, error) {
			<-over
			return nil, net.ErrClosed
		},
	}}).DialContext
	return func(c *gatewaytest.Config) { c.Pelcro.Transport = transport }
}

// unresolvable is a Pelcro whose name no server knows.
const unresolvable = "https://pelcro.test"

// onTestClock runs a test with the clock of testing/synctest. Package net initializes its resolver on
// first use, and that must not be within a bubble of synctest.
func onTestClock(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	_, _ = (&net.Resolver{PreferGo: true}).LookupHost(t.Context(), "localhost")
	synctest.Test(t, test)
}

// The DNS does not respond to queries for Pelcro's name. A call ends at its caller's deadline.
func TestR30SlowDNSCallersDeadline(t *testing.T) {
	parallelUnlessSoaking(t)
	if soaking {
		bestOfThree(t, func() string {
			late, _ := callsWithoutDNS(t, start(t, unresolvable, withoutDNS(t), withoutBreaker), 200)
			if late > 100*time.Millisecond {
				return fmt.Sprintf("a call ended %v after its deadline", late)
			}
			return ""
		})
		return
	}
	onTestClock(t, func(t *testing.T) {
		g := start(t, unresolvable, gatewaytest.InMemory(nil, nil), withoutDNS(t), withoutBreaker)
		if late, without := callsWithoutDNS(t, g, 20); late > 0 || without > 0 {
			t.Errorf("a call ended %v after its deadline, %d got no reason", late, without)
		}
	})
}

// callsWithoutDNS makes calls that end at their deadline. It returns how late the last one ended, and
// how many were ended by the client's own library, without a reason.
func callsWithoutDNS(t *testing.T, g *service, calls int) (late time.Duration, without int64) {
	t.Helper()
	ends := make([]time.Duration, calls) // after the deadline
	var unexplained atomic.Int64
	each(calls, calls, func(i int) {
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var err error
		if i%2 == 0 {
			err = g.get(ctx, 42)
		} else {
			err = g.create(ctx, "new@example.com")
		}
		ends[i] = time.Since(begin) - time.Second
		switch reason := gatewaytest.Reason(err); {
		case status.Code(err) == codes.DeadlineExceeded && reason == "":
			unexplained.Add(1)
		case status.Code(err) != codes.DeadlineExceeded || reason != "CALLER_DEADLINE_EXCEEDED" || outcomeOf(err) != "notSent":
			t.Errorf("got %v (%s)", err, outcomeOf(err))
		}
	})
	return slices.Max(ends), unexplained.Load()
}

// A call without a deadline ends at the service's time limit.
func TestR30SlowDNSTimeLimit(t *testing.T) {
	parallelUnlessSoaking(t)
	onTestClock(t, func(t *testing.T) {
		g := start(t, unresolvable, gatewaytest.InMemory(nil, nil), withoutDNS(t))
		begin := time.Now()
		err := g.create(t.Context(), "new@example.com")
		if status.Code(err) != codes.Unavailable || gatewaytest.Reason(err) != "PELCRO_UNREACHABLE" || outcomeOf(err) != "notSent" {
			t.Errorf("got %v (%s)", err, outcomeOf(err))
		}
		if took := time.Since(begin); took != pelcro.DefaultTimeout {
			t.Errorf("it took %v", took)
		}
	})
}
