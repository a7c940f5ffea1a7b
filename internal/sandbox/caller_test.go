package sandbox_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
)

// caller calls one running sandbox as a careful client does: with the key, the site and an Accept
// header, and without following redirects.
type caller struct {
	t      *testing.T
	url    string
	client *http.Client
}

func start(t *testing.T, config sandbox.Config) caller {
	t.Helper()
	return serve(t, sandbox.New(config))
}

func serve(t *testing.T, handler http.Handler) caller {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return caller{t, server.URL, client}
}

type received struct {
	t      *testing.T
	status int
	header http.Header
	body   string
}

// request builds a proper request to a path below BasePath.
func (c caller) request(method, path, body string) *http.Request {
	c.t.Helper()
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	return c.bare(method, path+separator+"site_id=1", body)
}

// bare is request without the site.
func (c caller) bare(method, path, body string) *http.Request {
	c.t.Helper()
	request, err := http.NewRequestWithContext(c.t.Context(), method,
		c.url+sandbox.BasePath+"/"+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+sandbox.DefaultAPIKey)
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Content-Type", "application/json")
	return request
}

func (c caller) send(request *http.Request) received {
	c.t.Helper()
	response, err := c.client.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return received{c.t, response.StatusCode, response.Header, string(body)}
}

func (c caller) call(method, path, body string) received {
	c.t.Helper()
	return c.send(c.request(method, path, body))
}

// data returns the data of a successful response.
func (r received) data() map[string]any {
	r.t.Helper()
	if r.status != http.StatusOK && r.status != http.StatusCreated {
		r.t.Fatalf("status %d: %s", r.status, r.body)
	}
	data, ok := r.decoded()["data"].(map[string]any)
	if !ok {
		r.t.Fatalf("no data in %s", r.body)
	}
	return data
}

func (r received) decoded() map[string]any {
	r.t.Helper()
	var decoded map[string]any
	if err := json.Unmarshal([]byte(r.body), &decoded); err != nil {
		r.t.Fatalf("%v in %s", err, r.body)
	}
	return decoded
}

func (r received) mustBe(status int, body string) {
	r.t.Helper()
	if r.status != status || r.body != body {
		r.t.Errorf("got %d %s\nwant %d %s", r.status, r.body, status, body)
	}
}

func mustHave(t *testing.T, got, want map[string]any) {
	t.Helper()
	for key, value := range want {
		if !reflect.DeepEqual(got[key], value) {
			t.Errorf("%s = %#v, want %#v", key, got[key], value)
		}
	}
}

// clock is a clock that the test advances.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Unix(1800000000, 0)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
