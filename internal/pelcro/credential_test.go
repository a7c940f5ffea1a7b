package pelcro_test

import (
	"cmp"
	"context"
	"errors"
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

// gate is an upstream that accepts some keys and rejects the others.
type gate struct {
	mu      sync.Mutex
	accepts []string
	success string // the body of a success
	seen    []string
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
	case strings.HasSuffix(r.URL.Path, "/204"):
		w.WriteHeader(http.StatusNoContent)
	case !slices.Contains(g.accepts, strings.TrimPrefix(key, "Bearer ")):
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"message":"`+key+` is rejected"}`)
	default:
		_, _ = io.WriteString(w, cmp.Or(g.success, `{"data":{"id":1}}`))
	}
}

// serve returns a client of the gate with first-key, and a function that returns the statuses that
// were reported since it was called last.
func (g *gate) serve(t *testing.T) (*pelcro.Client, func() []bool) {
	t.Helper()
	web := httptest.NewServer(g)
	t.Cleanup(web.Close)
	client := at(t, web.URL, func(config *pelcro.Config) { config.APIKey = pelcro.NewSecret("first-key") })
	var statuses []bool
	client.OnAPIKeyStatus(func(accepted bool) { statuses = append(statuses, accepted) })
	return client, func() []bool {
		reported := statuses
		statuses = nil
		return reported
	}
}

// getAsPelcro gets a customer, and attributes a 401 to Pelcro.
func getAsPelcro(ctx context.Context, client *pelcro.Client, id int64) error {
	_, err := client.GetCustomer(ctx, 0, id, nil)
	if failed, ok := errors.AsType[*pelcro.Error](err); ok && failed.Response != nil && failed.Response.StatusCode == http.StatusUnauthorized {
		client.RecordKeyRejected(failed)
	}
	return err
}

// The status is reported once for each change, and each key.
func TestAPIKeyStatus(t *testing.T) {
	g := &gate{}
	client, reported := g.serve(t)
	get := func(id int64) { _ = getAsPelcro(t.Context(), client, id) }
	expect := func(what string, want ...bool) {
		t.Helper()
		if got := reported(); !slices.Equal(got, want) {
			t.Errorf("%s: reported %v, want %v", what, got, want)
		}
	}
	get(404)
	get(503)
	expect("responses that prove nothing")
	get(1)
	get(2)
	expect("rejected", false)
	get(404)
	expect("still rejected")
	g.accepts = []string{"first-key"}
	get(1)
	get(2)
	expect("accepted after all", true)
	client.SetAPIKey(pelcro.NewSecret("second-key"))
	get(1)
	get(1)
	expect("another key is rejected", false)
	client.SetAPIKey(pelcro.NewSecret("third-key"))
	get(1)
	expect("and another", false)
	client.SetAPIKey(pelcro.NewSecret("first-key"))
	get(1)
	expect("the good one again", true)
}

// An intermediary responds, too: its 401 does not reject a key, and its pages do not accept one.
func TestAPIKeyStatusNeedsEvidence(t *testing.T) {
	g := &gate{}
	client, reported := g.serve(t)
	if _, err := client.GetCustomer(t.Context(), 0, 1, nil); failure(t, err).Response.StatusCode != 401 {
		t.Error(err)
	}
	if got := reported(); got != nil {
		t.Errorf("a 401 by itself: reported %v", got)
	}
	g.accepts = []string{"first-key"}
	for _, page := range []string{"<html></html>", "[]", "null", "{", " "} {
		g.success = page
		if _, err := client.GetCustomer(t.Context(), 0, 1, nil); err != nil {
			t.Error(err)
		}
		if got := reported(); got != nil {
			t.Errorf("%q: reported %v", page, got)
		}
	}
	if _, err := client.GetCustomer(t.Context(), 0, 204, nil); err != nil {
		t.Error(err)
	}
	if got := reported(); !slices.Equal(got, []bool{true}) {
		t.Errorf("204: reported %v", got)
	}
	client.RecordKeyRejected(&pelcro.Error{})
	client.RecordKeyRejected(&pelcro.Error{Response: &pelcro.Response{StatusCode: 401}})
	if got := reported(); got != nil {
		t.Errorf("errors without a credential: reported %v", got)
	}
}

// A caller's own credential is sent as it is, instead of the client's, and says nothing about the
// client's.
func TestAuthorization(t *testing.T) {
	g := &gate{accepts: []string{"first-key"}}
	client, reported := g.serve(t)
	for _, value := range []string{"Bearer callers-own-key", "callers-own-key", "Basic dXNlcjpwYXNz", "short", "e"} {
		ctx := pelcro.WithAuthorization(t.Context(), value)
		failed := failure(t, getAsPelcro(ctx, client, 1))
		if got := g.seen[len(g.seen)-1]; got != value {
			t.Errorf("sent %q, want %q", got, value)
		}
		if body := string(failed.Response.RedactedBody()); len(value) > 8 && strings.Contains(body, value[max(0, strings.Index(value, " ")):]) {
			t.Errorf("%q is in %s", value, body)
		} else if !strings.Contains(body, `"message":"`) {
			t.Errorf("%q makes %s", value, body)
		}
	}
	if got := reported(); got != nil {
		t.Errorf("reported %v for the client's key", got)
	}
	if _, err := client.GetCustomer(context.WithoutCancel(t.Context()), 0, 1, nil); err != nil {
		t.Errorf("the client's own key: %v", err)
	}
}

