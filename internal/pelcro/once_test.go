package pelcro_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
)

// TestCreatesArriveOnce makes many creates on kept-alive connections that the
// server closes under them, and counts how often each arrives.
func TestCreatesArriveOnce(t *testing.T) {
	const rounds = 300
	reply := func(conn net.Conn) {
		_, _ = io.WriteString(conn, "HTTP/1.1 201 Created\r\nContent-Length: 16\r\n\r\n"+`{"data":{"a":1}}`)
	}
	for _, test := range []struct {
		name string
		// answer gets every second request of a connection, and the rest of it.
		answer func(conn net.Conn)
	}{
		{"closed without a reply", func(conn net.Conn) { conn.Close() }},
		{"reset without a reply", func(conn net.Conn) {
			_ = conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		}},
		{"closed after a reply", func(conn net.Conn) {
			reply(conn) // promises to live on
			conn.Close()
		}},
		{"closed within a reply", func(conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 201 Created\r\nContent-Len")
			conn.Close()
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var mu sync.Mutex
			arrived := map[string]int{}
			total := 0
			client := overHTTP1(t, func(w http.ResponseWriter, r *http.Request) {
				var sent struct {
					Email string `json:"email"`
				}
				if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
					t.Error(err)
				}
				mu.Lock()
				arrived[sent.Email]++
				total++
				second := total%2 == 0
				mu.Unlock()
				if !second {
					w.WriteHeader(201)
					_, _ = io.WriteString(w, `{"data":{"id":1}}`)
					return
				}
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				test.answer(conn)
			})
			for round := range rounds {
				email := strconv.Itoa(round)
				_, err := client.CreateCustomer(t.Context(), 0, pelcro.Attributes{{"email", email}})
				mu.Lock()
				n := arrived[email]
				mu.Unlock()
				var failed *pelcro.Error
				switch failure := errors.As(err, &failed); {
				case n > 1:
					t.Errorf("create %d arrived %d times", round, n)
				case err == nil && n != 1:
					t.Errorf("create %d succeeded and never arrived", round)
				case failure && n == 1 && !failed.Sent:
					t.Errorf("create %d arrived and claims that it was not sent", round)
				}
			}
		})
	}
}

// The frames of HTTP/2 that the tests need (RFC 9113, section 6).
const (
	frameData     = 0
	frameHeaders  = 1
	frameReset    = 3
	frameSettings = 4
	frameGoAway   = 7
	flagAck       = 1
	flagEndStream = 1
	protocolError = 1
	refusedStream = 7
	frameHead     = 9
	clientPreface = 24
)

func frame(kind, flags byte, stream uint32, payload ...uint32) []byte {
	raw := []byte{0, 0, byte(4 * len(payload)), kind, flags}
	raw = binary.BigEndian.AppendUint32(raw, stream)
	for _, word := range payload {
		raw = binary.BigEndian.AppendUint32(raw, word)
	}
	return raw
}

// refuser is an HTTP/2 server that answers each whole request with a frame that
// is no reply. requests counts them.
type refuser struct {
	listener net.Listener
	answer   func(stream uint32) []byte // nil closes the connection

	mu       sync.Mutex
	requests int
}

func startRefuser(t *testing.T, answer func(stream uint32) []byte, options ...func(*pelcro.Config)) (*refuser, *pelcro.Client) {
	t.Helper()
	certified := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(certified.Close)
	listener := tls.NewListener(listen(t), &tls.Config{Certificates: certified.TLS.Certificates, NextProtos: []string{"h2"}})
	s := &refuser{listener: listener, answer: answer}
	var group sync.WaitGroup
	ended, end := context.WithCancel(context.Background())
	group.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			// A call that has just failed may hold its connection for a moment more, so
			// that the client does not see it as idle and close it.
			context.AfterFunc(ended, func() { conn.Close() })
			group.Go(func() { s.serve(conn) })
		}
	})
	client := at(t, "https://"+listener.Addr().String()+basePath,
		append(options, with(trusting(certified)))...)
	t.Cleanup(func() {
		listener.Close()
		client.Close()
		end()
		group.Wait()
	})
	return s, client
}

