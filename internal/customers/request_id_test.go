package customers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/customers"
	client "github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// Calls with one id that run together send one create.
func TestConcurrentCreates(t *testing.T) {
	pelcro := &lossy{pelcro: sandbox.New(sandbox.Config{APIKey: apiKey, SiteID: siteID})}
	g := start(t, pelcro)
	var all sync.WaitGroup
	results := make([]string, 20)
	for i := range results {
		all.Go(func() {
			resp, r := call(t.Context(), g.customers.CreateCustomer, withID("one@example.com", oneID))
			results[i] = strings.TrimSuffix(resultOf(resp, r), " replayed")
		})
	}
	all.Wait()
	for _, got := range results {
		if want := "OK 1009 " + oneID; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if n := strings.Count(pelcro.requests(), "create"); n != 1 {
		t.Errorf("%d creates", n)
	}
}

// A call that ends while another one with its id is running does not know what becomes of the create.
func TestWaitingCreateEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release, arrived := make(chan struct{}), make(chan struct{})
		pelcro := &lossy{pelcro: sandbox.New(sandbox.Config{APIKey: apiKey, SiteID: siteID}), faults: map[string][]fault{
			"create": {func(w http.ResponseWriter, r *http.Request, pelcro http.Handler) {
				close(arrived)
				<-release
				pelcro.ServeHTTP(w, r)
			}},
		}}
		g := startInMemory(t, pelcro)
		first := make(chan string)
		go func() {
			first <- resultOf(call(t.Context(), g.Customers.CreateCustomer, withID("one@example.com", oneID)))
		}()
		<-arrived
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if got, want := resultOf(call(ctx, g.Customers.CreateCustomer, withID("one@example.com", oneID))), "DeadlineExceeded CALLER_DEADLINE_EXCEEDED unknown"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		close(release)
		if got, want := <-first, "OK 1009 "+oneID; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

// A create that a stop of the service ends asks for a retry with the request_id, once Pelcro's filter
// is known to work.
func TestStopWhileCreating(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release, arrived := make(chan struct{}), make(chan struct{})
		pelcro := &lossy{pelcro: sandbox.New(sandbox.Config{APIKey: apiKey, SiteID: siteID}), faults: map[string][]fault{
			"create": {passes, func(http.ResponseWriter, *http.Request, http.Handler) {
				close(arrived)
				<-release
			}},
		}}
		defer close(release)
		g := gatewaytest.Start(t, gatewaytest.InMemoryURL, gatewaytest.ServedInMemory(t, pelcro), func(c *gatewaytest.Config) {
			c.Pelcro.APIKey, c.Pelcro.SiteID = client.NewSecret(apiKey), siteID
			c.Server.DrainTimeout = time.Millisecond
		})
		mustSucceed(t, g.Customers.CreateCustomer, withID("first@example.com", "00000000-0000-4000-8000-000000000001"))
		created := make(chan string)
		go func() {
			created <- resultOf(call(t.Context(), g.Customers.CreateCustomer, withID("one@example.com", oneID)))
		}()
		<-arrived
		if err := g.Stop(); err != nil {
			t.Error(err)
		}
		if got, want := <-created, "Unavailable GATEWAY_CREATE_PENDING pending "; !strings.HasPrefix(got, want) {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

// Without a request_id the request is the same as ever; with one, the metadata has one key more.
func TestCreateOnceBody(t *testing.T) {
	pelcro := &lossy{pelcro: sandbox.New(sandbox.Config{APIKey: apiKey, SiteID: siteID})}
	g := start(t, pelcro)
	for _, test := range []struct {
		name string
		id   *string
		want string
	}{
		{"without a request_id", nil, `{"email":"one@example.com","metadata":{"plan":"gold"}}`},
		{"with one", new(oneID), `{"email":"two@example.com","metadata":{"grpc_request_id":"` + oneID + `","plan":"gold"}}`},
	} {
		pelcro.bodies = nil
		var sent struct{ Email string }
		if err := json.Unmarshal([]byte(test.want), &sent); err != nil {
			t.Fatal(err)
		}
		resp := mustSucceed(t, g.customers.CreateCustomer, &pelcrov1.CreateCustomerRequest{
			Customer:  &pelcrov1.Customer{Email: &sent.Email, Metadata: mustStruct(t, map[string]any{"plan": "gold"})},
			RequestId: test.id,
		})
		if len(pelcro.bodies) != 1 || pelcro.bodies[0] != test.want {
			t.Errorf("%s: %q", test.name, pelcro.bodies)
		}
		mustEqual(t, resp.GetCustomer().GetMetadata(), mustStruct(t, map[string]any{"plan": "gold"}))
		got := mustSucceed(t, g.customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: resp.GetCustomer().GetId()}).GetCustomer()
		if got.GetRequestId() != value(test.id) || len(got.GetMetadata().GetFields()) != 1 {
			t.Errorf("%s: %v", test.name, got)
		}
	}
	if got, want := pelcro.requests(), "create get find create find get"; got != want {
		t.Errorf("Pelcro received %q, want %q", got, want)
	}
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// The log says once that the guarantee does not hold.
func TestBrokenFilterIsLogged(t *testing.T) {
	empty := responds(200, `{"data":[]}`)
	pelcro := &lossy{pelcro: sandbox.New(sandbox.Config{APIKey: apiKey, SiteID: siteID}), faults: map[string][]fault{"find": {empty, empty, empty, empty}}}
	log := &testkit.Log{}
	g := startWith(t, siteID, pelcro, customers.Config{Logger: slog.New(slog.NewTextHandler(log, nil))})
	for i, want := range []string{"find create find", "find create"} {
		mustSucceed(t, g.customers.CreateCustomer, withID(fmt.Sprintf("%d@example.com", i), fmt.Sprintf("00000000-0000-4000-8000-00000000000%d", i+1)))
		if got := pelcro.requests(); got != want {
			t.Errorf("Pelcro received %q, want %q", got, want)
		}
	}
	if n := strings.Count(log.String(), "does not find customers by their request_id"); n != 1 {
		t.Errorf("%d lines:\n%s", n, log)
	}
}

// Only a UUID is a request_id, and only this service sets its metadata key.
func TestInvalidRequestID(t *testing.T) {
	g := start(t, unreachable(t))
	create := func(t *testing.T, req *pelcrov1.CreateCustomerRequest) failure {
		t.Helper()
		return mustFail(t, g.customers.CreateCustomer, req)
	}
	reserved := func() *pelcrov1.Customer {
		return &pelcrov1.Customer{Id: 42, Metadata: mustStruct(t, map[string]any{"grpc_request_id": oneID})}
	}
	const key = `customer.metadata["grpc_request_id"]`
	rejections[pelcrov1.CreateCustomerRequest]{
		{"empty", withID("a@example.com", ""), one("request_id", "FIELD_INVALID_FORMAT")},
		{"not a UUID", withID("a@example.com", "order-1"), one("request_id", "FIELD_INVALID_FORMAT")},
		{"without dashes", withID("a@example.com", strings.ReplaceAll(oneID, "-", "")), one("request_id", "FIELD_INVALID_FORMAT")},
		{"in braces", withID("a@example.com", "{"+oneID+"}"), one("request_id", "FIELD_INVALID_FORMAT")},
		{"a line more", withID("a@example.com", oneID+"\n"), one("request_id", "FIELD_INVALID_FORMAT")},
		{"zeros", withID("a@example.com", "00000000-0000-0000-0000-000000000000"), one("request_id", "FIELD_INVALID_VALUE")},
		{"the reserved key", &pelcrov1.CreateCustomerRequest{Customer: reserved()}, one(key, "FIELD_PROHIBITED")},
	}.run(t, create)
	rejections[pelcrov1.UpdateCustomerRequest]{
		{"the reserved key in an update", &pelcrov1.UpdateCustomerRequest{Customer: reserved()}, one(key, "FIELD_PROHIBITED")},
		{"the reserved key under a mask", &pelcrov1.UpdateCustomerRequest{
			Customer: reserved(), UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"metadata"}},
		}, one(key, "FIELD_PROHIBITED")},
	}.run(t, func(t *testing.T, req *pelcrov1.UpdateCustomerRequest) failure {
		t.Helper()
		return mustFail(t, g.customers.UpdateCustomer, req)
	})
}
