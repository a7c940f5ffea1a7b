package export_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/export"
)

// TestLines: a customer is a line of JSON without whitespace, the same in each build.
func TestLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines strings.Builder
		if waits, err := (&service{}).run(t.Context(), t, export.ToWriter(&lines, &pelcrov1.StreamCustomersRequest{})); err != nil || waits != nil {
			t.Error(waits, err)
		}
		mustHaveAll(t, lines.String())
		if first, _, _ := strings.Cut(lines.String(), "\n"); first != `{"id":"1","email":"a@example.com"}` {
			t.Error(first)
		}
	})
}

// TestBreaks: a stream that broke is continued, after the wait that the error asks for, or after one
// that doubles until something is received.
func TestBreaks(t *testing.T) {
	const s = time.Second
	for _, test := range []struct {
		name string
		// errs are those before each message, the one after the last message included.
		errs [][]error
		want []time.Duration
	}{
		{"none", nil, nil},
		{"before the first message", [][]error{{ofService(codes.Unavailable, 0), ofService(codes.Unavailable, 0)}}, []time.Duration{s, 2 * s}},
		{"between messages", [][]error{{}, {ofService(codes.Unavailable, 0)}, {ofService(codes.Unavailable, 0)}}, []time.Duration{s, s}},
		{"after the last message", [][]error{{}, {}, {}, {ofService(codes.Unavailable, 0)}}, []time.Duration{s}},
		{"the connection", [][]error{{}, {status.Error(codes.Unavailable, "reset")}}, []time.Duration{s}},
		{"a proxy that cancels", [][]error{{}, {status.Error(codes.Canceled, "reset")}}, []time.Duration{s}},
		{"a proxy that fails", [][]error{{}, {status.Error(codes.Internal, "reset")}}, []time.Duration{s}},
		{"a proxy with a time limit", [][]error{{}, {status.Error(codes.DeadlineExceeded, "too long")}}, nil},
		{"a proxy without time", [][]error{{status.Error(codes.DeadlineExceeded, "too long")}}, []time.Duration{s}},
		{"the service asks to wait", [][]error{{}, {ofService(codes.ResourceExhausted, 45*s), ofService(codes.Unavailable, 0)}}, []time.Duration{45 * s, 2 * s}},
		{"the service is overloaded", [][]error{{ofService(codes.ResourceExhausted, 0)}}, []time.Duration{s}},
		{"many", [][]error{slices.Repeat([]error{ofService(codes.Unavailable, 0)}, 8)}, []time.Duration{s, 2 * s, 4 * s, 8 * s, 16 * s, 30 * s, 30 * s, 30 * s}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var lines strings.Builder
				from := &service{before: func(_ context.Context, sent int) error {
					if sent >= len(test.errs) || len(test.errs[sent]) == 0 {
						return nil
					}
					err := test.errs[sent][0]
					test.errs[sent] = test.errs[sent][1:]
					return err
				}}
				waits, err := from.run(t.Context(), t, export.ToWriter(&lines, &pelcrov1.StreamCustomersRequest{}))
				if err != nil || !slices.Equal(waits, test.want) {
					t.Errorf("waits %v, want %v, %v", waits, test.want, err)
				}
				mustHaveAll(t, lines.String())
			})
		})
	}
}

// TestGivesUp: an export that receives nothing ends after the time that it has for that, or earlier if
// it would have to wait longer.
func TestGivesUp(t *testing.T) {
	for _, test := range []struct {
		name   string
		before func(context.Context, int) error
		after  time.Duration
		why    string
	}{
		{"errors", func(context.Context, int) error { return ofService(codes.Unavailable, 0) }, 9*time.Minute + 31*time.Second, "nothing was received for 10m0s"},
		{"a wrong address", func(context.Context, int) error { return status.Error(codes.Unavailable, "connection refused") }, 31 * time.Second, "the service was not reached"},
		{"silence", func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }, 10 * time.Minute, "nothing was received for 10m0s"},
		{"a long wait", func(context.Context, int) error { return ofService(codes.ResourceExhausted, time.Hour) }, 0, "the service asks to wait for 1h0m0s"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				_, err := (&service{before: test.before}).run(t.Context(), t, export.ToWriter(io.Discard, &pelcrov1.StreamCustomersRequest{}))
				stuck, ok := errors.AsType[*export.StuckError](err)
				if !ok || stuck.Why != test.why || time.Since(start) != test.after {
					t.Errorf("after %s: %v", time.Since(start), err)
				}
			})
		})
	}
}

// TestSlow: an export that receives something in time goes on, however long the whole takes, and no
// stream of it counts as broken.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines strings.Builder
		from := &service{before: func(ctx context.Context, _ int) error {
			select {
			case <-time.After(4 * time.Minute):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}}
		start := time.Now()
		waits, err := from.run(t.Context(), t, export.ToWriter(&lines, &pelcrov1.StreamCustomersRequest{}))
		if err != nil || waits != nil || len(from.requests) < 2 || time.Since(start) < giveUpAfter {
			t.Errorf("%d streams, waits %v, %v", len(from.requests), waits, err)
		}
		mustHaveAll(t, lines.String())
	})
}

// TestEnds: an error that a new stream does not fix ends the export.
func TestEnds(t *testing.T) {
	for name, want := range map[string]error{
		"invalid request":                  ofService(codes.InvalidArgument, 0),
		"unknown caller":                   ofService(codes.Unauthenticated, 0),
		"no permission":                    ofService(codes.PermissionDenied, 0),
		"an older service":                 status.Error(codes.Unimplemented, "unknown method"),
		"a fault of the service":           ofService(codes.Internal, 0),
		"a message too large for gRPC":     status.Error(codes.ResourceExhausted, "too large"),
		"something other than a service":   status.Error(codes.Unknown, "HTML"),
		"the service says it was canceled": ofService(codes.Canceled, 0),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				waits, err := (&service{before: func(_ context.Context, sent int) error {
					if sent == 0 {
						return nil
					}
					return want
				}}).run(t.Context(), t, export.ToWriter(io.Discard, &pelcrov1.StreamCustomersRequest{}))
				if status.Code(err) != status.Code(want) || waits != nil {
					t.Errorf("waits %v, %v", waits, err)
				}
			})
		})
	}
	t.Run("a broken output", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			if _, err := (&service{}).run(t.Context(), t, export.ToWriter(brokenWriter{}, &pelcrov1.StreamCustomersRequest{})); !errors.Is(err, io.ErrClosedPipe) {
				t.Error(err)
			}
		})
	})
}
