package promises_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // the limit applies to the decompressed size
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// requestLimit is the maximum size of a request in bytes.
const requestLimit = 1 << 20

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
func TestR11OversizedRequests(t *testing.T) {
	var reached atomic.Int64
	g := start(t, noUpstream, withTransport(roundTrip(func(r *http.Request) (*http.Response, error) {
		reached.Add(1)
		return successResponse(r), nil
	})))
	if _, err := g.customers.CreateCustomer(t.Context(), createOfSize(requestLimit)); err != nil || reached.Swap(0) != 1 {
		t.Errorf("a request at the limit: %v", err)
	}
	tooLarge := createOfSize(requestLimit + 1)
	memory := measureMemory(t)
	for range 100 {
		_, err := g.customers.CreateCustomer(t.Context(), tooLarge)
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
func TestR11BombedRequests(t *testing.T) {
	var reached atomic.Int64
	g := start(t, noUpstream, withTransport(roundTrip(func(r *http.Request) (*http.Response, error) {
		reached.Add(1)
		return successResponse(r), nil
	})))
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	call := func(compressed []byte) (code string) {
		t.Helper()
		message := binary.BigEndian.AppendUint32([]byte{1}, uint32(len(compressed)))
		url := "http://" + g.address + pelcrov1.CustomerService_CreateCustomer_FullMethodName
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(append(message, compressed...)))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/grpc")
		request.Header.Set("Te", "trailers")
		request.Header.Set("Grpc-Encoding", "gzip")
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			t.Fatal(err)
		}
		return response.Header.Get("Grpc-Status") + response.Trailer.Get("Grpc-Status")
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
