package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// book is a Pelcro with so many customers, and hooks for some pages of them.
type book struct {
	customers int
	// text is in each customer.
	text string
	// on are the responses to some requests, by their number from 1.
	on map[int]http.HandlerFunc

	mu       sync.Mutex
	requests int
}

func (b *book) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	b.requests++
	hook := b.on[b.requests]
	b.mu.Unlock()
	if hook != nil {
		hook(w, r)
		return
	}
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	rows := []map[string]any{}
	for id := (page-1)*limit + 1; id <= min(page*limit, b.customers); id++ {
		rows = append(rows, map[string]any{"id": id, "first_name": b.text})
	}
	body, err := json.Marshal(map[string]any{"data": rows, "meta": map[string]any{
		"current_page": page, "per_page": limit, "total": b.customers, "last_page": (b.customers + limit - 1) / limit,
	}})
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}

func (b *book) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.requests
}

// openStream opens a stream of customers.
func openStream(ctx context.Context, t *testing.T, g *gatewaytest.Gateway, token string) grpc.ServerStreamingClient[pelcrov1.StreamCustomersResponse] {
	t.Helper()
	stream, err := g.Customers.StreamCustomers(ctx, &pelcrov1.StreamCustomersRequest{ResumeToken: token})
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// drain reads the rest of a stream, and returns how many customers that is, the last token and the end.
func drain(stream grpc.ServerStreamingClient[pelcrov1.StreamCustomersResponse]) (customers int, token string, end callResult) {
	for {
		message, err := stream.Recv()
		if err != nil {
			return customers, token, callResult{err: err, trailer: stream.Trailer()}
		}
		customers += len(message.GetCustomers())
		token = message.GetResumeToken()
	}
}

// TestStreamSucceeds: the line of a stream has its pages and customers, and its trailers the request id.
func TestStreamSucceeds(t *testing.T) {
	g := start(t, &book{customers: 250})
	customers, _, end := drain(openStream(t.Context(), t, g.Gateway, ""))
	if customers != 250 || !errors.Is(end.err, io.EOF) || len(end.trailer.Get("x-request-id")) != 1 {
		t.Errorf("%d customers, %v, %v", customers, end.err, end.trailer)
	}
	line := g.Log.Next(t, finished)
	mustSay(t, line, map[string]any{
		"grpc.method": "StreamCustomers", "grpc.code": "OK", "pages": 3.0, "customers": 250.0, "upstream_attempts": 3.0, "level": "INFO",
	})
	mustSucceed(t, g.Customers.BatchGetCustomers, &pelcrov1.BatchGetCustomersRequest{Ids: []int64{1, 2}})
	mustSay(t, g.Log.Next(t, finished), map[string]any{"grpc.method": "BatchGetCustomers", "customers": 2.0, "missing": 0.0})
}

// TestStreamEnds: what ends a stream after messages is a status with all its parts.
func TestStreamEnds(t *testing.T) {
	arrived := make(chan struct{}, 10)
	hang := func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	}
	for _, test := range []struct {
		name   string
		hook   http.HandlerFunc
		end    func(*gateway, context.CancelFunc)
		code   codes.Code
		reason pelcrov1.ErrorReason
	}{
		{"an error of Pelcro", jsonError(403, "No."), nil, codes.PermissionDenied, pelcrov1.ErrorReason_PELCRO_PERMISSION_DENIED},
		{"a panic", nil, nil, codes.Internal, pelcrov1.ErrorReason_GATEWAY_INTERNAL_ERROR},
		{"cancelled", hang, func(_ *gateway, cancel context.CancelFunc) { cancel() }, codes.Canceled, pelcrov1.ErrorReason_CALLER_CANCELLED},
		{"a stop that cannot wait", hang, func(g *gateway, _ context.CancelFunc) { _ = g.Stop() }, codes.Unavailable, pelcrov1.ErrorReason_GATEWAY_SHUTTING_DOWN},
	} {
		t.Run(test.name, func(t *testing.T) {
			pelcro := &book{customers: 1000, on: map[int]http.HandlerFunc{2: test.hook}}
			g := start(t, pelcro, func(c *gatewaytest.Config) {
				c.Server.DrainTimeout = 100 * time.Millisecond
				if test.name == "a panic" {
					next := http.DefaultTransport
					c.Pelcro.Transport = tripper(func(r *http.Request) (*http.Response, error) {
						if r.URL.Query().Get("page") != "1" {
							panic("canary panic")
						}
						return next.RoundTrip(r)
					})
				}
			})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			stream := openStream(ctx, t, g.Gateway, "")
			if _, err := stream.Recv(); err != nil {
				t.Fatal(err)
			}
			if test.end != nil {
				<-arrived
				test.end(g, cancel)
			}
			_, _, end := drain(stream)
			line := g.Log.Next(t, finished)
			mustSay(t, line, map[string]any{"grpc.code": test.code.String(), "reason": test.reason.String(), "pages": 1.0, "customers": 100.0})
			if test.code == codes.Canceled {
				return // the client does not wait for the status
			}
			f := end.failure(t)
			f.mustBe(t, test.code, test.reason)
			f.mustHide(t, "canary")
		})
	}
}

