package promises_test

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/net/http2"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// A client that pings every ten milliseconds receives ENHANCE_YOUR_CALM and loses its
// connection within a second.
func TestR10PingFlood(t *testing.T) {
	g := start(t, noUpstream, withTransport(roundTrip(succeed)))
	c := g.dialRaw(t)
	goAway := make(chan http2.ErrCode, 1)
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		c.read(func(frame http2.Frame) {
			if frame, ok := frame.(*http2.GoAwayFrame); ok {
				goAway <- frame.ErrCode
			}
		})
	}()
	begin := time.Now()
	pings := time.NewTicker(10 * time.Millisecond)
	defer pings.Stop()
	for n := 0; ; n++ {
		select {
		case <-pings.C:
			c.mu.Lock()
			_ = c.framer.WritePing(false, [8]byte{byte(n)})
			_ = c.out.Flush()
			c.mu.Unlock()
			if time.Since(begin) > testTimeout {
				t.Fatal("the service tolerates the pings")
			}
		case code := <-goAway:
			took := time.Since(begin)
			receive(t, closed, "end of the connection")
			t.Logf("%d pings, GOAWAY after %v, closed after %v", n, took, time.Since(begin))
			if code != http2.ErrCodeEnhanceYourCalm || took > scaled(time.Second, testTimeout) {
				t.Errorf("%v after %v", code, took)
			}
			return
		}
	}
}

// The service stops reading from a client that floods it with SETTINGS and does not read
// the acknowledgements; nothing remains of the connection.
func TestR10SettingsFlood(t *testing.T) {
	g := start(t, noUpstream, withTransport(roundTrip(succeed)))
	before := runtime.NumGoroutine()
	memory := measureMemory(t)
	c := g.dialRaw(t)
	// A SETTINGS frame and its acknowledgement take nine bytes each: the flood ends when the
	// buffers of both directions are full.
	var err error
	sent := 0
	for ; err == nil && sent < 5_000_000; sent++ {
		if sent%1000 == 0 {
			_ = c.conn.SetWriteDeadline(time.Now().Add(scaled(3*time.Second, 500*time.Millisecond)))
		}
		err = c.framer.WriteSettings()
	}
	t.Logf("%d frames were accepted, then: %v", sent, err)
	if err == nil {
		t.Error("the service keeps reading, so it must buffer what it cannot write")
	}
	t.Logf("the memory grew by at most %d KiB", memory.grewLess(32<<20)>>10)
	c.conn.Close()
	goroutinesReturn(t, before)
}

// A client that reads the acknowledgements does not affect other connections.
func TestR10AcknowledgedSettingsFlood(t *testing.T) {
	g := start(t, noUpstream, withTransport(roundTrip(succeed)))
	if _, err := g.customers.GetCustomer(t.Context(), &pelcrov1.GetCustomerRequest{Id: 42}); err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	memory := measureMemory(t)
	c := g.dialRaw(t)
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		c.read(func(http2.Frame) {})
	}()
	for sent := range scaled(500_000, 20_000) {
		c.mu.Lock()
		err := c.framer.WriteSettings()
		c.mu.Unlock()
		if err != nil {
			t.Logf("the connection was closed after %d frames: %v", sent, err)
			break
		}
	}
	if _, err := g.customers.GetCustomer(t.Context(), &pelcrov1.GetCustomerRequest{Id: 42}); err != nil {
		t.Errorf("the good client: %v", err)
	}
	t.Logf("the memory grew by at most %d KiB", memory.grewLess(32<<20)>>10)
	c.conn.Close()
	<-closed
	goroutinesReturn(t, before)
}
