package server

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/tap"
)

const getCustomer = "/pelcro.v1.CustomerService/GetCustomer"

// TestArrival: a call that ended without having arrived is told of, once and with why;
// every other one is not.
func TestArrival(t *testing.T) {
	type arriving struct {
		call *call
		end  context.CancelFunc
	}
	const deadline = 2 * time.Hour
	for _, test := range []struct {
		name, path string
		happens    func(s *Server, a arriving)
		cause      string // empty: nothing is told
	}{
		{"arrives, and ends", getCustomer, func(s *Server, a arriving) {
			a.call.arrive(s.unknown)
			a.end()
		}, ""},
		{"ends, and arrives a little later", getCustomer, func(s *Server, a arriving) {
			a.end()
			time.Sleep(arrivalTime - 1)
			a.call.arrive(s.unknown)
		}, ""},
		{"ends", getCustomer, func(_ *Server, a arriving) { a.end() }, "grpc-encoding"},
		{"ends after a while", getCustomer, func(_ *Server, a arriving) {
			time.Sleep(time.Hour)
			a.end()
		}, "grpc-encoding"},
		{"no slash", "x", func(_ *Server, a arriving) { a.end() }, "/package.Service/Method"},
		{"one slash", "/x", func(_ *Server, a arriving) { a.end() }, "/package.Service/Method"},
		{"past its deadline", getCustomer, func(*Server, arriving) { time.Sleep(deadline + 1) }, ""},
		{"while the service stops", getCustomer, func(s *Server, a arriving) {
			a.end()
			s.phase.Store(stopping)
		}, ""},
		{"goes on", getCustomer, func(*Server, arriving) {}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				s := loggingServer(&log)
				ctx, end := context.WithTimeout(t.Context(), deadline)
				defer end()
				ctx, _ = s.tap(ctx, &tap.Info{FullMethodName: test.path})
				test.happens(s, arriving{callOf(ctx), end})
				time.Sleep(2 * arrivalTime)
				synctest.Wait()
				if test.cause == "" {
					if log.Len() > 0 {
						t.Errorf("logged %s", &log)
					}
					return
				}
				var line struct {
					Msg, Cause string
					Took       float64 `json:"duration_ms"`
				}
				if err := json.Unmarshal(log.Bytes(), &line); err != nil {
					t.Fatalf("%v: %s", err, &log)
				}
				if line.Msg != "refused call" || !strings.Contains(line.Cause, test.cause) {
					t.Errorf("logged %s", &log)
				}
				if want := map[bool]float64{true: 3_600_000}[strings.Contains(test.name, "while")]; line.Took != want {
					t.Errorf("took %v ms, want %v", line.Took, want)
				}
			})
		})
	}
}

// TestFloodOfEndedCalls: only so many calls are awaited at once, and the next ones are
// when those have been told of.
func TestFloodOfEndedCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := loggingServer(&log)
		flood := func() {
			for range 2 * maxAwaited {
				ctx, end := context.WithCancel(t.Context())
				_, _ = s.tap(ctx, &tap.Info{FullMethodName: getCustomer})
				end()
			}
			time.Sleep(2 * arrivalTime)
			synctest.Wait()
		}
		flood()
		flood()
		if lines := bytes.Count(log.Bytes(), []byte("\n")); lines != 2*maxAwaited {
			t.Errorf("%d lines", lines)
		}
	})
}

// loggingServer is a server as far as calls that do not arrive need one.
func loggingServer(log *bytes.Buffer) *Server {
	s := &Server{config: Config{Logger: slog.New(slog.NewJSONHandler(log, nil))}, methods: map[string]*method{}}
	s.unknown = s.newMethod("", "unknown", "unknown")
	s.addMethod("unary", "pelcro.v1.CustomerService", "GetCustomer")
	return s
}
