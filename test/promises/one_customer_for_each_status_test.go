package promises_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/googleapis/gax-go/v2"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/retry"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// maxCreateAttempts is go-grpc-middleware's limit here. gax has none: it retries until its context
// ends, so the upstream responds to every attempt from this one on with a success.
const maxCreateAttempts = 3

// responseBody is what Pelcro or an intermediary sends with a status.
type responseBody struct{ name, contentType, text string }

var laravelMessage = responseBody{"JSON", "application/json", `{"message":"Server Error"}`}

var responseBodies = []responseBody{
	laravelMessage,
	{"text", "text/plain", "upstream connect error"},
	{"HTML", "text/html; charset=utf-8", "<html><body><h1>Error</h1></body></html>"},
	{"empty", "", ""},
}

// createCase is one create and the response of the upstream.
type createCase struct {
	status     int
	body       responseBody
	retryAfter bool
	// attempts and customers count the requests that arrived and the customers they created.
	attempts, customers atomic.Int64
}

func (c *createCase) String() string {
	s := fmt.Sprintf("HTTP %d, %s", c.status, c.body.name)
	if c.retryAfter {
		s += ", with Retry-After"
	}
	return s
}

// rejected reports whether the response proves that nothing was created. Only after such a response
// may a client send the create again.
func (c *createCase) rejected() bool {
	if c.status == http.StatusServiceUnavailable {
		return c.retryAfter && c.body == laravelMessage // of Pelcro itself
	}
	return slices.Contains([]int{421, 425, 429, 521, 523, 525, 526, 530}, c.status)
}

// ServeHTTP creates the customer before it responds, unless the response says the opposite.
func (c *createCase) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	last := c.attempts.Add(1) >= maxCreateAttempts
	if last || !c.rejected() {
		c.customers.Add(1)
	}
	if last {
		respond(w, http.StatusCreated, aCustomer)
		return
	}
	if c.retryAfter {
		w.Header().Set("Retry-After", "1")
	}
	if c.body.contentType != "" {
		w.Header().Set("Content-Type", c.body.contentType)
	}
	w.WriteHeader(c.status)
	_, _ = io.WriteString(w, c.body.text)
}

// createCases are all statuses with all bodies; 5xx also with Retry-After, which asks for a retry.
func createCases() (cases []*createCase) {
	for status := 300; status <= 599; status++ {
		for _, body := range responseBodies {
			cases = append(cases, &createCase{status: status, body: body})
			if status >= 500 {
				cases = append(cases, &createCase{status: status, body: body, retryAfter: true})
			}
		}
	}
	return cases
}

// Two clients retry by the code alone: go-grpc-middleware with its default codes, and gax with
// those that Google's clients use. Whatever status ends a create that has created the customer,
// with either of them there is one customer.
func TestR27OneCustomerForEachStatus(t *testing.T) {
	parallelUnlessSoaking(t)
	for _, client := range []struct {
		name   string
		create func(t *testing.T, g *service) func(context.Context, *pelcrov1.CreateCustomerRequest) error
	}{
		{"go-grpc-middleware", middlewareCreates},
		{"gax", gaxCreates},
	} {
		t.Run(client.name, func(t *testing.T) {
			cases := createCases()
			g := start(t, upstreamOf(t, func(w http.ResponseWriter, r *http.Request) {
				var sent struct {
					DisplayName string `json:"display_name"`
				}
				if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
					t.Error(err)
					return
				}
				i, err := strconv.Atoi(sent.DisplayName)
				if err != nil {
					t.Error(err)
					return
				}
				cases[i].ServeHTTP(w, r)
			}), withoutBreaker)
			create := client.create(t, g)
			each(len(cases), 16, func(i int) {
				c := cases[i]
				err := create(t.Context(), &pelcrov1.CreateCustomerRequest{
					Customer: &pelcrov1.Customer{DisplayName: new(strconv.Itoa(i))},
				})
				switch {
				case c.customers.Load() != 1:
					t.Errorf("%v: %d customers after %d attempts: %v", c, c.customers.Load(), c.attempts.Load(), err)
				case c.rejected() != (err == nil):
					t.Errorf("%v: after %d attempts the client received %v", c, c.attempts.Load(), err)
				}
			})
		})
	}
}

func middlewareCreates(t *testing.T, g *service) func(context.Context, *pelcrov1.CreateCustomerRequest) error {
	t.Helper()
	customers := pelcrov1.NewCustomerServiceClient(gatewaytest.Dial(t, g.Address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithUnaryInterceptor(retry.UnaryClientInterceptor(
			retry.WithMax(maxCreateAttempts), retry.WithBackoff(retry.BackoffLinear(time.Millisecond))))))
	return func(ctx context.Context, request *pelcrov1.CreateCustomerRequest) error {
		_, err := customers.CreateCustomer(ctx, request)
		return err
	}
}

func gaxCreates(_ *testing.T, g *service) func(context.Context, *pelcrov1.CreateCustomerRequest) error {
	retries := gax.WithRetry(func() gax.Retryer {
		return gax.OnCodes([]codes.Code{codes.Unavailable, codes.ResourceExhausted},
			gax.Backoff{Initial: time.Millisecond, Max: time.Millisecond, Multiplier: 1})
	})
	return func(ctx context.Context, request *pelcrov1.CreateCustomerRequest) error {
		return gax.Invoke(ctx, func(ctx context.Context, _ gax.CallSettings) error {
			_, err := g.Customers.CreateCustomer(ctx, request)
			return err
		}, retries)
	}
}
