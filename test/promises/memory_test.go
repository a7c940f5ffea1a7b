package promises_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// The limits of the service, at which the attacks are aimed.
const (
	maxResident       = 160 << 20 // of the process, whatever the attack
	maxCalls          = 1000      // --max-concurrent-calls in deploy/
	connectionStreams = 250
	connectionBuiltin = 10 // calls of health and reflection on a connection
)

// attack is what a hostile client, or a hostile Pelcro, does at the same time, over and over.
type attack struct {
	name string
	// known attackers have a token.
	known  bool
	method string
	// body returns the request as it is on the wire.
	body func() io.Reader
	// calls run concurrently, streams of them on each connection.
	calls, streams int
	// response is what Pelcro responds to a list; nil for an empty one.
	response http.HandlerFunc
	// unread responses are not read.
	unread bool
}

// unfinished is a message of gRPC without its last byte; the client then sends nothing more.
func unfinished(size, frame int) func() io.Reader {
	return func() io.Reader {
		message := binary.BigEndian.AppendUint32([]byte{0}, uint32(size))
		return newPieces(append(message, make([]byte, size-1)...), frame)
	}
}

// withoutEnd is a whole message, but the client does not end its stream.
func withoutEnd(message []byte) func() io.Reader {
	return func() io.Reader { return newPieces(message, 16<<10) }
}

// pieces are bytes that arrive so many at a time, after which nothing comes.
type pieces struct {
	rest   []byte
	size   int
	closed chan struct{}
	once   sync.Once
}

func newPieces(content []byte, size int) *pieces {
	return &pieces{rest: content, size: size, closed: make(chan struct{})}
}

// Close implements [io.Closer].
func (p *pieces) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		<-p.closed
		return 0, io.EOF
	}
	n := copy(b, p.rest[:min(len(p.rest), p.size)])
	p.rest = p.rest[n:]
	return n, nil
}

// compressed is a message of gRPC in gzip.
func compressed(content string) []byte {
	packed := zipped(content)
	return append(binary.BigEndian.AppendUint32([]byte{1}, uint32(len(packed))), packed...)
}

func whole(message []byte) func() io.Reader {
	return func() io.Reader { return bytes.NewReader(message) }
}

// respond responds to each list with the body.
func lists(body string, asGzip bool) http.HandlerFunc {
	raw := []byte(body)
	if asGzip {
		raw = zipped(body)
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if asGzip {
			w.Header().Set("Content-Encoding", "gzip")
		}
		_, _ = w.Write(raw)
	}
}

func attacks() []attack {
	list, create, check := customersPath+"ListCustomers", customersPath+"CreateCustomer", healthPath+"Check"
	empty := []byte{0, 0, 0, 0, 0}
	tooMany := compressed(strings.Repeat("\x22\x00", 524_256))
	many := compressed(strings.Repeat("\x22\x00", requestLimit/2))
	most := compressed(strings.Repeat("\x22\x00", 19_999))
	large := compressed("\x0a" + string(binary.AppendUvarint(nil, requestLimit-10)) + strings.Repeat("x", requestLimit-10))
	customers := func(n, size int) string {
		row := `{"id":%d,"email":"a@example.com","metadata":{"note":"` + strings.Repeat("x", size) + `"}},`
		var rows strings.Builder
		for i := range n {
			fmt.Fprintf(&rows, row, i+1)
		}
		return `{"data":[` + strings.TrimSuffix(rows.String(), ",") + `]}`
	}
	values := `{"data":[{"id":1,"metadata":{"a":[` + strings.Repeat("{},", 199_000) + `{}]}}]}`
	return []attack{
		{name: "many fields of strangers", method: list, body: whole(tooMany), calls: maxCalls, streams: connectionStreams},
		{name: "many fields of callers", known: true, method: list, body: whole(many), calls: maxCalls - 100, streams: connectionStreams},
		{name: "most fields of callers", known: true, method: list, body: whole(most), calls: maxCalls - 100, streams: connectionStreams},
		{name: "many fields for health", method: check, body: whole(many), calls: maxCalls, streams: connectionBuiltin},
		{name: "unfinished health", method: check, body: unfinished(requestLimit, 16<<10), calls: maxCalls, streams: connectionBuiltin},
		{name: "unfinished requests", known: true, method: create, body: unfinished(requestLimit, 16<<10), calls: maxCalls - 100, streams: connectionStreams},
		{name: "wasteful frames", method: check, body: unfinished(requestLimit, 4097), calls: maxCalls, streams: connectionBuiltin},
		{name: "tiny frames", method: check, body: unfinished(requestLimit, 1), calls: maxCalls, streams: connectionBuiltin},
		{name: "requests without an end", method: check, body: withoutEnd(large), calls: maxCalls, streams: connectionBuiltin},
		{name: "requests of callers without an end", known: true, method: create, body: withoutEnd(large), calls: maxCalls - 100, streams: connectionStreams},
		{name: "response of empty objects", known: true, method: list, body: whole(empty), calls: maxCalls - 100, streams: connectionStreams, response: lists(`{"data":[`+strings.Repeat("{},", 1_300_000)+`{}]}`, true)},
		{name: "response of many values", known: true, method: list, body: whole(empty), calls: maxCalls - 100, streams: connectionStreams, response: lists(values, true)},
		{name: "large lists", known: true, method: list, body: whole(empty), calls: maxCalls - 100, streams: connectionStreams, response: lists(customers(10, 350<<10), false)},
		{name: "large lists unread", known: true, unread: true, method: list, body: whole(empty), calls: maxCalls - 100, streams: connectionStreams, response: lists(customers(10, 350<<10), false)},
	}
}

