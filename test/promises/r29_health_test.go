package promises_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

const (
	serving    = healthpb.HealthCheckResponse_SERVING
	notServing = healthpb.HealthCheckResponse_NOT_SERVING
)

// watch returns what the health service tells of a service from now on, until the
// test ends.
func (g *gateway) watch(t *testing.T, service string) <-chan healthpb.HealthCheckResponse_ServingStatus {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	stream, err := healthpb.NewHealthClient(g.conn).Watch(ctx, &healthpb.HealthCheckRequest{Service: service})
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan healthpb.HealthCheckResponse_ServingStatus, 1000)
	t.Cleanup(func() {
		cancel()
		for range told {
		}
	})
	go func() {
		defer close(told)
		for {
			resp, err := stream.Recv()
			if err != nil {
				return
			}
			told <- resp.GetStatus()
		}
	}()
	return told
}

// Health tells of Pelcro under a name of its own: who checks the service still
// gets its reasons.
func TestR29HealthTellsTheTruth(t *testing.T) {
	const limit = 2 * time.Second
	slack := scaled(0, 3*time.Second)
	var down atomic.Bool
	g := start(t, upstreamOf(t, func(w http.ResponseWriter, _ *http.Request) {
		if down.Load() {
			answer(w, 503, `{"message":"Service Unavailable"}`)
			return
		}
		answer(w, 200, aCustomer)
	}))
	pelcro := g.watch(t, "pelcro")
	others := []<-chan healthpb.HealthCheckResponse_ServingStatus{g.watch(t, ""), g.watch(t, "pelcro.v1.CustomerService")}
	for _, told := range append(others, pelcro) {
		if first := <-told; first != serving {
			t.Errorf("at first: %v", first)
		}
	}
	// becomes makes traffic until pelcro is told to be so.
	becomes := func(want healthpb.HealthCheckResponse_ServingStatus) {
		t.Helper()
		begin := time.Now()
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case got := <-pelcro:
				if got == want {
					t.Logf("%v after %v", want, time.Since(begin))
					return
				}
			case <-ticker.C:
				_ = g.create(t.Context(), "new@example.com")
			}
			if took := time.Since(begin); took > limit+slack {
				t.Fatalf("not %v after %v", want, took)
			}
		}
	}
	for range scaled(3, 1) {
		down.Store(true)
		becomes(notServing)
		down.Store(false)
		becomes(serving)
	}
	for _, told := range others {
		if len(told) > 0 {
			t.Errorf("the service itself became %v", <-told)
		}
	}
}

// A tenth of failures is no outage.
func TestR29NoFlaps(t *testing.T) {
	var calls atomic.Int64
	g := start(t, upstreamOf(t, func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1)%10 == 0 {
			answer(w, 500, `{"message":"Server Error"}`)
			return
		}
		answer(w, 200, aCustomer)
	}))
	pelcro := g.watch(t, "pelcro")
	<-pelcro
	paced(scaled(4000, 400), scaled(200, 1000), func(int) { _ = g.get(t.Context(), 42) })
	if len(pelcro) > 0 {
		t.Errorf("it flapped: %v", <-pelcro)
	}
}
