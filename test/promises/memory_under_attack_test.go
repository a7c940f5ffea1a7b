package promises_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// What the service promises, and its limits, at which the attacks are aimed.
const (
	maxResident       = 160 << 20 // of the process, in bytes
	connectionStreams = 250
	builtinCalls      = 1000
	connectionBuiltin = 10 // calls of health and reflection on a connection
	// callersAttack leaves a tenth of --max-concurrent-calls in deploy/ to other callers.
	callersAttack = 900
)

// attack is what a hostile client, or a hostile Pelcro, does at the same time, over and over.
type attack struct {
	name string
	// quick attacks are made by go test, too.
	quick bool
	// known attackers have a token.
	known  bool
	method string
	// body returns the request as it is on the wire.
	body func() io.Reader
	// calls run concurrently, streams of them on each connection.
	calls, streams int
	// response is the content of Pelcro's responses to lists, in gzip.
	response []byte
	// unread responses are not read.
	unread bool
}

// unfinished is the largest message without its last byte, in frames of this size; the client then
// sends nothing more.
func unfinished(frame int) func() io.Reader {
	message := append(binary.BigEndian.AppendUint32([]byte{0}, requestLimit), make([]byte, requestLimit-1)...)
	return func() io.Reader { return newPieces(message, frame) }
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

func attacks() []attack {
	list, create, check := customersPath+"ListCustomers", customersPath+"CreateCustomer", healthPath+"Check"
	stream := customersPath + "StreamCustomers"
	filters := func(n int) []byte { return compressed(strings.Repeat("\x22\x00", n)) }
	name := strings.Repeat("x", requestLimit-10)
	longName := compressed("\x0a" + string(binary.AppendUvarint(nil, uint64(len(name)))) + name)
	ask := whole([]byte{0, 0, 0, 0, 0})
	row := `{"id":1,"metadata":{"note":"` + strings.Repeat("x", 350<<10) + `"}},`
	var rows []string
	for id := range 10 {
		rows = append(rows, strings.Replace(row, `"id":1,`, fmt.Sprintf(`"id":%d,`, id+1), 1))
	}
	return []attack{
		// One request that is small on the wire and large in memory.
		{name: "many fields of unknown clients", method: list, body: whole(filters(524_256)), calls: builtinCalls, streams: connectionStreams},
		{name: "many fields of callers", known: true, method: list, body: whole(filters(requestLimit / 2)), calls: callersAttack, streams: connectionStreams},
		{name: "most fields of callers", known: true, method: list, body: whole(filters(19_999)), calls: callersAttack, streams: connectionStreams},
		{name: "many fields for health", method: check, body: whole(filters(requestLimit / 2)), calls: builtinCalls, streams: connectionBuiltin},
		// Requests that do not end.
		{name: "unfinished requests for health", method: check, body: unfinished(16 << 10), calls: builtinCalls, streams: connectionBuiltin},
		{name: "wasteful frames for health", method: check, body: unfinished(4<<10 + 1), calls: builtinCalls, streams: connectionBuiltin},
		{name: "requests for health without an end", method: check, body: withoutEnd(longName), calls: builtinCalls, streams: connectionBuiltin},
		{name: "unfinished requests of callers", quick: true, known: true, method: create, body: unfinished(16 << 10), calls: callersAttack, streams: connectionStreams},
		{name: "requests of callers without an end", known: true, method: create, body: withoutEnd(longName), calls: callersAttack, streams: connectionStreams},
		// Responses of Pelcro that are large in memory.
		{name: "responses of empty objects", quick: true, known: true, method: list, body: ask, calls: callersAttack, streams: connectionStreams,
			response: zipped(`{"data":[` + strings.Repeat("{},", 1_300_000) + `{}]}`)},
		{name: "responses of most values", known: true, method: list, body: ask, calls: callersAttack, streams: connectionStreams,
			response: zipped(`{"data":[{"id":1,"metadata":{"a":[` + strings.Repeat("{},", 199_000) + `{}]}}]}`)},
		{name: "responses of 3.5 MB", known: true, method: list, body: ask, calls: callersAttack, streams: connectionStreams,
			response: zipped(`{"data":[` + strings.Repeat(row, 9) + strings.TrimSuffix(row, ",") + `]}`)},
		{name: "responses of 3.5 MB, not read", known: true, unread: true, method: list, body: ask, calls: callersAttack, streams: connectionStreams,
			response: zipped(`{"data":[` + strings.Repeat(row, 9) + strings.TrimSuffix(row, ",") + `]}`)},
		{name: "streams of 3.5 MB, not read", known: true, unread: true, method: stream, body: ask, calls: callersAttack, streams: connectionStreams,
			response: zipped(`{"data":[` + strings.TrimSuffix(strings.Join(rows, ""), ",") + `]}`)},
	}
}

// run makes the calls until ctx ends, and returns how many have ended.
func (a attack) run(ctx context.Context, address, token string) (made int64) {
	var running sync.WaitGroup
	var count atomic.Int64
	for begin := 0; begin < a.calls; begin += a.streams {
		transport := &http.Transport{Protocols: new(http.Protocols)}
		transport.Protocols.SetUnencryptedHTTP2(true)
		defer transport.CloseIdleConnections()
		client := &http.Client{Transport: transport}
		for range min(a.streams, a.calls-begin) {
			running.Go(func() {
				for ctx.Err() == nil {
					a.call(ctx, client, address, token)
					count.Add(1)
				}
			})
		}
	}
	running.Wait()
	return count.Load()
}

func (a attack) call(ctx context.Context, client *http.Client, address, token string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+a.method, a.body())
	if err != nil {
		return
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

// ServeHTTP is a Pelcro with one customer.
func (a attack) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if strings.HasSuffix(r.URL.Path, "/customers") && a.response != nil {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(a.response)
		return
	}
	_, _ = io.WriteString(w, `{"data":{"id":42}}`)
}

// peakMemory returns the most memory that the process has had, in bytes.
func peakMemory(t *testing.T, p *testkit.Process) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Command.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`).FindSubmatch(status)
	if found == nil {
		t.Fatalf("no peak in %s", status)
	}
	kib, err := strconv.ParseInt(string(found[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

// TestR36MemoryUnderAttack: the real program takes at most 160 MiB, seen from outside, whatever is
// attacked at its limits; and of the calls that known callers make meanwhile
// at a steady rate, 90 % succeed (outside the soak, one does).
func TestR36MemoryUnderAttack(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the memory of a process is read from /proc")
	}
	parallelUnlessSoaking(t)
	for _, a := range attacks() {
		if !a.quick && !soaking {
			continue
		}
		t.Run(a.name, func(t *testing.T) {
			token, line := testkit.Caller("crm", "*")
			folder := t.TempDir()
			putInPlace(t, folder, map[string]string{callers: line})
			web := httptest.NewServer(a)
			t.Cleanup(web.Close)
			p := run(t, web.URL, callersFlag(folder), withKey)
			customers := pelcrov1.NewCustomerServiceClient(gatewaytest.Dial(t, p.Address))
			ctx, cancel := context.WithTimeout(t.Context(), scaled(20*time.Second, 300*time.Millisecond))
			defer cancel()
			var attacks int64
			var attacking, calling sync.WaitGroup
			attacking.Go(func() { attacks = a.run(ctx, p.Address, token) })
			var calls, succeeded atomic.Int64
			pace := time.NewTicker(50 * time.Millisecond)
			defer pace.Stop()
			for ctx.Err() == nil {
				<-pace.C
				calling.Go(func() {
					calls.Add(1)
					own := metadata.AppendToOutgoingContext(context.WithoutCancel(ctx), "authorization", "Bearer "+token)
					_, err := customers.GetCustomer(own, &pelcrov1.GetCustomerRequest{Id: 42})
					if err == nil {
						succeeded.Add(1)
						return
					}
					t.Logf("a call failed: %s, %v", gatewaytest.Reason(err), err)
				})
			}
			attacking.Wait()
			calling.Wait()
			peak := peakMemory(t, p)
			t.Logf("at most %d MiB, %d calls of the attack, %d of %d other calls succeeded", peak>>20, attacks, succeeded.Load(), calls.Load())
			if peak > maxResident {
				t.Errorf("%d MiB, want at most %d", peak>>20, maxResident>>20)
			}
			// A few calls of a short attack may all meet a stalled machine.
			if least := scaled(calls.Load()*9/10, 1); succeeded.Load() < least {
				t.Errorf("%d of %d calls succeeded, want %d", succeeded.Load(), calls.Load(), least)
			}
		})
	}
}