// run makes the calls until ctx ends.
func (a attack) run(ctx context.Context, address, token string, calls int) (made int64) {
	var running sync.WaitGroup
	var count atomic.Int64
	for begin := 0; begin < calls; begin += a.streams {
		transport := &http.Transport{Protocols: new(http.Protocols), HTTP2: &http.HTTP2Config{}}
		transport.Protocols.SetUnencryptedHTTP2(true)
		client := &http.Client{Transport: transport}
		for range min(a.streams, calls-begin) {
			running.Go(func() {
				for ctx.Err() == nil {
					a.call(ctx, client, address, token)
					count.Add(1)
				}
			})
		}
		defer transport.CloseIdleConnections()
	}
	running.Wait()
	return count.Load()
}

func (a attack) call(ctx context.Context, client *http.Client, address, token string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+a.method, a.body())
	if err != nil {
		panic(err)
	}
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("Te", "trailers")
	request.Header.Set("Grpc-Encoding", "gzip")
	if a.known {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(request)
	if err != nil {
		return
	}
	defer response.Body.Close()
	if a.unread {
		<-ctx.Done()
		return
	}
	_, _ = io.Copy(io.Discard, response.Body)
}

func (p *process) memory(t *testing.T, field string) int64 {
	t.Helper()
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), field+":"); ok {
			kib, err := strconv.ParseInt(strings.Fields(text)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatal("no " + field)
	return 0
}

func TestMemoryUnderAttack(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	_ = gzip.BestSpeed
	for _, a := range attacks() {
		t.Run(a.name, func(t *testing.T) {
			token, line := newToken("crm", "*")
			folder := t.TempDir()
			putInPlace(t, folder, map[string]string{callers: line})
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/customers") && a.response != nil {
					a.response(w, r)
					return
				}
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, `{"data":{"id":42}}`)
			}))
			t.Cleanup(web.Close)
			p := run(t, web.URL, callersFlag(folder), "GOMEMLIMIT=256MiB", "GOGC=50", withKey)
			customers := pelcrov1.NewCustomerServiceClient(p.dial(t, plainText))
			ctx, cancel := context.WithTimeout(t.Context(), scaled(20*time.Second, 3*time.Second))
			defer cancel()
			var made, ok, all atomic.Int64
			var attacking sync.WaitGroup
			idle := p.memory(t, "VmHWM")
			attacking.Go(func() { made.Store(a.run(ctx, p.address, token, a.calls)) })
			pace := time.NewTicker(20 * time.Millisecond)
			defer pace.Stop()
			var calls sync.WaitGroup
			failures := sync.Map{}
			for ctx.Err() == nil {
				<-pace.C
				calls.Go(func() {
					all.Add(1)
					c, end := context.WithTimeout(metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer "+token), testTimeout)
					defer end()
					if _, err := customers.GetCustomer(c, &pelcrov1.GetCustomerRequest{Id: 42}); err == nil {
						ok.Add(1)
					} else {
						failures.Store(reasonOf(err)+err.Error(), true)
					}
				})
			}
			calls.Wait()
			peak := p.memory(t, "VmHWM")
			attacking.Wait()
			t.Logf("%-40s idle %d MiB, peak %d MiB, %d attacks, %d of %d calls", a.name, idle>>20, peak>>20, made.Load(), ok.Load(), all.Load())
			n := 0
			failures.Range(func(k, _ any) bool { t.Log(k); n++; return n < 3 })
			if peak > maxResident {
				t.Errorf("peak %d MiB", peak>>20)
			}
			if ok.Load()*10 < all.Load()*9 {
				t.Errorf("%d of %d calls succeeded", ok.Load(), all.Load())
			}
		})
	}
}
