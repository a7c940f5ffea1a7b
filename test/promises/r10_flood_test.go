package promises_test

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/net/http2"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// Who pings every ten milliseconds is told to calm down and loses the connection,
// within a second.
func TestR10PingFlood(t *testing.T) {
	g := start(t, nowhere, through(roundTrip(finding)))
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
			if time.Since(begin) > patience {
				t.Fatal("nobody minds the pings")
			}
		case code := <-goAway:
			took := time.Since(begin)
			receive(t, closed, "end of the connection")
			t.Logf("%d pings, told after %v, closed after %v", n, took, time.Since(begin))
			if code != http2.ErrCodeEnhanceYourCalm || took > scaled(time.Second, patience) {
				t.Errorf("%v after %v", code, took)
			}
			return
		}
	}
}

// Who floods with SETTINGS and does not read the acknowledgements is not read any
// more either, and leaves nothing behind.
func TestR10SettingsFlood(t *testing.T) {
	g := start(t, nowhere, through(roundTrip(finding)))
	before := runtime.NumGoroutine()
	memory := measureMemory(t)
	c := g.dialRaw(t)
	// A frame of settings takes nine bytes, its acknowledgement too: the flood ends
	// when the buffers of both ways are full.
	var err error
	sent := 0
	for ; err == nil && sent < 5_000_000; sent++ {
		if sent%1000 == 0 {
			_ = c.conn.SetWriteDeadline(time.Now().Add(scaled(3*time.Second, 500*time.Millisecond)))
		}
		err = c.framer.WriteSettings()
	}
	t.Logf("%d frames were taken, then: %v", sent, err)
	if err == nil {
		t.Error("the service reads on and on, and must keep what it cannot write")
	}
	t.Logf("the memory grew by at most %d KiB", memory.grewLess(32<<20)>>10)
	c.conn.Close()
	goroutinesReturn(t, before)
}

// Who reads them makes work for one connection only, not for others.
func TestR10AnsweredSettingsFlood(t *testing.T) {
	g := start(t, nowhere, through(roundTrip(finding)))
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
			t.Logf("cut after %d frames: %v", sent, err)
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
