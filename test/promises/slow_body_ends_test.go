package promises_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// Pelcro sends one byte every 10 ms, on many connections.
func TestR24SlowBodyEndsAtDeadline(t *testing.T) {
	bestOfThree(t, func() string { return trickle(t, scaled(500, 50), scaled(3*time.Second, time.Second)) })
}

// trickle makes concurrent calls and returns which ended too late.
func trickle(t *testing.T, calls int, deadline time.Duration) string {
	t.Helper()
	const perConnection = 100 // below the server's limit of streams
	g := start(t, trickleUpstream(t, 10*time.Millisecond), withoutBreaker)
	clients := make([]pelcrov1.CustomerServiceClient, (calls+perConnection-1)/perConnection)
	for i := range clients {
		conn := gatewaytest.Dial(t, g.Address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		clients[i] = pelcrov1.NewCustomerServiceClient(conn)
		if _, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{}); err != nil {
			t.Fatal(err)
		}
	}

	before, over, growth := residentBytes(t), make(chan struct{}), make(chan int64, 1)
	go func() {
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		most := int64(0)
		for {
			select {
			case <-ticker.C:
				most = max(most, residentBytes(t)-before)
			case <-over:
				growth <- most
				return
			}
		}
	}()
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
	close(over)
	grown := <-growth
	first, last := slices.Min(off), slices.Max(off)
	t.Logf("%d calls ended between %v and %v of their deadline; memory grew by %d KiB", calls, first, last, grown>>10)
	if grown >= 64<<20 {
		t.Errorf("the memory grew by %d bytes", grown)
	}
	if first < -100*time.Millisecond || last > 100*time.Millisecond+scaled(0, time.Second) {
		return fmt.Sprintf("calls ended between %v and %v of their deadline", first, last)
	}
	return ""
}

// trickleUpstream starts an upstream that sends one byte of a long body after each pause
// and needs almost no memory itself.
func trickleUpstream(t *testing.T, pause time.Duration) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	over := make(chan struct{})
	serve := func(conn net.Conn) {
		defer conn.Close()
		var request [2 << 10]byte // it arrives in one read
		if _, err := conn.Read(request[:]); err != nil {
			return
		}
		if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2048\r\n\r\n"); err != nil {
			return
		}
		ticker := time.NewTicker(pause)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
			case <-over:
				return
			}
			if _, err := conn.Write([]byte{' '}); err != nil {
				return
			}
		}
	}
	group.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			group.Go(func() { serve(conn) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		close(over)
		group.Wait()
	})
	return "http://" + listener.Addr().String()
}

// residentBytes returns the resident memory of the process with all parts of the test, 0
// without /proc.
func residentBytes(tb testing.TB) int64 {
	tb.Helper()
	raw, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(raw)
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		tb.Error(err)
	}
	return pages * int64(os.Getpagesize())
}
