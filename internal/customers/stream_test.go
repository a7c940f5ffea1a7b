package customers_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
	"github.com/pelcro-grpc/pelcro-grpc/server"
)

// startInMemory is start without a network, for tests on testing/synctest's clock. Responses take a
// tenth of a second.
func startInMemory(t *testing.T, upstream http.Handler, options ...func(*gatewaytest.Config)) *gatewaytest.Gateway {
	t.Helper()
	settings := func(c *gatewaytest.Config) {
		c.Pelcro.APIKey, c.Pelcro.SiteID = pelcro.NewSecret(apiKey), siteID
		c.Pelcro.Retries, c.Pelcro.CircuitBreaker = 0, false
	}
	latency := func() time.Duration { return 100 * time.Millisecond }
	return gatewaytest.Start(t, gatewaytest.InMemoryURL, append([]func(*gatewaytest.Config){
		settings, gatewaytest.InMemory(upstream, latency),
	}, options...)...)
}

// stream reads a stream to its end.
func stream(ctx context.Context, t *testing.T, client pelcrov1.CustomerServiceClient, req *pelcrov1.StreamCustomersRequest) ([]*pelcrov1.StreamCustomersResponse, result) {
	t.Helper()
	stream, err := client.StreamCustomers(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	var messages []*pelcrov1.StreamCustomersResponse
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return messages, result{trailer: stream.Trailer()}
		}
		if err != nil {
			return messages, result{err, stream.Trailer()}
		}
		messages = append(messages, message)
	}
}

// idsOf returns the ids of all messages.
func idsOf(messages []*pelcrov1.StreamCustomersResponse) (ids []int64) {
	for _, message := range messages {
		for _, customer := range message.GetCustomers() {
			ids = append(ids, customer.GetId())
		}
	}
	return ids
}

func TestStreamSandbox(t *testing.T) {
	g := startSandbox(t)
	for i := range 240 {
		mustSucceed(t, g.customers.CreateCustomer, newCustomer(fmt.Sprintf("%c@%d.example.com", 'z'-i%20, i)))
	}
	filter := func(attribute string, or bool, values ...string) *pelcrov1.CustomerFilter {
		return &pelcrov1.CustomerFilter{Attribute: attribute, OrWithOthers: or, Values: values}
	}
	for _, test := range []struct {
		name    string
		filters []*pelcrov1.CustomerFilter
		want    int
	}{
		{"all", nil, 248},
		{"contains", []*pelcrov1.CustomerFilter{{Attribute: "email", Operator: pelcrov1.CustomerFilter_OPERATOR_CONTAINS, Values: []string{"z@", "y@"}}}, 24},
		{"ids", []*pelcrov1.CustomerFilter{filter("id", false, "1003", "1001", "1002")}, 3},
		{"id or email", []*pelcrov1.CustomerFilter{filter("id", true, "1003"), filter("email", true, "z@0.example.com")}, 2},
		{"none", []*pelcrov1.CustomerFilter{filter("email", false, "nobody@example.com")}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			req := &pelcrov1.StreamCustomersRequest{Filters: test.filters}
			all, r := stream(t.Context(), t, g.customers, req)
			ids := idsOf(all)
			if r.err != nil || len(ids) != test.want || !slices.IsSorted(ids) {
				t.Errorf("%d customers: %v, error %v", len(ids), ids, r.err)
			}
			for i, message := range all {
				if int(message.GetTotalSize()) != test.want {
					t.Errorf("total_size %d", message.GetTotalSize())
				}
				rest, r := stream(t.Context(), t, g.customers, &pelcrov1.StreamCustomersRequest{Filters: test.filters, ResumeToken: message.GetResumeToken()})
				if r.err != nil || !slices.Equal(idsOf(rest), idsOf(all[i+1:])) {
					t.Errorf("after message %d: %v, error %v", i, idsOf(rest), r.err)
				}
			}
		})
	}
}

