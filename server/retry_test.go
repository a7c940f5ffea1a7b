package server_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// retrying is a client that retries every code that a policy can name.
func retrying(s *gatewaytest.Config) {
	s.Dial = append(s.Dial, grpc.WithDefaultServiceConfig(`{"methodConfig": [{
		"name": [{"service": "pelcro.v1.CustomerService"}],
		"retryPolicy": {
			"maxAttempts": 4, "initialBackoff": "0.001s", "maxBackoff": "0.001s", "backoffMultiplier": 1,
			"retryableStatusCodes": ["UNAVAILABLE", "INTERNAL", "UNKNOWN", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "ABORTED"]
		}
	}]}`))
}

// Whatever a client retries, a create that may have happened is not retried.
func TestNoRetryOfAnAmbiguousCreate(t *testing.T) {
	t.Parallel()
	responses := map[string]http.HandlerFunc{
		"reset":          testkit.Verbatim(""),
		"no HTTP":        testkit.Verbatim("nonsense\r\n\r\n"),
		"cut body":       cut(201, `{"data":{"id":42`),
		"page":           htmlPage(201),
		"empty":          testkit.Respond(201, ``),
		"no id":          testkit.Respond(201, `{"data":{}}`),
		"error in it":    testkit.Respond(200, `{"error":"x"}`),
		"503 with delay": testkit.Respond(503, `{}`, "Retry-After", "1"),
		"redirect":       testkit.Respond(302, ``, "Location", "/"),
	}
	for _, status := range []int{408, 499, 500, 501, 502, 503, 504, 520, 522, 524, 598, 599} {
		responses[fmt.Sprint(status)] = testkit.Respond(status, `{}`)
	}
	for name, response := range responses {
		t.Run(name, func(t *testing.T) {
			upstream := testkit.NewScript(response)
			g := start(t, upstream, retrying)
			mustFail(t, g.Customers.CreateCustomer, newCustomer("new@example.com"))
			mustHaveSeen(t, upstream, 1)
		})
	}
	t.Run("timeout", func(t *testing.T) {
		upstream := testkit.NewHanging()
		g := start(t, upstream, retrying, within(time.Second))
		mustFail(t, g.Customers.CreateCustomer, newCustomer("new@example.com"))
		<-upstream.Arrived
		if len(upstream.Arrived) > 0 {
			t.Error("the create was retried")
		}
	})
}

// A client retries what it may retry.
func TestRetries(t *testing.T) {
	for _, test := range []struct {
		name     string
		upstream http.HandlerFunc
		call     int // of gateway.calls
		attempts int
	}{
		{"get 503", testkit.Respond(503, `{}`), 0, 4},
		{"get 500", testkit.Respond(500, `{}`), 0, 4},
		{"get reset", testkit.Verbatim(""), 0, 4},
		{"list 502", htmlPage(502), 1, 4},
		{"update 504", htmlPage(504), 3, 4},
		{"delete 503", testkit.Respond(503, `{}`), 4, 4},
		{"get 429, delay unknown: a minute is beyond what a client waits", testkit.Respond(429, `{}`), 0, 1},
		{"create 429, delay unknown", testkit.Respond(429, `{}`), 2, 1},
		{"create 425: nothing was done", testkit.Respond(425, `{}`), 2, 4},
		{"create 521: nothing was done", testkit.Respond(521, `{}`), 2, 4},
		{"create 523: nothing was done", testkit.Respond(523, `{}`), 2, 4},
		{"create 530: nothing was done", testkit.Respond(530, `{}`), 2, 4},
		{"get 503, delay beyond what a client waits", testkit.Respond(503, `{}`, "Retry-After", "3600"), 0, 1},
		{"get 429, delay beyond what a client waits", testkit.Respond(429, `{}`, "Retry-After", "3600"), 0, 1},
		{"create 429, delay beyond what a client waits", testkit.Respond(429, `{}`, "Retry-After", "3600"), 2, 1},
		{"get 404", testkit.Respond(404, `{}`), 0, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			upstream := testkit.NewScript(test.upstream)
			a := start(t, upstream, retrying).calls(42)[test.call].do(t.Context())
			a.failure(t)
			mustHaveSeen(t, upstream, test.attempts)
		})
	}
}

func TestRetrySucceeds(t *testing.T) {
	upstream := testkit.NewScript(testkit.Respond(503, `{}`), testkit.Verbatim(""), testkit.Succeed)
	g := start(t, upstream, retrying)
	mustSucceed(t, g.Customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: 42})
	mustHaveSeen(t, upstream, 3)
}

// A client waits as long as the upstream asked.
func TestRetryAfterDelay(t *testing.T) {
	t.Parallel()
	upstream := testkit.NewScript(testkit.Respond(429, `{}`, "Retry-After", "1"), testkit.Succeed)
	g := start(t, upstream, retrying)
	begin := time.Now()
	mustSucceed(t, g.Customers.CreateCustomer, newCustomer("new@example.com"))
	if waited := time.Since(begin); waited < 900*time.Millisecond {
		t.Errorf("the client waited %v", waited)
	}
	mustHaveSeen(t, upstream, 2)
}

// A create that was not sent may be retried.
func TestRetryOfAnUnsentCreate(t *testing.T) {
	listener := testkit.Listen(t)
	address := listener.Addr().String()
	listener.Close()
	g := startAt(t, "http://"+address, retrying)
	_, a := call(t.Context(), g.Customers.CreateCustomer, newCustomer("new@example.com"))
	if status.Code(a.err) != codes.Unavailable {
		t.Fatal(a.err)
	}
	if attempts := len(g.Log.UnreadLines(t, finished)); attempts != 4 {
		t.Errorf("%d attempts", attempts)
	}
}
