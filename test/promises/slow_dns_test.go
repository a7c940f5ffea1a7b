package promises_test

import (
	"context"
	"fmt"
	"net"
	"testing"
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

// The DNS does not respond to queries for Pelcro's name.
func TestR30SlowDNSDoesNoHarm(t *testing.T) {
	const unresolvable = "https://pelcro.test"
	slack := scaled(100*time.Millisecond, 2*time.Second)
	t.Run("the caller's deadline", func(t *testing.T) {
		g := start(t, unresolvable, withoutDNS(t))
		bestOfThree(t, func() string { return callWithoutDNS(t, g, slack) })
	})
	t.Run("the service's time limit", func(t *testing.T) {
		g := start(t, unresolvable, withoutDNS(t), timeout(300*time.Millisecond))
		begin := time.Now()
		err := g.create(t.Context(), "new@example.com")
		if late := time.Since(begin) - 300*time.Millisecond; late > slack {
			t.Errorf("the call ended %v after the limit", late)
		}
		if status.Code(err) != codes.Unavailable || gatewaytest.Reason(err) != "PELCRO_UNREACHABLE" || outcomeOf(err) != "notSent" {
			t.Errorf("got %v (%s)", err, outcomeOf(err))
		}
	})
}

// callWithoutDNS makes calls that end at the caller's deadline, and returns what was wrong
// with one of them.
func callWithoutDNS(t *testing.T, g *service, slack time.Duration) (wrong string) {
	t.Helper()
	calls := scaled(200, 50)
	found := make(chan string, 2*calls)
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
		if late := time.Since(begin) - time.Second; late > slack {
			found <- fmt.Sprintf("the call ended %v after its deadline", late)
		}
		if status.Code(err) != codes.DeadlineExceeded || gatewaytest.Reason(err) != "CALLER_DEADLINE_EXCEEDED" || outcomeOf(err) != "notSent" {
			found <- fmt.Sprintf("got %v (%s)", err, outcomeOf(err))
		}
	})
	select {
	case wrong = <-found:
	default:
	}
	return wrong
}