func (s *refuser) serve(conn net.Conn) {
	defer conn.Close()
	if _, err := io.CopyN(io.Discard, conn, clientPreface); err != nil {
		return
	}
	_, _ = conn.Write(frame(frameSettings, 0, 0))
	for {
		var head [frameHead]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return
		}
		size := int64(head[0])<<16 | int64(head[1])<<8 | int64(head[2])
		if _, err := io.CopyN(io.Discard, conn, size); err != nil {
			return
		}
		kind, flags, stream := head[3], head[4], binary.BigEndian.Uint32(head[5:])
		switch {
		case kind == frameSettings && flags&flagAck == 0:
			_, _ = conn.Write(frame(frameSettings, flagAck, 0))
		case (kind == frameHeaders || kind == frameData) && flags&flagEndStream != 0:
			s.mu.Lock()
			s.requests++
			s.mu.Unlock()
			answer := s.answer(stream)
			if answer == nil {
				return
			}
			_, _ = conn.Write(answer)
		}
	}
}

// count returns how many requests there were, and starts anew.
func (s *refuser) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.requests
	s.requests = 0
	return n
}

// TestHTTP2SendsBodiesOnce: net/http repeats requests whose HTTP/2 stream was
// reset in some ways, and some of these say nothing of what the server did.
func TestHTTP2SendsBodiesOnce(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer func(stream uint32) []byte
	}{
		{"PROTOCOL_ERROR", func(stream uint32) []byte { return frame(frameReset, 0, stream, protocolError) }},
		{"REFUSED_STREAM", func(stream uint32) []byte { return frame(frameReset, 0, stream, refusedStream) }},
		{"GOAWAY", func(uint32) []byte { return frame(frameGoAway, 0, 0, 0, 0) }},
		{"closed", func(uint32) []byte { return nil }},
	} {
		t.Run(test.name, func(t *testing.T) {
			server, client := startRefuser(t, test.answer)
			for _, call := range calls {
				if call.name != "POST customers" && call.name != "PUT customers/{id}" {
					continue
				}
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				noReply(t, call.do(ctx, client), true)
				cancel()
				if n := server.count(); n != 1 {
					t.Errorf("%s: sent %d times", call.name, n)
				}
			}
		})
	}
}

// TestHTTP2SendsNothingBehindOurBack: net/http would send a request without a body
// again, without end; here it goes out as often as the retries allow.
func TestHTTP2SendsNothingBehindOurBack(t *testing.T) {
	server, client := startRefuser(t, func(stream uint32) []byte { return frame(frameReset, 0, stream, protocolError) })
	for _, call := range calls {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		noReply(t, call.do(ctx, client), true)
		cancel()
		if n := server.count(); n != 1 {
			t.Errorf("%s: sent %d times", call.name, n)
		}
	}
}

// TestHTTP2FailuresCostTheBudget: a stream that was refused is a failure like any
// other, so that an outage is not multiplied over HTTP/2 either.
func TestHTTP2FailuresCostTheBudget(t *testing.T) {
	const reads = 30
	server, client := startRefuser(t,
		func(stream uint32) []byte { return frame(frameReset, 0, stream, refusedStream) },
		func(config *pelcro.Config) { config.Retries = 2 })
	for range reads {
		noReply(t, get(t.Context(), client), true)
	}
	if n := server.count(); n < reads+3 || n > reads+8 {
		t.Errorf("%d reads were sent %d times", reads, n)
	}
}

// TestHTTP2GoesOnAfterGoAway: a server that is restarted sends GOAWAY, which does
// not disturb reading.
func TestHTTP2GoesOnAfterGoAway(t *testing.T) {
	requests := 0
	server, client := startRefuser(t, func(stream uint32) []byte {
		if requests++; requests == 1 {
			return frame(frameGoAway, 0, 0, 0, 0)
		}
		// HEADERS with ":status: 404", which has the index 13 of HPACK's table.
		return []byte{0, 0, 1, frameHeaders, flagEndStream | 4, 0, 0, 0, byte(stream), 0x80 | 13}
	}, func(config *pelcro.Config) { config.Retries = 1 })
	if failed := failure(t, get(t.Context(), client)); failed.StatusCode != 404 {
		t.Errorf("got %v", failed)
	}
	if n := server.count(); n != 2 {
		t.Errorf("%d requests", n)
	}
}
