package promises_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// rawClient writes HTTP/2 frames. Writing needs mu; frames are sent by a flush.
type rawClient struct {
	conn   net.Conn
	framer *http2.Framer
	mu     sync.Mutex
	out    *bufio.Writer
	header bytes.Buffer
	encode *hpack.Encoder
}

// dialRaw connects and sends the preface.
func (g *gateway) dialRaw(t *testing.T) *rawClient {
	t.Helper()
	conn, err := net.Dial("tcp", g.address)
	if err != nil {
		t.Fatal(err)
	}
	return newRaw(t, conn)
}

// newRaw sends the preface on a connection, which it closes at the end of the test.
func newRaw(t *testing.T, conn net.Conn) *rawClient {
	t.Helper()
	t.Cleanup(func() { conn.Close() })
	c := &rawClient{conn: conn, out: bufio.NewWriter(conn)}
	c.framer = http2.NewFramer(c.out, conn)
	c.encode = hpack.NewEncoder(&c.header)
	_, _ = c.out.WriteString(http2.ClientPreface)
	if err := c.framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	if err := c.out.Flush(); err != nil {
		t.Fatal(err)
	}
	return c
}

// read passes each frame to see until the connection ends.
func (c *rawClient) read(see func(http2.Frame)) {
	for {
		frame, err := c.framer.ReadFrame()
		if err != nil {
			return
		}
		if settings, ok := frame.(*http2.SettingsFrame); ok && !settings.IsAck() {
			c.mu.Lock()
			_ = c.framer.WriteSettingsAck()
			_ = c.out.Flush()
			c.mu.Unlock()
		}
		see(frame)
	}
}

// call starts a call of GetCustomer on the stream, with a message unless it is empty. The
// flush reports errors.
func (c *rawClient) call(stream uint32, message []byte) {
	c.headers(stream, callTo(pelcrov1.CustomerService_GetCustomer_FullMethodName)...)
	if len(message) > 0 {
		_ = c.framer.WriteData(stream, true, append([]byte{0, 0, 0, 0, byte(len(message))}, message...))
	}
}

// getOf is the encoded request for a customer of its own: equal reads would share a request to Pelcro.
func getOf(n int) []byte {
	const idField = 1 << 3
	return binary.AppendUvarint([]byte{idField}, uint64(1000+n))
}

// callTo returns the headers of a call.
func callTo(path string, more ...[2]string) [][2]string {
	return append([][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":path", path},
		{":authority", "pelcro-grpc"}, {"content-type", "application/grpc"}, {"te", "trailers"},
	}, more...)
}

// headers starts a stream.
func (c *rawClient) headers(stream uint32, fields ...[2]string) {
	c.header.Reset()
	for _, field := range fields {
		_ = c.encode.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
	}
	_ = c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: c.header.Bytes(), EndHeaders: true})
}

