package promises_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/retry"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pelcro-grpc/pelcro-grpc/client"
	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
	"github.com/pelcro-grpc/pelcro-grpc/test/faultproxy"
)

// settleTime is far longer than a request is on its way here.
var settleTime = scaled(3*time.Second, 2*time.Second)

// networkFaults are what the network does to a request: it passes most often.
func networkFaults(n int) []faultproxy.Fault {
	const unavailable = "HTTP/1.1 %s\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n"
	faults := []faultproxy.Fault{
		faultproxy.ResetOnAccept(),                                      // refused
		faultproxy.ResetBeforeRequest(), faultproxy.ResetAfterRequest(), // the request is lost
		faultproxy.ResetAfterUpstream(), faultproxy.TruncateBody(10), // the response is lost
		faultproxy.Garbage(fmt.Sprintf(unavailable, "503 Service Unavailable")), // it did not arrive
		faultproxy.Garbage(fmt.Sprintf(unavailable, "504 Gateway Timeout")),
		faultproxy.BlackHole(), // nothing
	}
	chosen := make([]faultproxy.Fault, n)
	for i := range chosen {
		chosen[i] = faultproxy.None()
		if mathrand.N(10) < 4 {
			chosen[i] = faults[mathrand.N(len(faults))]
		}
	}
	return chosen
}

// deaf is a Pelcro whose proxy now and then gives up a create that Pelcro completes.
type deaf struct{ pelcro http.Handler }

func (d deaf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost && mathrand.N(10) == 0 {
		d.pelcro.ServeHTTP(httptest.NewRecorder(), r)
		w.WriteHeader([]int{http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}[mathrand.N(3)])
		return
	}
	d.pelcro.ServeHTTP(w, r)
}

// newUUID returns a random UUID.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Whatever the network does, and although one of two replicas is killed, there is one customer for
// each request_id, with the retries of grpc-go and of go-grpc-middleware.
func TestR37OneCustomerForEachRequestID(t *testing.T) {
	parallelUnlessSoaking(t)
	oneCustomerForEachID(t, true, inGo)
}

// The same without Redis, where each replica knows only its own creates.
func TestR37OneCustomerWithoutRedis(t *testing.T) {
	parallelUnlessSoaking(t)
	oneCustomerForEachID(t, false, inGo)
}

const withSandboxKey = "PELCRO_GRPC_PELCRO_API_KEY=" + sandbox.DefaultAPIKey

// sendCreate sends a create with a request_id, with the retries of a gRPC library.
type sendCreate func(ctx context.Context, id string) (customer int64, err error)

// oneCustomerForEachID has the libraries take turns.
func oneCustomerForEachID(t *testing.T, redis bool, libraries func(t *testing.T, replicas ...string) []sendCreate) {
	t.Helper()
	settings := []string{"--request-timeout=2s", "--create-settle-time=" + settleTime.String(), "--no-circuit-breaker", withSandboxKey}
	if redis {
		settings = append(settings, "--redis-url="+testkit.StartRedis(t).URL())
	}
	pelcro := sandbox.New(sandbox.Config{RequestsPerMinute: 1 << 30})
	web := httptest.NewServer(deaf{pelcro})
	t.Cleanup(web.Close)
	proxy := faultproxy.New(t, web.URL)
	victim, survivor := run(t, proxy.URL(), settings...), run(t, proxy.URL(), settings...)
	for _, replica := range []*testkit.Process{victim, survivor} { // Pelcro's filter finds what was created
		first := &creator{send: plain(pelcrov1.NewCustomerServiceClient(gatewaytest.Dial(t, replica.Address))), redis: true}
		if err := first.create(t.Context(), newUUID()); err != nil {
			t.Fatal(err)
		}
	}
	callers := scaled(10_000, 40)
	proxy.Next(networkFaults(scaled(20*callers, callers))...)
	senders := libraries(t, victim.Address, survivor.Address)
	var done, pending atomic.Int64
	each(callers, scaled(100, 40), func(i int) {
		if done.Add(1) == int64(callers/2) {
			_ = victim.Command.Process.Kill()
		}
		c := &creator{send: senders[i%len(senders)], redis: redis}
		id, began := newUUID(), time.Now()
		err := c.create(t.Context(), id)
		if gatewaytest.Reason(err) == "GATEWAY_CREATE_PENDING" {
			pending.Add(1)
		} else if err != nil {
			t.Errorf("%s: after %d calls in %v: %v", id, c.calls, time.Since(began), err)
		}
		switch ids := customersWith(t, pelcro, id); {
		case len(ids) > 1, err == nil && (len(ids) != 1 || ids[0] != c.got):
			t.Errorf("%s: the customers %d, and the caller got %d, %v", id, ids, c.got, err)
		}
	})
	t.Logf("%d creates, %d ended as pending", callers, pending.Load())
}

