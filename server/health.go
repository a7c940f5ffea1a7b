package server

import (
	"sync"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// upstreamService is the health service of Pelcro itself. The others stay SERVING when Pelcro
// fails: clients that check health would otherwise never see the reasons of their calls.
const upstreamService = "pelcro"

// upstreamHealth holds the reasons to report Pelcro NOT_SERVING.
type upstreamHealth struct {
	mu                       sync.Mutex
	circuitOpen, keyRejected bool
}

// circuitChanged reports a circuit breaker that opened or closed.
func (s *Server) circuitChanged(closed bool) {
	if closed {
		s.config.Logger.Info("the circuit breaker is closed: Pelcro responds again")
	} else {
		s.config.Logger.Error("the circuit breaker is open: Pelcro keeps failing")
	}
	s.setUpstream(func(u *upstreamHealth) { u.circuitOpen = !closed })
}

// apiKeyStatusChanged reports that Pelcro accepts or rejects the API key.
func (s *Server) apiKeyStatusChanged(accepted bool) {
	if accepted {
		s.config.Logger.Info("Pelcro accepts the API key")
	} else {
		s.config.Logger.Error("Pelcro rejects the API key: replace it (docs/operations.md)")
	}
	s.setUpstream(func(u *upstreamHealth) { u.keyRejected = !accepted })
}

func (s *Server) setUpstream(change func(*upstreamHealth)) {
	u := &s.upstream
	u.mu.Lock()
	defer u.mu.Unlock()
	change(u)
	status := healthpb.HealthCheckResponse_SERVING
	if u.circuitOpen || u.keyRejected {
		status = healthpb.HealthCheckResponse_NOT_SERVING
	}
	s.health.SetServingStatus(upstreamService, status)
}
