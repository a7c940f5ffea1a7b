package pelcro_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
)

// gate is an upstream that takes some keys and refuses the others.
type gate struct {
	mu    sync.Mutex
	takes []string
	seen  []string
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	key := r.Header.Get("Authorization")
	g.seen = append(g.seen, key)
	switch {
	case strings.HasSuffix(r.URL.Path, "/404"):
		w.WriteHeader(http.StatusNotFound)
	case strings.HasSuffix(r.URL.Path, "/503"):
		w.WriteHeader(http.StatusServiceUnavailable)
	case !slices.Contains(g.takes, strings.TrimPrefix(key, "Bearer ")):
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"message":"`+key+` is refused"}`)
	default:
		_, _ = io.WriteString(w, `{"data":{"id":1}}`)
	}
}

func (g *gate) serve(t *testing.T) (*pelcro.Client, func() []bool) {
	t.Helper()
	web := httptest.NewServer(g)
	t.Cleanup(web.Close)
	client := at(t, web.URL, func(config *pelcro.Config) { config.APIKey = pelcro.NewSecret("first-key") })
	t.Cleanup(client.Close)
	var verdicts []bool
	client.OnAPIKeyVerdict(func(accepted bool) { verdicts = append(verdicts, accepted) })
	return client, func() []bool {
		told := verdicts
		verdicts = nil
		return told
	}
}

// The verdict is told once for each change of mind, and each key.
func TestVerdict(t *testing.T) {
	g := &gate{}
	client, told := g.serve(t)
	get := func(id int64) { _, _ = client.GetCustomer(t.Context(), 0, id, nil) }
	expect := func(what string, want ...bool) {
		t.Helper()
		if got := told(); !slices.Equal(got, want) {
			t.Errorf("%s: told %v, want %v", what, got, want)
		}
	}
	get(404)
	get(503)
	expect("replies that prove nothing")
	get(1)
	get(2)
	expect("refused", false)
	get(404)
	expect("still refused")
	g.takes = []string{"first-key"}
	get(1)
	get(2)
	expect("accepted after all", true)
	client.SetAPIKey(pelcro.NewSecret("second-key"))
	get(1)
	get(1)
	expect("another key is refused", false)
	client.SetAPIKey(pelcro.NewSecret("third-key"))
	get(1)
	expect("and another", false)
	client.SetAPIKey(pelcro.NewSecret("first-key"))
	get(1)
	expect("the good one again", true)
}

// A caller's own credential goes out as it is, instead of the client's, and says
// nothing about the client's.
func TestAuthorization(t *testing.T) {
	g := &gate{takes: []string{"first-key"}}
	client, told := g.serve(t)
	for _, value := range []string{"Bearer callers-own-key", "callers-own-key", "Basic dXNlcjpwYXNz", "short", "e"} {
		ctx := pelcro.WithAuthorization(t.Context(), pelcro.NewSecret(value))
		_, err := client.GetCustomer(ctx, 0, 1, nil)
		failed := failure(t, err)
		if got := g.seen[len(g.seen)-1]; got != value {
			t.Errorf("sent %q, want %q", got, value)
		}
		if body := string(failed.RedactedBody()); len(value) > 8 && strings.Contains(body, value[max(0, strings.Index(value, " ")):]) {
			t.Errorf("%q is in %s", value, body)
		} else if !strings.Contains(body, `"message":"`) {
			t.Errorf("%q makes %s", value, body)
		}
	}
	if got := told(); got != nil {
		t.Errorf("told %v of the client's key", got)
	}
	if _, err := client.GetCustomer(context.WithoutCancel(t.Context()), 0, 1, nil); err != nil {
		t.Errorf("the client's own key: %v", err)
	}
}

// Calls that run when the key is replaced end with the one that they began with, and
// what Pelcro says of that one counts no more.
func TestReplacedWhileRunning(t *testing.T) {
	arrived, answer := make(chan string), make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived <- r.Header.Get("Authorization")
		<-answer
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"message":"first-key is gone"}`)
	}))
	defer web.Close()
	client := at(t, web.URL, func(config *pelcro.Config) { config.APIKey = pelcro.NewSecret("first-key") })
	defer client.Close()
	client.OnAPIKeyVerdict(func(bool) { t.Error("a verdict on a key that is not in use") })
	ended := make(chan error, 1)
	go func() {
		_, err := client.GetCustomer(t.Context(), 0, 1, nil)
		ended <- err
	}()
	if got := <-arrived; got != "Bearer first-key" {
		t.Errorf("sent %q", got)
	}
	client.SetAPIKey(pelcro.NewSecret("second-key"))
	close(answer)
	if body := string(failure(t, <-ended).RedactedBody()); strings.Contains(body, "first-key") {
		t.Errorf("the old key is in %s", body)
	}
}

// When calls end at the same time with different verdicts, the one that was told last
// is the one that holds: whoever listens would otherwise believe the other for ever.
func TestVerdictsInOrder(t *testing.T) {
	var n atomic.Int64
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/7") && n.Add(1)%2 == 0 {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, `{"data":{"id":1}}`)
	}))
	defer web.Close()
	client := at(t, web.URL, func(config *pelcro.Config) { config.APIKey = pelcro.NewSecret("first-key") })
	defer client.Close()
	var told atomic.Bool
	client.OnAPIKeyVerdict(func(accepted bool) {
		if !accepted {
			runtime.Gosched() // others get their chance to be told in between
		}
		told.Store(accepted)
	})
	for range 200 {
		var calls sync.WaitGroup
		for range 8 {
			calls.Go(func() { _, _ = client.GetCustomer(t.Context(), 0, 1, nil) })
		}
		calls.Wait()
		if _, err := client.GetCustomer(t.Context(), 0, 7, nil); err != nil {
			t.Fatal(err)
		}
		if !told.Load() {
			t.Fatal("the key is good, and it was told last that it is not")
		}
	}
}

// Pelcro may repeat a credential in a header, too, of which the content type gets
// into statuses.
func TestRedactedHeader(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		w.Header().Set("Content-Type", "text/"+key)
		w.Header()["X-Several"] = []string{"good", "not " + key}
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer web.Close()
	client := at(t, web.URL, func(config *pelcro.Config) { config.APIKey = pelcro.NewSecret("first-key") })
	defer client.Close()
	for _, ctx := range []context.Context{t.Context(), pelcro.WithAuthorization(t.Context(), pelcro.NewSecret("Bearer callers-own-key"))} {
		_, err := client.GetCustomer(ctx, 0, 1, nil)
		failed := failure(t, err)
		header := failed.RedactedHeader()
		if header.Get("Content-Type") != "" || header.Get("X-Several") != "" || header.Get("Retry-After") != "7" {
			t.Errorf("left: %v", header)
		}
		if failed.Header.Get("Content-Type") == "" {
			t.Error("the headers themselves were changed")
		}
	}
}
