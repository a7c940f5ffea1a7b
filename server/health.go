package server

import (
	"sync"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// upstreamService is the health service that tells whether Pelcro answers and takes
// the service's key. The others stay SERVING when it does not: clients that check
// health would otherwise never see its reasons.
const upstreamService = "pelcro"

// upstreamHealth is what speaks against Pelcro.
type upstreamHealth struct {
	mu                      sync.Mutex
	circuitOpen, keyRefused bool
}

// circuitChanged tells of a circuit breaker that opened or closed.
func (s *Server) circuitChanged(closed bool) {
	if closed {
		s.config.Logger.Info("the circuit breaker is closed: Pelcro answers again")
	} else {
		s.config.Logger.Error("the circuit breaker is open: Pelcro keeps failing")
	}
	s.setUpstream(func(u *upstreamHealth) { u.circuitOpen = !closed })
}

// keyStatusChanged logs that Pelcro has accepted or rejected the API key.
func (s *Server) keyStatusChanged(accepted bool) {
	if accepted {
		s.config.Logger.Info("Pelcro accepts the API key")
	} else {
		s.config.Logger.Error("Pelcro refuses the API key: replace it (docs/operations.md)")
	}
	s.setUpstream(func(u *upstreamHealth) { u.keyRefused = !accepted })
}

func (s *Server) setUpstream(change func(*upstreamHealth)) {
	u := &s.upstream
	u.mu.Lock()
	defer u.mu.Unlock()
	change(u)
	status := healthpb.HealthCheckResponse_SERVING
	if u.circuitOpen || u.keyRefused {
		status = healthpb.HealthCheckResponse_NOT_SERVING
	}
	s.health.SetServingStatus(upstreamService, status)
}
