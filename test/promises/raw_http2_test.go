package promises_test

import (
	"bufio"
	"bytes"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
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

// dialRaw opens a connection, until the test ends, and sends the preface.
func dialRaw(t *testing.T, address string) *rawClient {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
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

// rawResponse is what a raw client receives for a call: headers and trailers together, or
// that the stream was reset or the connection closed.
type rawResponse struct {
	fields map[string]string
	ended  string
}

// outcome returns the result in one or two words.
func (r rawResponse) outcome() string {
	switch {
	case r.ended != "":
		return r.ended
	case r.fields["x-error-reason"] != "":
		return r.fields["x-error-reason"]
	case r.fields["grpc-status"] == "0":
		return "OK"
	case r.fields["grpc-status"] != "":
		return "grpc-status " + r.fields["grpc-status"]
	}
	return "HTTP " + r.fields[":status"]
}

// exchange makes one call with these headers and the request {id: 42} on a new connection.
func exchange(t *testing.T, p *testkit.Process, fields [][2]string) rawResponse {
	t.Helper()
	c := dialRaw(t, p.Address)
	conn := c.conn
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(testkit.Timeout))
	c.mu.Lock()
	c.headers(1, fields...)
	_ = c.framer.WriteData(1, true, []byte{0, 0, 0, 0, 2, 8, 42})
	err := c.out.Flush()
	c.mu.Unlock()
	must(t, err)
	got := rawResponse{fields: map[string]string{}, ended: "cut"}
	decoder := hpack.NewDecoder(4096, func(f hpack.HeaderField) { got.fields[f.Name] = f.Value })
	c.read(func(frame http2.Frame) {
		switch frame := frame.(type) {
		case *http2.HeadersFrame:
			_, _ = decoder.Write(frame.HeaderBlockFragment())
			if frame.StreamEnded() {
				got.ended = ""
				conn.Close()
			}
		case *http2.DataFrame:
			if frame.StreamEnded() {
				got.ended = ""
				conn.Close()
			}
		case *http2.RSTStreamFrame:
			got.ended = "reset"
			if got.fields[":status"] != "" { // the response arrived before it
				got.ended = ""
			}
			conn.Close()
		}
	})
	return got
}
