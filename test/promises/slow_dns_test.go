package promises_test

import (
	"context"
	"fmt"
	"net"
	"slices"
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

// unresolvable is a Pelcro whose name no server knows.
const unresolvable = "https://pelcro.test"

// The DNS does not respond to queries for Pelcro's name. A call ends at its caller's deadline.
func TestR30SlowDNSCallersDeadline(t *testing.T) {
	parallelUnlessSoaking(t)
	bestOfThree(t, func() string {
		g := start(t, unresolvable, withoutDNS(t), withoutBreaker)
		calls := scaled(200, 4)
		late := make([]time.Duration, calls)
		each(calls, calls, func(i int) {
			err := untilReason(t, func() error {
				begin := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				defer func() { late[i] = max(late[i], time.Since(begin)-time.Second) }()
				if i%2 == 0 {
					return g.get(ctx, 42)
				}
				return g.create(ctx, "new@example.com")
			})
			if status.Code(err) != codes.DeadlineExceeded || gatewaytest.Reason(err) != "CALLER_DEADLINE_EXCEEDED" || outcomeOf(err) != "notSent" {
				t.Errorf("got %v (%s)", err, outcomeOf(err))
			}
		})
		if slowest := slices.Max(late); slowest > 100*time.Millisecond {
			return fmt.Sprintf("a call ended %v after its deadline", slowest)
		}
		return ""
	})
}

// A call without a deadline ends at the service's time limit.
func TestR30SlowDNSTimeLimit(t *testing.T) {
	parallelUnlessSoaking(t)
	g := start(t, unresolvable, withoutDNS(t), timeout(300*time.Millisecond))
	err := g.create(t.Context(), "new@example.com")
	if status.Code(err) != codes.Unavailable || gatewaytest.Reason(err) != "PELCRO_UNREACHABLE" || outcomeOf(err) != "notSent" {
		t.Errorf("got %v (%s)", err, outcomeOf(err))
	}
}
