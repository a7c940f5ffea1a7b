package server

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2"
	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// slowStream has requests that take this long to arrive.
type slowStream struct {
	grpc.ServerStream
	arrive []time.Duration
}

func (s *slowStream) RecvMsg(any) error {
	next := s.arrive[0]
	s.arrive = s.arrive[1:]
	time.Sleep(next)
	return nil
}

// TestReadTimeout: the first request of a stream must arrive in time; before others a client may do
// nothing.
func TestReadTimeout(t *testing.T) {
	for _, test := range []struct {
		name   string
		arrive []time.Duration
		want   error
	}{
		{"in time", []time.Duration{readTimeout - 1}, nil},
		{"late", []time.Duration{readTimeout + 1}, errRequestIncomplete},
		{"idle between requests", []time.Duration{1, time.Hour, time.Hour}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := context.WithValue(t.Context(), rpcKey{}, &rpc{began: time.Now()})
				requests := newRequests(maxBuiltinRequest, readTimeout)
				stream := &stream{requests: requests, WrappedServerStream: &middleware.WrappedServerStream{
					ServerStream: &slowStream{arrive: test.arrive}, WrappedContext: ctx,
				}}
				var err error
				for range test.arrive {
					err = stream.RecvMsg(&healthpb.HealthCheckRequest{})
				}
				if !errors.Is(err, test.want) {
					t.Errorf("%v, want %v", err, test.want)
				}
				time.Sleep(readTimeout) // the reading ends after the call
			})
		})
	}
}
