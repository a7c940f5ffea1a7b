package promises_test

import (
	"context"
	"net"
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

// inBubble is [synctest.Test] for tests that resolve names. Package net makes a channel for the
// first name. Made within a bubble, it would panic outside, so the first name is resolved before.
func inBubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	unconnected := func(context.Context, string, string) (net.Conn, error) { return nil, net.ErrClosed }
	_, _ = (&net.Resolver{PreferGo: true, Dial: unconnected}).LookupHost(t.Context(), "localhost")
	synctest.Test(t, test)
}

// The DNS does not respond to queries for Pelcro's name. A call ends at its caller's deadline.
func TestR30SlowDNSCallersDeadline(t *testing.T) {
	parallelUnlessSoaking(t)
	if soaking {
		bestOfThree(t, func() string { return callsWithoutDNS(t, 200).wrong(100 * time.Millisecond) })
		return
	}
	inBubble(t, func(t *testing.T) {
		if wrong := callsWithoutDNS(t, 20, gatewaytest.WithoutNetwork).wrong(0); wrong != "" {
			t.Error(wrong)
		}
	})
}

// callsWithoutDNS makes reads and creates that end at their deadline.
func callsWithoutDNS(t *testing.T, calls int, options ...func(*gatewaytest.Config)) ends {
	t.Helper()
	g := start(t, unresolvable, append(options, withoutDNS(t), withoutBreaker)...)
	return untilDeadline(t, calls, func(ctx context.Context, id int64) error {
		call := g.get
		if id%2 == 0 {
			call = func(ctx context.Context, _ int64) error { return g.create(ctx, "new@example.com") }
		}
		err := call(ctx, id)
		if outcome := outcomeOf(err); gatewaytest.Reason(err) != "" && outcome != "notSent" {
			t.Errorf("the outcome is %s", outcome)
		}
		return err
	})
}

// A call without a deadline ends at the service's time limit.
func TestR30SlowDNSTimeLimit(t *testing.T) {
	parallelUnlessSoaking(t)
	inBubble(t, func(t *testing.T) {
		g := start(t, unresolvable, gatewaytest.WithoutNetwork, withoutDNS(t))
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