func TestStreamUpstream(t *testing.T) {
	pelcro := &people{last: 200}
	g := start(t, pelcro)
	req := &pelcrov1.StreamCustomersRequest{
		Filters: []*pelcrov1.CustomerFilter{{Attribute: "last_name", Values: []string{"X"}}},
		Expand:  []pelcrov1.CustomerRelation{pelcrov1.CustomerRelation_CUSTOMER_RELATION_ADDRESSES}, SiteId: new(int32(9)),
	}
	if _, r := stream(t.Context(), t, g.customers, req); r.err != nil {
		t.Fatal(r.err)
	}
	want := []string{
		"expand=addresses&filter%5Blast_name%5D=eq%3AX&limit=100&page=1&site_id=9&sort=id",
		"expand=addresses&filter%5Blast_name%5D=eq%3AX&limit=95&page=2&site_id=9&sort=id",
	}
	for i, r := range pelcro.requests {
		if i >= len(want) || r.URL.RawQuery != want[i] {
			t.Errorf("request %d: %s", i, r.URL.RawQuery)
		}
	}
}

func TestStreamInvalid(t *testing.T) {
	other := start(t, &people{last: 10})
	messages, _ := stream(t.Context(), t, other.customers, &pelcrov1.StreamCustomersRequest{})
	token := messages[0].GetResumeToken()
	g := start(t, unreachable(t))
	for _, test := range []struct {
		name string
		req  *pelcrov1.StreamCustomersRequest
		want violation
	}{
		{"token", &pelcrov1.StreamCustomersRequest{ResumeToken: "x"}, violation{"resume_token", "FIELD_INVALID_FORMAT"}},
		{"changed token", &pelcrov1.StreamCustomersRequest{ResumeToken: token[1:]}, violation{"resume_token", "FIELD_INVALID_FORMAT"}},
		{"token of another site", &pelcrov1.StreamCustomersRequest{ResumeToken: token, SiteId: new(int32(9))}, violation{"resume_token", "FIELD_INVALID_VALUE"}},
		{"token of other filters", &pelcrov1.StreamCustomersRequest{ResumeToken: token, Filters: []*pelcrov1.CustomerFilter{{Attribute: "email", Values: []string{"x"}}}}, violation{"resume_token", "FIELD_INVALID_VALUE"}},
		{"filter", &pelcrov1.StreamCustomersRequest{Filters: []*pelcrov1.CustomerFilter{{Attribute: "phone", Values: []string{"x"}}}}, violation{"filters[0].attribute", "FIELD_INVALID_VALUE"}},
		{"long filter", &pelcrov1.StreamCustomersRequest{Filters: []*pelcrov1.CustomerFilter{{Attribute: "email", Values: []string{strings.Repeat("x", 9000)}}}}, violation{"filters", "FIELD_TOO_LONG"}},
		{"relation", &pelcrov1.StreamCustomersRequest{Expand: []pelcrov1.CustomerRelation{0}}, violation{"expand[0]", "FIELD_INVALID_VALUE"}},
		{"site", &pelcrov1.StreamCustomersRequest{SiteId: new(int32(-1))}, violation{"site_id", "FIELD_OUT_OF_RANGE"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			messages, r := stream(t.Context(), t, g.customers, test.req)
			f := r.failure(t)
			f.mustViolate(t, test.want)
			if len(messages) > 0 {
				t.Errorf("%d messages", len(messages))
			}
		})
	}
}

