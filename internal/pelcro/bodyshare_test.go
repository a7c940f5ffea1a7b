package pelcro_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
)

// TestManyValues: decoded, each value takes far more memory than its bytes in the body.
func TestManyValues(t *testing.T) {
	const most = 200_000
	// The object, the list, and its elements.
	body := func(values int) string { return `{"data":[` + strings.Repeat(`{},`, values-3) + `1]}` }
	for _, test := range []struct {
		name   string
		values int
	}{{"as many as may be", most}, {"one too many", most + 1}, {"the largest body", pelcro.MaxBody / 3}} {
		t.Run(test.name, func(t *testing.T) {
			zipped := zip(t, []byte(body(test.values)))
			client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", "gzip")
				_, _ = w.Write(zipped)
			})
			received, err := client.GetCustomer(t.Context(), 0, 1001, nil)
			if test.values <= most {
				if err != nil || received.JSON.Count() != test.values {
					t.Errorf("%d values, %v", received.JSON.Count(), err)
				}
				return
			}
			if got := response(t, err, 200); !got.TooLarge || !got.Incomplete || len(got.Body) != 1024 || !got.JSON.IsZero() {
				t.Errorf("got %d bytes, TooLarge %v, Incomplete %v", len(got.Body), got.TooLarge, got.Incomplete)
			}
		})
	}
}

// sending is an attempt with a success of so many bytes, whose length the response does not say.
func sending(size int) attempt {
	body := dataOf(size)
	return func(r *http.Request) (*http.Response, error) {
		sent(r, false)
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: -1}, nil
	}
}

// TestLargeBodiesShareABudget: two of the largest bodies may be held. More wait, within their
// time limits; small ones do not.
func TestLargeBodiesShareABudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		large, small := sending(pelcro.MaxBody), sending(15<<10)
		client := at(t, "https://pelcro.example"+basePath, func(c *pelcro.Config) {
			c.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
				if strings.HasSuffix(r.URL.Path, "/customers") {
					return large(r)
				}
				return small(r)
			})
		})
		list := func(ctx context.Context) (*pelcro.Response, error) { return responses[1](ctx, client) }
		held := make([]*pelcro.Response, 2)
		for i := range held {
			var err error
			if held[i], err = list(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := get(t.Context(), client); err != nil {
			t.Errorf("a small response waits: %v", err)
		}
		noResponse(t, calls[1].do(t.Context(), client), pelcro.TimedOut, true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		noResponse(t, calls[1].do(ctx, client), pelcro.CallerGone, true)

		waiting := make(chan error)
		go func() { waiting <- calls[1].do(t.Context(), client) }()
		synctest.Wait()
		select {
		case err := <-waiting:
			t.Errorf("the third does not wait: %v", err)
		default:
		}
		held[0].Release()
		held[0].Release() // no harm
		if err := <-waiting; err != nil {
			t.Error(err)
		}
		// That one was not released, so the budget is spent again.
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		noResponse(t, calls[1].do(ctx, client), pelcro.CallerGone, true)
		for _, response := range held {
			response.Release()
		}
	})
}

// TestFailuresLeaveTheBudget: a large response that failed holds nothing.
func TestFailuresLeaveTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := &scripted{}
		client := transport.client(t)
		for name, how := range map[string]attempt{
			"too large": sending(pelcro.MaxBody + 1),
			"cut": func(r *http.Request) (*http.Response, error) {
				received, err := sending(pelcro.MaxBody)(r)
				received.Body = io.NopCloser(io.MultiReader(io.LimitReader(received.Body, 1<<20), failingReader{}))
				return received, err
			},
		} {
			transport.attempts = []attempt{how}
			for range 20 {
				if err := calls[2].do(t.Context(), client); failure(t, err).Outcome == pelcro.TimedOut {
					t.Fatalf("%s: %v", name, err)
				}
			}
		}
	})
}

// failingReader fails.
type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errors.New("reset") }