// One peer starts a hundred thousand calls within ten seconds and cancels each
// immediately. Its handlers never exceed the limit of streams, it takes no memory, and
// other clients are still served.
func TestR09RapidResets(t *testing.T) {
	resets := scaled(100_000, 5_000)
	const batch = 100
	var running, most, reached atomic.Int64
	g := start(t, noUpstream, withTransport(roundTrip(func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/42") {
			return successResponse(r), nil
		}
		reached.Add(1)
		now := running.Add(1)
		defer running.Add(-1)
		for was := most.Load(); now > was && !most.CompareAndSwap(was, now); was = most.Load() {
		}
		<-r.Context().Done()
		<-time.After(200 * time.Millisecond) // slow handlers would accumulate if nothing limited them
		return nil, r.Context().Err()
	})))
	good := func() (took time.Duration) {
		begin := time.Now()
		if _, err := g.customers.GetCustomer(t.Context(), &pelcrov1.GetCustomerRequest{Id: 42}); err != nil {
			t.Errorf("the good client: %v", err)
		}
		return time.Since(begin)
	}
	var calm []time.Duration
	for range 200 {
		calm = append(calm, good())
	}
	before := runtime.NumGoroutine()
	memory := measureMemory(t)

	bad := g.dialRaw(t)
	limit := make(chan uint32, 1)
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		bad.read(func(frame http2.Frame) {
			if settings, ok := frame.(*http2.SettingsFrame); ok && !settings.IsAck() {
				n, _ := settings.Value(http2.SettingMaxConcurrentStreams)
				limit <- n
			}
		})
	}()
	streams := int64(receive(t, limit, "limit of streams"))
	if streams == 0 || streams > 1000 {
		t.Fatalf("the limit of streams is %d", streams)
	}
	flooded := make(chan struct{})
	go func() {
		defer close(flooded)
		pace := time.NewTicker(10 * time.Second / time.Duration(100_000/batch))
		defer pace.Stop()
		for sent := 0; sent < resets; {
			<-pace.C
			bad.mu.Lock()
			for range batch {
				stream := uint32(2*sent + 1)
				// With a message the call reaches its handler.
				bad.call(stream, [][]byte{getOf(sent), nil}[sent%2])
				_ = bad.framer.WriteRSTStream(stream, http2.ErrCodeCancel)
				sent++
			}
			err := bad.out.Flush()
			bad.mu.Unlock()
			if err != nil {
				t.Logf("the connection was cut after %d resets: %v", sent, err)
				return
			}
		}
	}()
	var meanwhile []time.Duration
	begin := time.Now()
	for flooding := true; flooding; {
		select {
		case <-flooded:
			flooding = false
		default:
			meanwhile = append(meanwhile, good())
		}
	}
	t.Logf("%d resets in %v: %d calls reached the upstream, at most %d concurrently; good calls: %d, p99 %v, before %v",
		resets, time.Since(begin), reached.Load(), most.Load(), len(meanwhile), percentile(meanwhile, 99), percentile(calm, 99))
	if most.Load() > streams {
		t.Errorf("%d handlers ran concurrently, want at most %d", most.Load(), streams)
	}
	if len(meanwhile) == 0 {
		t.Error("the good client was not served")
	}
	eventually(t, "all handlers have returned", func() bool { return running.Load() == 0 })
	t.Logf("the memory grew by at most %d KiB", memory.grewLess(64<<20)>>10)
	bad.conn.Close()
	<-closed
	goroutinesReturn(t, before)
}

// Without resets: calls beyond the limit of streams do not run.
func TestR09StreamLimit(t *testing.T) {
	released := make(chan struct{})
	var running atomic.Int64
	g := start(t, noUpstream, withTransport(roundTrip(func(r *http.Request) (*http.Response, error) {
		running.Add(1)
		defer running.Add(-1)
		<-released
		return successResponse(r), nil
	})))
	bad := g.dialRaw(t)
	limit, refused := make(chan uint32, 1), make(chan struct{}, 1000)
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		bad.read(func(frame http2.Frame) {
			switch frame := frame.(type) {
			case *http2.SettingsFrame:
				if n, ok := frame.Value(http2.SettingMaxConcurrentStreams); ok {
					limit <- n
				}
			case *http2.RSTStreamFrame:
				if frame.ErrCode == http2.ErrCodeRefusedStream {
					refused <- struct{}{}
				}
			}
		})
	}()
	streams := receive(t, limit, "limit of streams")
	const beyond = 50
	bad.mu.Lock()
	for i := range streams + beyond {
		bad.call(2*i+1, getOf(int(i)))
	}
	if err := bad.out.Flush(); err != nil {
		t.Error(err)
	}
	bad.mu.Unlock()
	for range beyond {
		receive(t, refused, "refused stream")
	}
	eventually(t, "the calls within the limit run", func() bool { return running.Load() == int64(streams) })
	close(released)
	eventually(t, "all handlers have returned", func() bool { return running.Load() == 0 })
	bad.conn.Close()
	<-closed
}