// inGo are the retry policy of grpc-go and the interceptor of go-grpc-middleware.
func inGo(t *testing.T, replicas ...string) []sendCreate {
	t.Helper()
	byPolicy := plain(dialAll(t, client.ServiceConfigRequestID(), replicas...))
	unretried := plain(dialAll(t, client.ServiceConfig(), replicas...))
	intercept := retry.UnaryClientInterceptor(retry.WithMax(5), retry.WithBackoff(retry.BackoffExponential(100*time.Millisecond)))
	byInterceptor := func(ctx context.Context, id string) (customer int64, err error) {
		err = intercept(ctx, "CreateCustomer", nil, nil, nil, func(ctx context.Context, _ string, _, _ any, _ *grpc.ClientConn, _ ...grpc.CallOption) (err error) {
			customer, err = unretried(ctx, id)
			return err
		})
		return customer, err
	}
	return []sendCreate{byPolicy, byInterceptor}
}

// plain sends creates on a connection.
func plain(customers pelcrov1.CustomerServiceClient) sendCreate {
	return func(ctx context.Context, id string) (int64, error) {
		response, err := customers.CreateCustomer(ctx, &pelcrov1.CreateCustomerRequest{
			RequestId: &id, Customer: &pelcrov1.Customer{Email: new(id + "@example.com")},
		})
		return response.GetCustomer().GetId(), err
	}
}

// creator creates a customer as docs/clients.md says.
type creator struct {
	send  sendCreate
	redis bool
	got   int64
	calls int
}

// create retries the create until the outcome is known. Without Redis, another replica knows nothing
// of the id: unless the library itself says that it retries, the caller waits for the settle time.
func (c *creator) create(ctx context.Context, id string) error {
	var err error
	for range 60 {
		c.calls++
		c.got, err = c.send(ctx, id)
		if status.Code(err) != codes.Unavailable {
			return err
		}
		wait := 200 * time.Millisecond
		if !c.redis {
			wait = settleTime + 100*time.Millisecond
		}
		time.Sleep(wait)
	}
	return err
}

// customersWith returns the customers of Pelcro with a request_id.
func customersWith(t *testing.T, pelcro http.Handler, id string) (ids []int64) {
	t.Helper()
	query := url.Values{"site_id": {"1"}, "filter[metadata.grpc_request_id]": {"eq:" + id}}
	request := httptest.NewRequest(http.MethodGet, sandbox.BasePath+"/customers?"+query.Encode(), nil)
	request.Header = http.Header{"Authorization": {"Bearer " + sandbox.DefaultAPIKey}, "Accept": {"application/json"}}
	recorder := httptest.NewRecorder()
	pelcro.ServeHTTP(recorder, request)
	var page struct{ Data []struct{ ID int64 } }
	if err := json.Unmarshal(recorder.Body.Bytes(), &page); err != nil {
		t.Error(err)
	}
	for _, row := range page.Data {
		ids = append(ids, row.ID)
	}
	return ids
}

// Without a request_id and with the default service config, a replica that is killed while Pelcro
// creates the customer leaves one customer: nothing sends the create again.
func TestR37KilledWithoutRequestID(t *testing.T) {
	parallelUnlessSoaking(t)
	pelcro := sandbox.New(sandbox.Config{})
	arrived, release := make(chan struct{}), make(chan struct{})
	var creates atomic.Int64
	var once sync.Once
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			creates.Add(1)
			once.Do(func() { close(arrived) })
			<-release
		}
		pelcro.ServeHTTP(w, r)
	}))
	t.Cleanup(web.Close)
	victim, other := run(t, web.URL, withSandboxKey), run(t, web.URL, withSandboxKey)
	customers := dialAll(t, client.ServiceConfig(), victim.Address, other.Address)
	failed := make(chan error)
	go func() {
		_, err := customers.CreateCustomer(t.Context(), &pelcrov1.CreateCustomerRequest{Customer: &pelcrov1.Customer{Email: new("one@example.com")}})
		failed <- err
	}()
	<-arrived
	for _, replica := range []*testkit.Process{victim, other} { // whichever has the call
		_ = replica.Command.Process.Kill()
	}
	err := <-failed
	close(release)
	if status.Code(err) != codes.Unavailable || creates.Load() != 1 {
		t.Errorf("%d creates: %v", creates.Load(), err)
	}
}
