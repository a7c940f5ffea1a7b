package promises_test

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// Pelcro sends 429 with a delay; the id of the customer is the number of seconds.
func TestR05SlowDownReachesTheClient(t *testing.T) {
	parallelUnlessSoaking(t)
	g := start(t, upstreamOf(t, func(w http.ResponseWriter, r *http.Request) {
		wait := idOf(r)
		if wait == 0 { // a create or a list
			wait = 17
		}
		w.Header().Set("Retry-After", strconv.FormatInt(wait, 10))
		w.Header().Set("X-RateLimit-Limit", "120")
		w.Header().Set("X-RateLimit-Remaining", "0")
		w.Header().Set("X-RateLimit-Reset", strconv.FormatInt(time.Now().Unix()+wait, 10))
		respond(w, 429, `{"message":"Too Many Attempts."}`)
	}))
	check := func(err error, header, trailer metadata.MD, want time.Duration, pushback string) {
		delay := gatewaytest.Detail[*errdetails.RetryInfo](err).GetRetryDelay().AsDuration()
		pushed := trailer.Get("grpc-retry-pushback-ms")
		if status.Code(err) != codes.ResourceExhausted || gatewaytest.Reason(err) != "PELCRO_RATE_LIMITED" || outcomeOf(err) != "rejected" {
			t.Errorf("got %v", err)
		}
		if (delay - want).Abs() > time.Second {
			t.Errorf("RetryInfo has %v, Pelcro sent %v", delay, want)
		}
		if pushback == "" {
			pushback = strconv.FormatInt(delay.Milliseconds(), 10)
		}
		if len(pushed) != 1 || pushed[0] != pushback {
			t.Errorf("the pushback is %q, want %s", pushed, pushback)
		}
		if len(header) > 0 {
			t.Errorf("a response header, which switches retries off: %v", header)
		}
	}
	each(scaled(1000, 200), 16, func(i int) {
		var header, trailer metadata.MD
		options := []grpc.CallOption{grpc.Header(&header), grpc.Trailer(&trailer)}
		// At most a minute: the remaining time that the service assumes for a caller without
		// a deadline.
		want := time.Duration(1+rand.N(59)) * time.Second
		switch i % 4 {
		case 0:
			_, err := g.Customers.CreateCustomer(t.Context(), newCustomer("new@example.com"), options...)
			check(err, header, trailer, 17*time.Second, "")
		case 1: // longer than the caller's deadline
			want += testkit.Timeout
			ctx, cancel := context.WithTimeout(t.Context(), testkit.Timeout)
			defer cancel()
			_, err := g.Customers.GetCustomer(ctx, getRequest(int64(want/time.Second)), options...)
			check(err, header, trailer, want, "-1")
		default:
			_, err := g.Customers.GetCustomer(t.Context(), getRequest(int64(want/time.Second)), options...)
			check(err, header, trailer, want, "")
		}
	})
}