// TestStreamFails: errors that a pause does not fix end the stream, with all their parts, also after
// messages.
func TestStreamFails(t *testing.T) {
	for _, test := range []struct {
		name   string
		with   http.HandlerFunc
		code   codes.Code
		reason pelcrov1.ErrorReason
	}{
		{"400", respond(400, `{"message":"Bad."}`), codes.InvalidArgument, pelcrov1.ErrorReason_PELCRO_BAD_REQUEST},
		{"401", respond(401, `{"message":"Unauthenticated."}`), codes.Unauthenticated, pelcrov1.ErrorReason_PELCRO_UNAUTHENTICATED},
		{"402", respond(402, `{"message":"Pay."}`), codes.FailedPrecondition, pelcrov1.ErrorReason_PELCRO_PAYMENT_REQUIRED},
		{"403", respond(403, `{"message":"No."}`), codes.PermissionDenied, pelcrov1.ErrorReason_PELCRO_PERMISSION_DENIED},
		{"404", respond(404, `{"message":"No."}`), codes.NotFound, pelcrov1.ErrorReason_PELCRO_NOT_FOUND},
		{"409", respond(409, `{"message":"No."}`), codes.Aborted, pelcrov1.ErrorReason_PELCRO_CONFLICT},
		{"500", respond(500, `{"message":"canary"}`), codes.Internal, pelcrov1.ErrorReason_PELCRO_INTERNAL_ERROR},
		{"redirect", respond(302, "", "Location", "https://example.com/canary"), codes.Internal, pelcrov1.ErrorReason_PELCRO_REDIRECT},
		{"HTML", html(200), codes.Internal, pelcrov1.ErrorReason_PELCRO_MALFORMED_RESPONSE},
		{"another page", respond(200, `{"data":[{"id":1}],"meta":{"current_page":1}}`), codes.Internal, pelcrov1.ErrorReason_PELCRO_MALFORMED_RESPONSE},
		{"an error in a success", respond(200, `{"success":false,"message":"No."}`), codes.Unknown, pelcrov1.ErrorReason_PELCRO_ERROR_IN_SUCCESS},
		{"one huge customer", respond(200, `{"data":[{"id":1,"phone":"`+strings.Repeat("x", 5<<20)+`"}]}`), codes.Internal, pelcrov1.ErrorReason_PELCRO_RESPONSE_TOO_LARGE},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := start(t, &people{last: 300, fail: func(number int, w http.ResponseWriter, r *http.Request) bool {
				if number > 1 {
					test.with(w, r)
				}
				return number > 1
			}})
			messages, r := stream(t.Context(), t, g.customers, &pelcrov1.StreamCustomersRequest{})
			f := r.failure(t)
			f.mustBe(t, test.code, test.reason)
			f.mustHide(t, "canary")
			if got := r.trailer.Get("x-error-reason"); len(messages) != 1 || len(got) != 1 || got[0] != test.reason.String() || len(r.trailer.Get("x-request-id")) != 1 {
				t.Errorf("%d messages, trailers %v", len(messages), r.trailer)
			}
			if f.metadata["operation"] != "StreamCustomers" {
				t.Errorf("metadata %v", f.metadata)
			}
		})
	}
}

// TestStreamPauses: what a pause fixes does not end the stream, and a pause that the caller has no time
// for does, with the failure itself.
func TestStreamPauses(t *testing.T) {
	for _, test := range []struct {
		name        string
		with        http.HandlerFunc
		failures    int
		least, most time.Duration
		// code and reason are those without enough time.
		code   codes.Code
		reason pelcrov1.ErrorReason
		delay  time.Duration
	}{
		{"429", respond(429, `{"message":"No."}`, "Retry-After", "37"), 1, 37 * time.Second, 38 * time.Second, codes.ResourceExhausted, pelcrov1.ErrorReason_PELCRO_RATE_LIMITED, 37 * time.Second},
		{"429 without a delay", respond(429, `{"message":"No."}`), 1, time.Minute, 61 * time.Second, codes.ResourceExhausted, pelcrov1.ErrorReason_PELCRO_RATE_LIMITED, time.Minute},
		{"503 with a delay", respond(503, `{"message":"No."}`, "Retry-After", "90"), 2, 180 * time.Second, 181 * time.Second, codes.Unavailable, pelcrov1.ErrorReason_PELCRO_UNAVAILABLE, 90 * time.Second},
		{"a long outage", respond(502, "<html>"), 50, 10 * time.Minute, 25 * time.Minute, codes.Unavailable, pelcrov1.ErrorReason_PELCRO_UNAVAILABLE, 0},
		{"no connection", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 3, 3 * time.Second, 8 * time.Second, codes.Unavailable, pelcrov1.ErrorReason_PELCRO_UNREACHABLE, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pelcro := &people{last: 300, fail: func(number int, w http.ResponseWriter, r *http.Request) bool {
					isFailing := 1 < number && number <= 1+test.failures
					if isFailing {
						test.with(w, r)
					}
					return isFailing
				}}
				g := startInMemory(t, pelcro)
				begin := time.Now()
				messages, r := stream(t.Context(), t, g.Customers, &pelcrov1.StreamCustomersRequest{})
				took := time.Since(begin)
				if r.err != nil || !slices.Equal(idsOf(messages), pelcro.all()) || took < test.least || took > test.most+10*time.Second {
					t.Errorf("%d customers after %v, error %v", len(idsOf(messages)), took, r.err)
				}
				requests := pelcro.count()
				if requests > 4+test.failures {
					t.Errorf("%d requests", requests)
				}

				ctx, cancel := context.WithTimeout(t.Context(), 600*time.Millisecond)
				defer cancel()
				messages, r = stream(ctx, t, g.Customers, &pelcrov1.StreamCustomersRequest{})
				f := r.failure(t)
				f.mustBe(t, test.code, test.reason)
				if len(messages) != 1 || f.retryDelay != test.delay {
					t.Errorf("%d messages, RetryInfo %v", len(messages), f.retryDelay)
				}
			})
		})
	}
}

