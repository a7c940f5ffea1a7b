package promises_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// A panic becomes INTERNAL with a fixed text, reveals nothing about its value, and affects
// no other call.
func TestR15Panics(t *testing.T) {
	const canary = "canary-4929"
	panics := []func(){
		func() { panic(canary) },
		func() { panic(errors.New(canary)) },
		func() { panic(fmt.Errorf("wrapped: %w", errors.New(canary))) },
		func() { panic([]byte(canary)) },
		func() { panic(map[string]string{canary: canary}) },
		func() { panic(struct{ Key string }{canary}) },
		func() { _ = []byte(canary)[len(canary)+runtime.NumGoroutine():] },
		func() { maps.Copy(map[string]string(nil), map[string]string{canary: canary}) },
		func() { var v any = canary; _ = v.(int) },
		func() { var v any = []string{canary}; _ = map[any]int{v: 1} },
		func() { panic(nil) },
		func() { panic(http.ErrAbortHandler) },
		func() { panic(context.Canceled) },
	}
	var n atomic.Int64
	log := &logBuffer{}
	g := start(t, noUpstream, withTransport(roundTrip(func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/42") || r.Method == http.MethodPost {
			_, _ = io.Copy(io.Discard, r.Body)
			panics[int(n.Add(1))%len(panics)]()
		}
		return successResponse(r), nil
	})), func(c *config) {
		c.server.Logger = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	if _, err := g.customers.GetCustomer(t.Context(), getRequest(43)); err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()

	others, end := context.WithCancel(t.Context())
	var parallel sync.WaitGroup
	var good atomic.Int64
	for range 2 {
		parallel.Go(func() {
			for others.Err() == nil {
				if _, err := g.customers.GetCustomer(t.Context(), getRequest(43)); err != nil {
					t.Errorf("a parallel call: %v", err)
				}
				good.Add(1)
			}
		})
	}
	messages := map[string]int{}
	for i := range scaled(1000, 200) {
		var trailer metadata.MD
		_, err := g.customers.UpdateCustomer(t.Context(), &pelcrov1.UpdateCustomerRequest{
			Customer: &pelcrov1.Customer{Id: 42, FirstName: new(canary)},
		}, grpc.Trailer(&trailer))
		if i%2 == 1 {
			_, err = g.customers.CreateCustomer(t.Context(), &pelcrov1.CreateCustomerRequest{
				Customer: &pelcrov1.Customer{Email: new(canary)}, Password: new(canary),
			}, grpc.Trailer(&trailer))
		}
		if s := status.Convert(err); s.Code() != codes.Internal || reasonOf(err) != "GATEWAY_INTERNAL_ERROR" {
			t.Fatalf("a panic became %v, %s", err, reasonOf(err))
		}
		messages[status.Convert(err).Message()]++
		if everything := fmt.Sprint(status.Convert(err).Proto(), map[string][]string(trailer)); strings.Contains(everything, canary) {
			t.Fatalf("the status has the value: %s", everything)
		}
	}
	end()
	parallel.Wait()
	t.Logf("messages: %v; %d good calls", messages, good.Load())
	if len(messages) != 1 {
		t.Errorf("the message changes: %v", messages)
	}
	if strings.Contains(log.String(), canary) {
		t.Errorf("the log has the value: %s", log.String())
	}
	if !strings.Contains(log.String(), "goroutine ") {
		t.Error("the log has no stack")
	}
	goroutinesReturn(t, before)
}
