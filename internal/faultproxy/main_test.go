package faultproxy_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pelcro-grpc/pelcro-grpc/internal/faultproxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds what must happen at once: a test that needs it has failed.
const patience = 20 * time.Second

// answer is what the upstream says to everything.
const answer = "twenty bytes of text"

// bench is a client, a proxy and an upstream in a row.
type bench struct {
	*faultproxy.Proxy
	t      *testing.T
	client *http.Client
}

// start uses the handler as the upstream, or one that says answer.
func start(t *testing.T, handler http.HandlerFunc) *bench {
	t.Helper()
	if handler == nil {
		handler = func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) }
	}
	upstream := httptest.NewServer(handler)
	t.Cleanup(upstream.Close)
	b := &bench{Proxy: faultproxy.New(t, upstream.URL), t: t}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	b.client = &http.Client{Transport: transport, Timeout: patience}
	return b
}

// call returns the answer's body as far as it came.
func (b *bench) call(method, body string) (string, error) {
	return b.do(b.t.Context(), method, body)
}

func (b *bench) do(ctx context.Context, method, body string) (string, error) {
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

func (b *bench) mustAnswer(method string) {
	b.t.Helper()
	if got, err := b.call(method, "a request"); err != nil || got != answer {
		b.t.Fatalf("%s: %q, %v", method, got, err)
	}
}

func (b *bench) mustCount(connections, requests, passed int) {
	b.t.Helper()
	want := faultproxy.Counts{Connections: connections, Requests: requests, Passed: passed}
	if got := b.Counts(); got != want {
		b.t.Errorf("%+v, want %+v", got, want)
	}
}

// waitFor may be called from any goroutine: it fails the test and goes on.
func (b *bench) waitFor(wanted func(faultproxy.Counts) bool) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	if err := b.WaitFor(ctx, wanted); err != nil {
		b.t.Errorf("%+v: %v", b.Counts(), err)
	}
}

// line is a connection to the proxy without a transport that has its own ideas.
type line struct {
	net.Conn
	t  *testing.T
	in *bufio.Reader
}

func (b *bench) dial() *line {
	b.t.Helper()
	conn, err := net.Dial("tcp", b.Addr())
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		b.t.Fatal(err)
	}
	return &line{Conn: conn, t: b.t, in: bufio.NewReader(conn)}
}

func (l *line) send(text string) {
	l.t.Helper()
	if _, err := io.WriteString(l, text); err != nil {
		l.t.Fatal(err)
	}
}

func (l *line) get() { l.t.Helper(); l.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n") }

// receive returns the next answer with its body.
func (l *line) receive() (*http.Response, string) {
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

// rest returns what comes until the connection ends, and how it ends.
func (l *line) rest() (string, error) {
	got, err := io.ReadAll(l.in)
	return string(got), err
}

// isReset reports a reset, which a client that writes after it was told knows as a
// broken pipe.
func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// mustTakeAtLeast fails the test for an action that is over before the time.
func mustTakeAtLeast(t *testing.T, least time.Duration, action func()) {
	t.Helper()
	begin := time.Now()
	action()
	if took := time.Since(begin); took < least {
		t.Errorf("over after %v, want %v at least", took, least)
	}
}