// Calls that run when the key is replaced end with the one that they began with, and what Pelcro says
// about that one no longer counts.
func TestReplacedWhileRunning(t *testing.T) {
	arrived, respond := make(chan string), make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived <- r.Header.Get("Authorization")
		<-respond
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"message":"first-key is gone"}`)
	}))
	defer web.Close()
	client := at(t, web.URL, func(config *pelcro.Config) { config.APIKey = pelcro.NewSecret("first-key") })
	defer client.Close()
	client.OnAPIKeyStatus(func(bool) { t.Error("the status of a key that is not in use") })
	ended := make(chan error, 1)
	go func() {
		_, err := client.GetCustomer(t.Context(), 0, 1, nil)
		ended <- err
	}()
	if got := <-arrived; got != "Bearer first-key" {
		t.Errorf("sent %q", got)
	}
	client.SetAPIKey(pelcro.NewSecret("second-key"))
	close(respond)
	failed := failure(t, <-ended)
	client.RecordKeyRejected(failed)
	if body := string(failed.Response.RedactedBody()); strings.Contains(body, "first-key") {
		t.Errorf("the old key is in %s", body)
	}
}

// When calls end concurrently with different statuses, the last one that was reported is the one that
// holds: otherwise the wrong one would be believed until the next change.
func TestAPIKeyStatusesInOrder(t *testing.T) {
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
	var reported atomic.Bool
	client.OnAPIKeyStatus(func(accepted bool) {
		if !accepted {
			runtime.Gosched() // others may be reported in between
		}
		reported.Store(accepted)
	})
	for range 200 {
		var calls sync.WaitGroup
		for range 8 {
			calls.Go(func() { _ = getAsPelcro(t.Context(), client, 1) })
		}
		calls.Wait()
		if _, err := client.GetCustomer(t.Context(), 0, 7, nil); err != nil {
			t.Fatal(err)
		}
		if !reported.Load() {
			t.Fatal("the key is accepted, and was reported last as rejected")
		}
	}
}

// Pelcro may repeat a credential in a header, too, and the content type becomes part of statuses.
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
	for _, ctx := range []context.Context{t.Context(), pelcro.WithAuthorization(t.Context(), "Bearer callers-own-key")} {
		_, err := client.GetCustomer(ctx, 0, 1, nil)
		got := response(t, err, 503)
		header := got.RedactedHeader()
		if header.Get("Content-Type") != "" || header.Get("X-Several") != "" || header.Get("Retry-After") != "7" {
			t.Errorf("left: %v", header)
		}
		if got.Header.Get("Content-Type") == "" {
			t.Error("the headers themselves were changed")
		}
	}
}
