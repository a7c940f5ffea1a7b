package promises_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

const (
	serving    = healthpb.HealthCheckResponse_SERVING
	notServing = healthpb.HealthCheckResponse_NOT_SERVING
)

// watch returns the health statuses of a service from now on, until the test ends.
func (g *service) watch(t *testing.T, service string) <-chan healthpb.HealthCheckResponse_ServingStatus {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	stream, err := healthpb.NewHealthClient(g.Conn).Watch(ctx, &healthpb.HealthCheckRequest{Service: service})
	if err != nil {
		t.Fatal(err)
	}
	statuses := make(chan healthpb.HealthCheckResponse_ServingStatus, 1000)
	t.Cleanup(func() {
		cancel()
		for range statuses {
		}
	})
	go func() {
		defer close(statuses)
		for {
			resp, err := stream.Recv()
			if err != nil {
				return
			}
			statuses <- resp.GetStatus()
		}
	}()
	return statuses
}

// Pelcro has its own name in the health service; the statuses of the service itself do not
// depend on it.
func TestR29HealthFollowsPelcro(t *testing.T) {
	parallelUnlessSoaking(t)
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		g := startInMemory(t, roundTrip(func(r *http.Request) (*http.Response, error) {
			if down.Load() {
				return httpResponse(503, `{"message":"Service Unavailable"}`), nil
			}
			return succeed(r)
		}))
		pelcro := g.watch(t, "pelcro")
		others := []<-chan healthpb.HealthCheckResponse_ServingStatus{g.watch(t, ""), g.watch(t, "pelcro.v1.CustomerService")}
		for _, statuses := range append(others, pelcro) {
			if first := <-statuses; first != serving {
				t.Errorf("at first: %v", first)
			}
		}
		// waitFor makes calls until the status of pelcro is the wanted one.
		waitFor := func(want healthpb.HealthCheckResponse_ServingStatus) {
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
				if took := time.Since(begin); took > 2*time.Second {
					t.Fatalf("not %v after %v", want, took)
				}
			}
		}
		for range 3 {
			down.Store(true)
			waitFor(notServing)
			down.Store(false)
			waitFor(serving)
		}
		synctest.Wait()
		for _, statuses := range others {
			if len(statuses) > 0 {
				t.Errorf("the service itself became %v", <-statuses)
			}
		}
	})
}

// A failure rate of a tenth is not an outage.
func TestR29OccasionalFailures(t *testing.T) {
	parallelUnlessSoaking(t)
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		g := startInMemory(t, roundTrip(func(r *http.Request) (*http.Response, error) {
			if calls.Add(1)%10 == 0 {
				return httpResponse(500, `{"message":"Server Error"}`), nil
			}
			return succeed(r)
		}))
		pelcro := g.watch(t, "pelcro")
		<-pelcro
		paced(scaled(4000, 400), 200, func(int) { _ = g.get(t.Context(), 42) })
		synctest.Wait()
		if len(pelcro) > 0 {
			t.Errorf("the status became %v", <-pelcro)
		}
	})
}
