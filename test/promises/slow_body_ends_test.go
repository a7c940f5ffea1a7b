package promises_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// Pelcro sends one byte every 10 ms, on many connections, for much longer than the callers wait.
func TestR24SlowBodyEndsAtDeadline(t *testing.T) { alone(t, slowBodyEndsAtDeadline) }

func slowBodyEndsAtDeadline(t *testing.T) {
	bestOfThree(t, func() string { return trickle(t, scaled(500, 50), scaled(3*time.Second, 300*time.Millisecond)) })
}

// trickle makes concurrent calls and returns which ended too late.
func trickle(t *testing.T, calls int, deadline time.Duration) string {
	t.Helper()
	const perConnection = 100 // below the server's limit of streams
	upstream := startTrickle(t, 10*time.Millisecond)
	g := start(t, upstream.url, withoutBreaker)
	clients := make([]pelcrov1.CustomerServiceClient, (calls+perConnection-1)/perConnection)
	for i := range clients {
		clients[i] = pelcrov1.NewCustomerServiceClient(gatewaytest.Dial(t, g.Address))
	}
	memory := measureMemory(t)
	off := make([]time.Duration, calls) // from the deadline
	each(calls, calls, func(i int) {
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		defer cancel()
		_, err := clients[i/perConnection].GetCustomer(ctx, getRequest(42))
		off[i] = time.Since(begin) - deadline
		if status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("call %d: %v", i, err)
		}
	})
	first, last := slices.Min(off), slices.Max(off)
	t.Logf("%d calls ended between %v and %v of their deadline; memory grew by %d KiB", calls, first, last, memory.grewLess(64<<20)>>10)
	// The callers' own libraries end the calls, too; the service ends its requests.
	testkit.Eventually(t, "no response is read any more", func() bool { return upstream.open.Load() == 0 })
	if first < -100*time.Millisecond || last > 100*time.Millisecond {
		return fmt.Sprintf("calls ended between %v and %v of their deadline", first, last)
	}
	return ""
}

// trickleUpstream sends one byte of an endless body after each pause and needs almost no memory
// itself.
type trickleUpstream struct {
	url  string
	open atomic.Int64 // responses that are still sent
}

func startTrickle(t *testing.T, pause time.Duration) *trickleUpstream {
	t.Helper()
	u := &trickleUpstream{}
	u.url = upstreamOf(t, func(w http.ResponseWriter, r *http.Request) {
		u.open.Add(1)
		defer u.open.Add(-1)
		ticker := time.NewTicker(pause)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
			case <-r.Context().Done():
				return
			}
			_, _ = w.Write([]byte{' '})
			if http.NewResponseController(w).Flush() != nil {
				return
			}
		}
	})
	return u
}
