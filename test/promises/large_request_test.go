package promises_test

import (
	"bytes"
	"compress/gzip"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // the limit applies to the decompressed size
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
	"github.com/pelcro-grpc/pelcro-grpc/server"
)

// requestLimit is the maximum size of a request in bytes.
const requestLimit = 256 << 10

// bomb returns gzip of that many MiB of zeros.
func bomb(mebibytes int) []byte {
	var one bytes.Buffer
	w, _ := gzip.NewWriterLevel(&one, gzip.BestCompression)
	_, _ = w.Write(make([]byte, 1<<20))
	_ = w.Close()
	return bytes.Repeat(one.Bytes(), mebibytes)
}

// createOfSize returns a create of that many bytes.
func createOfSize(size int) *pelcrov1.CreateCustomerRequest {
	request := &pelcrov1.CreateCustomerRequest{Customer: &pelcrov1.Customer{}}
	for name := size; proto.Size(request) != size; name-- {
		request.Customer.FirstName = new(strings.Repeat("x", name))
	}
	return request
}

// Requests beyond the limit are rejected before they take memory, and nothing is sent to
// Pelcro.
func TestR11OversizedRequests(t *testing.T) { alone(t, oversizedRequests) }

func oversizedRequests(t *testing.T) {
	var reached atomic.Int64
	g := start(t, noUpstream, withTransport(roundTrip(func(r *http.Request) (*http.Response, error) {
		reached.Add(1)
		return successResponse(r), nil
	})))
	if _, err := g.Customers.CreateCustomer(t.Context(), createOfSize(requestLimit)); err != nil || reached.Swap(0) != 1 {
		t.Errorf("a request at the limit: %v", err)
	}
	tooLarge := createOfSize(requestLimit + 1)
	memory := measureMemory(t)
	for range 100 {
		_, err := g.Customers.CreateCustomer(t.Context(), tooLarge)
		if status.Code(err) != codes.ResourceExhausted {
			t.Fatalf("a request beyond the limit: %v", err)
		}
	}
	t.Logf("the memory grew by at most %d KiB", memory.grewLess(32<<20)>>10)
	if n := reached.Load(); n != 0 {
		t.Errorf("%d requests reached the upstream", n)
	}
}

// So are requests that exceed the limit after decompression.
func TestR11BombedRequests(t *testing.T) { alone(t, bombedRequests) }

func bombedRequests(t *testing.T) {
	var reached atomic.Int64
	g := start(t, noUpstream, withTransport(roundTrip(func(r *http.Request) (*http.Response, error) {
		reached.Add(1)
		return successResponse(r), nil
	})))
	caller := newGzipCaller(t, g)
	call := func(compressed []byte) string {
		code, _ := caller.call(t, pelcrov1.CustomerService_CreateCustomer_FullMethodName, compressed)
		return code
	}

	var empty bytes.Buffer
	_ = gzip.NewWriter(&empty).Close()
	if code := call(empty.Bytes()); code != "0" || reached.Swap(0) != 1 {
		t.Fatalf("a good compressed request: status %s", code)
	}
	bombed := bomb(256)
	t.Logf("%d bytes", len(bombed))
	memory := measureMemory(t)
	for range scaled(100, 10) {
		if code := call(bombed); code != fmt.Sprint(int(codes.ResourceExhausted)) {
			t.Fatalf("a bomb: status %s", code)
		}
	}
	t.Logf("the memory grew by at most %d KiB", memory.grewLess(32<<20)>>10)
	if n := reached.Load(); n != 0 {
		t.Errorf("%d requests reached the upstream", n)
	}
}

// Empty elements take two bytes in a request and a hundred in memory: 524,256 of them, 1 KiB as
// gzip, would decode to 52 MiB. Known callers are rejected before that, whatever the method.
func TestR11ManyFields(t *testing.T) { alone(t, manyFields) }

