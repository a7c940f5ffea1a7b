package faultproxy_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/test/faultproxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// responseBody is the body of every response of the upstream.
const responseBody = "twenty bytes of text"

// setup is a client, a proxy and an upstream.
type setup struct {
	*faultproxy.Proxy
	t      *testing.T
	client *http.Client
}

// start uses the handler as the upstream, or one that responds with responseBody.
func start(t *testing.T, handler http.HandlerFunc) *setup {
	t.Helper()
	if handler == nil {
		handler = func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, responseBody) }
	}
	b := &setup{Proxy: faultproxy.New(t, testkit.Upstream(t, handler)), t: t}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	b.client = &http.Client{Transport: transport, Timeout: testkit.Timeout}
	return b
}

// call returns the part of the response's body that arrived.
func (b *setup) call(method, body string) (string, error) {
	return b.do(b.t.Context(), method, body)
}

func (b *setup) do(ctx context.Context, method, body string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, method, b.URL(), strings.NewReader(body))
	if err != nil {
		return "", err
	}
	response, err := b.client.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	got, err := io.ReadAll(response.Body)
	return string(got), err
}

func (b *setup) mustSucceed(method string) {
	b.t.Helper()
	if got, err := b.call(method, "a request"); err != nil || got != responseBody {
		b.t.Fatalf("%s: %q, %v", method, got, err)
	}
}

func (b *setup) mustCount(connections, requests, passed int) {
	b.t.Helper()
	want := faultproxy.Counts{Connections: connections, Requests: requests, Passed: passed}
	if got := b.Counts(); got != want {
		b.t.Errorf("%+v, want %+v", got, want)
	}
}

// waitFor may be called from any goroutine: it fails the test without ending it.
func (b *setup) waitFor(wanted func(faultproxy.Counts) bool) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), testkit.Timeout)
	defer cancel()
	if err := b.WaitFor(ctx, wanted); err != nil {
		b.t.Errorf("%+v: %v", b.Counts(), err)
	}
}

// rawConn is a connection to the proxy without the retries and reuse of a transport.
type rawConn struct {
	net.Conn
	t  *testing.T
	in *bufio.Reader
}

func (b *setup) dial() *rawConn {
	b.t.Helper()
	conn, err := net.Dial("tcp", b.Addr())
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(testkit.Timeout)); err != nil {
		b.t.Fatal(err)
	}
	return &rawConn{Conn: conn, t: b.t, in: bufio.NewReader(conn)}
}

func (l *rawConn) send(text string) {
	l.t.Helper()
	if _, err := io.WriteString(l, text); err != nil {
		l.t.Fatal(err)
	}
}

func (l *rawConn) get() { l.t.Helper(); l.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n") }

// receive returns the next response with its body.
func (l *rawConn) receive() (*http.Response, string) {
	l.t.Helper()
	response, err := http.ReadResponse(l.in, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	return response, string(body)
}

// rest returns what arrives until the connection ends, and how it ends.
func (l *rawConn) rest() (string, error) {
	got, err := io.ReadAll(l.in)
	return string(got), err
}

// isReset reports a reset, which a later write of the client reports as a broken pipe.
func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// mustTakeAtLeast fails the test for an action that ends earlier.
func mustTakeAtLeast(t *testing.T, least time.Duration, action func()) {
	t.Helper()
	begin := time.Now()
	action()
	if took := time.Since(begin); took < least {
		t.Errorf("ended after %v, want at least %v", took, least)
	}
}