func jsonError(status int, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"message":"`+message+`"}`)
	}
}

// inMemory runs the service on the clock of testing/synctest. A page takes a second.
func inMemory(t *testing.T, upstream http.Handler, options ...func(*gatewaytest.Config)) *gatewaytest.Gateway {
	t.Helper()
	latency := func() time.Duration { return time.Second }
	return gatewaytest.Start(t, gatewaytest.InMemoryURL, append(options, gatewaytest.InMemory(upstream, latency))...)
}

// TestStreamStop: a stop lets the page arrive that is on its way, ends the stream with its reason, and
// another instance continues it.
func TestStreamStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pelcro := &book{customers: 1000}
		g := inMemory(t, pelcro)
		stream := openStream(t.Context(), t, g, "")
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		go func() { _ = g.Stop() }()
		before, token, end := drain(stream)
		f := end.failure(t)
		f.mustBe(t, codes.Unavailable, pelcrov1.ErrorReason_GATEWAY_SHUTTING_DOWN)
		if took := time.Since(begin); took > 3*time.Second {
			t.Errorf("the stop took %v", took)
		}
		requests := pelcro.count()
		after, _, end := drain(openStream(t.Context(), t, inMemory(t, pelcro), token))
		if !errors.Is(end.err, io.EOF) || 100+before+after != 1000 || pelcro.count() > 14 {
			t.Errorf("100, %d and %d customers in %d and %d requests, %v", before, after, requests, pelcro.count()-requests, end.err)
		}
	})
}

// TestStreamConnectionAge: a stream ends with its reason before gRPC closes its old connection.
func TestStreamConnectionAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := inMemory(t, &book{customers: 1_000_000})
		begin := time.Now()
		_, _, end := drain(openStream(t.Context(), t, g, ""))
		f := end.failure(t)
		f.mustBe(t, codes.Unavailable, pelcrov1.ErrorReason_GATEWAY_SHUTTING_DOWN)
		if took := time.Since(begin); took < 28*time.Minute || took > 29*time.Minute {
			t.Errorf("it ended after %v", took)
		}
		if cause := g.Log.Next(t, finished).Text("cause"); !strings.Contains(cause, "the connection is too old") {
			t.Errorf("logged %q", cause)
		}
	})
}

// TestStreamDeadline: the caller's deadline ends a stream, however long --request-timeout is, which does
// not.
func TestStreamDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := inMemory(t, &book{customers: 1_000_000}, func(c *gatewaytest.Config) { c.Pelcro.Timeout = 3 * time.Second })
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		customers, _, end := drain(openStream(ctx, t, g, ""))
		f := end.failure(t)
		f.mustBe(t, codes.DeadlineExceeded, pelcrov1.ErrorReason_CALLER_DEADLINE_EXCEEDED)
		if customers < 500*80 {
			t.Errorf("%d customers", customers)
		}
	})
}

// TestStreamsCount: streams count for the limit of concurrent calls.
func TestStreamsCount(t *testing.T) {
	g := start(t, &book{customers: 1000, text: strings.Repeat("x", 10<<10)}, func(c *gatewaytest.Config) { c.Server.MaxConcurrentCalls = 2 })
	for range 2 {
		if _, err := openStream(t.Context(), t, g.Gateway, "").Recv(); err != nil {
			t.Fatal(err)
		}
	}
	_, _, end := drain(openStream(t.Context(), t, g.Gateway, ""))
	f := end.failure(t)
	f.mustBe(t, codes.ResourceExhausted, pelcrov1.ErrorReason_GATEWAY_OVERLOADED)
}

// TestStreamMemory: clients that do not read take no memory from unary calls, and each holds one page.
func TestStreamMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pelcro := &book{customers: 5000, text: strings.Repeat("x", 5<<10)} // half a megabyte in a page
		g := inMemory(t, pelcro)
		const streams = 100
		for range streams {
			openStream(t.Context(), t, g, "")
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := pelcro.count(); n > streams {
			t.Errorf("%d requests for %d streams that are not read", n, streams)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := g.Customers.ListCustomers(ctx, &pelcrov1.ListCustomersRequest{PageSize: 100}); err != nil {
			t.Error(err)
		}
	})
}

// TestStreamsShareMemory: streams of large pages that are read at the same time do not wait for each
// other for ever.
func TestStreamsShareMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := inMemory(t, &book{customers: 110, text: strings.Repeat("x", 10<<10)}) // a megabyte in a page
		const streams = 70
		ended := make(chan callResult, streams)
		for range streams {
			go func() {
				customers, _, end := drain(openStream(t.Context(), t, g, ""))
				if customers != 110 {
					t.Errorf("%d customers", customers)
				}
				ended <- end
			}()
		}
		for range streams {
			if end := <-ended; !errors.Is(end.err, io.EOF) {
				t.Error(end.err)
			}
		}
	})
}