// TestStreamSlowReader: a client that does not read stops the requests, and one that goes on gets
// everything.
func TestStreamSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pelcro := &people{last: 3000, metadata: `"x":"` + strings.Repeat("x", 4<<10) + `"`}
		g := startInMemory(t, pelcro)
		slow, err := g.Customers.StreamCustomers(t.Context(), &pelcrov1.StreamCustomersRequest{})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := pelcro.count(); n > 2 {
			t.Errorf("%d requests before the client reads", n)
		}
		var ids []int64
		for {
			message, err := slow.Recv()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, customer := range message.GetCustomers() {
				ids = append(ids, customer.GetId())
			}
			if len(ids) > 1000 && len(ids) < 1100 {
				pelcro.count()
				time.Sleep(time.Minute)
				if n := pelcro.count(); n > 2 {
					t.Errorf("%d requests while the client pauses", n)
				}
			}
		}
		if !slices.Equal(ids, pelcro.all()) {
			t.Errorf("%d customers", len(ids))
		}
	})
}

// TestStreamSizes: pages that are too large to be read are asked for in smaller ones, and those too large
// for a message are sent in several.
func TestStreamSizes(t *testing.T) {
	keys := make([]string, 2050)
	for i := range keys {
		keys[i] = fmt.Sprintf(`"key%05d":%d`, i, i%10)
	}
	for _, test := range []struct {
		name     string
		metadata string
		last     int64
	}{
		{"large bodies", `"x":"` + strings.Repeat("x", 100<<10) + `"`, 60},
		{"large messages", strings.Join(keys, ","), 110},
	} {
		t.Run(test.name, func(t *testing.T) {
			pelcro := &people{last: test.last, metadata: test.metadata}
			g := start(t, pelcro)
			messages, r := stream(t.Context(), t, g.customers, &pelcrov1.StreamCustomersRequest{})
			if r.err != nil || !slices.Equal(idsOf(messages), pelcro.all()) || len(messages) < 2 {
				t.Fatalf("%d customers in %d messages, error %v", len(idsOf(messages)), len(messages), r.err)
			}
			for _, message := range messages {
				if size := proto.Size(message); size > server.MaxResponseBytes {
					t.Errorf("a message of %d bytes", size)
				}
			}
			for _, i := range []int{0, len(messages) - 2, len(messages) - 1} { // not all, because each reads all later pages again
				message := messages[i]
				rest, r := stream(t.Context(), t, g.customers, &pelcrov1.StreamCustomersRequest{ResumeToken: message.GetResumeToken()})
				if r.err != nil || !slices.Equal(idsOf(rest), idsOf(messages[i+1:])) {
					t.Errorf("after message %d: %d customers, error %v", i, len(idsOf(rest)), r.err)
				}
			}
		})
	}
}
