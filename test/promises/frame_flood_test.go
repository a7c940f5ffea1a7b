package promises_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

// grpc-go defends itself against floods of frames, unless an option of the server prevents it. These
// tests check that no option does.

// flood reads what the service sends to a raw client.
type flood struct {
	*rawClient

	limit   chan uint32        // of streams
	refused chan struct{}      // one value for each refused stream
	goAway  chan http2.ErrCode // at most one value
	closed  chan struct{}
}

// getOf is a request for a customer of its own: equal reads would share a request to Pelcro.
func getOf(n int) []byte { return protowire.AppendVarint([]byte{8}, uint64(n)+1000) }

func startFlood(t *testing.T, address string) *flood {
	t.Helper()
	f := &flood{dialRaw(t, address), make(chan uint32, 1), make(chan struct{}, 100_000), make(chan http2.ErrCode, 1), make(chan struct{})}
	go func() {
		defer close(f.closed)
		f.read(func(frame http2.Frame) {
			switch frame := frame.(type) {
			case *http2.SettingsFrame:
				if n, ok := frame.Value(http2.SettingMaxConcurrentStreams); ok {
					f.limit <- n
				}
			case *http2.RSTStreamFrame:
				if frame.ErrCode == http2.ErrCodeRefusedStream {
					f.refused <- struct{}{}
				}
			case *http2.GoAwayFrame:
				f.goAway <- frame.ErrCode
			}
		})
	}()
	return f
}

// send writes frames and reports whether the connection is still open.
func (f *flood) send(write func()) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	write()
	return f.out.Flush() == nil
}

// waitingUpstream counts concurrent requests, each of which lasts until its call has ended and it
// was released.
type waitingUpstream struct {
	running, most atomic.Int64
	released      chan struct{}
}

func (u *waitingUpstream) roundTrip(r *http.Request) (*http.Response, error) {
	if idOf(r) == 42 {
		return successResponse(r), nil
	}
	now := u.running.Add(1)
	defer u.running.Add(-1)
	for was := u.most.Load(); now > was && !u.most.CompareAndSwap(was, now); was = u.most.Load() {
	}
	<-u.released
	return nil, r.Context().Err()
}

// One peer starts calls and cancels them: some while their handlers run, and then each immediately. The
// handlers, which go on, never exceed the limit of streams, and other clients are still served.
func TestR09RapidResets(t *testing.T) {
	parallelUnlessSoaking(t)
	upstream := &waitingUpstream{released: make(chan struct{})}
	g := start(t, noUpstream, withTransport(roundTrip(upstream.roundTrip)))
	bad := startFlood(t, g.Address)
	streams := testkit.Receive(t, bad.limit, "limit of streams")
	if streams == 0 || streams > 1000 {
		t.Fatalf("the limit of streams is %d", streams)
	}
	const begun = 50
	stream := func(n int) uint32 { return uint32(2*n + 1) }
	call := func(n int) { bad.call(stream(n), getOf(n)) }
	reset := func(n int) { _ = bad.framer.WriteRSTStream(stream(n), http2.ErrCodeCancel) }
	bad.send(func() {
		for n := range begun {
			call(n)
		}
	})
	testkit.Eventually(t, "the first calls run", func() bool { return upstream.running.Load() == begun })
	bad.send(func() {
		for n := range begun {
			reset(n)
		}
	})
	resets, sent := scaled(100_000, 5_000), begun
	for open := true; open && sent < resets; sent++ {
		open = bad.send(func() {
			call(sent)
			reset(sent)
		})
		if sent%1000 == 0 {
			must(t, g.get(t.Context(), 42))
		}
	}
	must(t, g.get(t.Context(), 42))
	t.Logf("%d resets: at most %d handlers concurrently", sent, upstream.most.Load())
	if most := upstream.most.Load(); most > int64(streams) {
		t.Errorf("%d handlers ran concurrently, want at most %d", most, streams)
	}
	close(upstream.released)
	bad.conn.Close()
	<-bad.closed
	testkit.Eventually(t, "all handlers have returned", func() bool { return upstream.running.Load() == 0 })
}

// Without resets: calls beyond the limit of streams do not run.
func TestR09StreamLimit(t *testing.T) {
	parallelUnlessSoaking(t)
	upstream := &waitingUpstream{released: make(chan struct{})}
	g := start(t, noUpstream, withTransport(roundTrip(upstream.roundTrip)))
	bad := startFlood(t, g.Address)
	streams := testkit.Receive(t, bad.limit, "limit of streams")
	const beyond = 50
	var release sync.Once
	defer release.Do(func() { close(upstream.released) })
	bad.send(func() {
		for i := range streams + beyond {
			bad.call(2*i+1, getOf(int(i)))
		}
	})
	for range beyond {
		testkit.Receive(t, bad.refused, "refused stream")
	}
	testkit.Eventually(t, "the calls within the limit run", func() bool { return upstream.running.Load() == int64(streams) })
	release.Do(func() { close(upstream.released) })
	testkit.Eventually(t, "all handlers have returned", func() bool { return upstream.running.Load() == 0 })
	bad.conn.Close()
	<-bad.closed
}

// A client that sends many PINGs receives ENHANCE_YOUR_CALM and loses its connection.
func TestR10PingFlood(t *testing.T) {
	parallelUnlessSoaking(t)
	g := start(t, noUpstream, withTransport(roundTrip(succeed)))
	bad := startFlood(t, g.Address)
	for open := true; open && len(bad.goAway) == 0; {
		open = bad.send(func() { _ = bad.framer.WritePing(false, [8]byte{}) })
	}
	<-bad.closed
	if code := testkit.Receive(t, bad.goAway, "GOAWAY"); code != http2.ErrCodeEnhanceYourCalm {
		t.Errorf("GOAWAY with %v", code)
	}
}

// The service stops reading from a client that sends SETTINGS and does not read the
// acknowledgements, instead of buffering them. A SETTINGS frame and its acknowledgement take nine
// bytes each, so the flood ends when the buffers of both directions are full.
func TestR10SettingsFlood(t *testing.T) { alone(t, settingsFlood) }

func settingsFlood(t *testing.T) {
	g := start(t, noUpstream, withTransport(roundTrip(succeed)))
	memory := measureMemory(t)
	bad := dialRaw(t, g.Address)
	var err error
	for sent := 0; err == nil && sent < 5_000_000; sent++ {
		if sent%1000 == 0 {
			_ = bad.conn.SetWriteDeadline(time.Now().Add(scaled(3*time.Second, 500*time.Millisecond)))
		}
		err = bad.framer.WriteSettings()
	}
	t.Logf("the memory grew by at most %d KiB", memory.grewLess(32<<20)>>10)
	if err == nil {
		t.Error("the service keeps reading, so it must buffer what it cannot write")
	}
	must(t, g.get(t.Context(), 42))
}