func manyFields(t *testing.T) {
	var reached atomic.Int64
	g := start(t, noUpstream, withTransport(roundTrip(func(r *http.Request) (*http.Response, error) {
		reached.Add(1)
		return successResponse(r), nil
	})), func(c *gatewaytest.Config) {
		c.Server.Reflection = true
		c.Server.Authorize = func([]string, []*x509.Certificate, string) (server.Caller, error) {
			return server.Caller{Name: "known"}, nil
		}
	})
	caller := newGzipCaller(t, g)
	for _, test := range []struct {
		name, method, element string
		elements              int
		code                  codes.Code
		reason                string
	}{
		{"filters", customersPath + "ListCustomers", "\x22\x00", 524_256, codes.ResourceExhausted, ""},
		{"filters within the size", customersPath + "ListCustomers", "\x22\x00", requestLimit / 2, codes.InvalidArgument, "GATEWAY_INVALID_REQUEST"},
		{"paths of a mask", customersPath + "UpdateCustomer", "\x12\x00", requestLimit / 2, codes.InvalidArgument, "GATEWAY_INVALID_REQUEST"},
		{"unknown fields", customersPath + "GetCustomer", "\x78\x00", requestLimit / 2, codes.InvalidArgument, "GATEWAY_INVALID_REQUEST"},
		{"health", healthPath + "Check", "\x0a\x00", requestLimit / 2, codes.InvalidArgument, "GATEWAY_INVALID_REQUEST"},
		{"a stream of health", healthPath + "Watch", "\x0a\x00", requestLimit / 2, codes.InvalidArgument, "GATEWAY_INVALID_REQUEST"},
		{
			"reflection", reflectionpb.ServerReflection_ServerReflectionInfo_FullMethodName, "\x2a\x00", requestLimit / 2,
			codes.InvalidArgument, "GATEWAY_INVALID_REQUEST",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			compressed := zipped(strings.Repeat(test.element, test.elements))
			call := func() {
				t.Helper()
				code, reason := caller.call(t, test.method, compressed)
				if code != fmt.Sprint(int(test.code)) || reason != test.reason {
					t.Fatalf("status %s, reason %q", code, reason)
				}
			}
			call() // the first call fills the pools of buffers
			const calls = 20
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range calls {
				call()
			}
			runtime.ReadMemStats(&after)
			const limit = 2 << 20
			allocated := (after.TotalAlloc - before.TotalAlloc) / calls
			t.Logf("%d bytes sent, %d KiB allocated a call", len(compressed), allocated>>10)
			if allocated > limit {
				t.Errorf("%d bytes allocated a call, want at most %d", allocated, limit)
			}
		})
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d requests reached the upstream", n)
	}
}

// zipped returns gzip of the content.
func zipped(content string) []byte {
	var compressed bytes.Buffer
	w, _ := gzip.NewWriterLevel(&compressed, gzip.BestCompression)
	_, _ = w.Write([]byte(content))
	_ = w.Close()
	return compressed.Bytes()
}

// gzipCaller sends requests that are compressed already, so that the client takes no memory for
// what they contain.
type gzipCaller struct {
	client  *http.Client
	address string
}

func newGzipCaller(t *testing.T, g *service) gzipCaller {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	return gzipCaller{&http.Client{Transport: transport}, g.Address}
}

// call returns the gRPC status and the reason of the response.
func (c gzipCaller) call(t *testing.T, method string, compressed []byte) (code, reason string) {
	t.Helper()
	message := binary.BigEndian.AppendUint32([]byte{1}, uint32(len(compressed)))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+c.address+method, bytes.NewReader(append(message, compressed...)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("Te", "trailers")
	request.Header.Set("Grpc-Encoding", "gzip")
	response, err := c.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}
	value := func(name string) string { return response.Header.Get(name) + response.Trailer.Get(name) }
	return value("Grpc-Status"), value("X-Error-Reason")
}
