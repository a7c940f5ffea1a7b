package promises_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// sentBody is a body that the upstream sends with every status, and what it proves.
type sentBody struct {
	name        string
	contentType string // empty for none
	text        string
	challenge   bool // a firewall's header comes with it
	pelcro      bool // it is Pelcro's when the status is an error
	// The rest is about successes (2xx).
	successOnly bool     // it is sent with these only
	pelcro2xx   bool     // it is Pelcro's
	contradicts bool     // it reports an error
	fieldErrors bool     // it has field errors
	usable      []string // the RPCs that succeed with it
	applied     bool     // it proves that the customer was created, although it is unusable
}

const jsonType = "application/json"

var (
	emptyBody  = sentBody{name: "empty", usable: []string{"DeleteCustomer"}}
	sentBodies = []sentBody{
		emptyBody,
		{name: "HTML", contentType: "text/html; charset=utf-8", text: "<!DOCTYPE html><html><body><h1>Welcome</h1></body></html>"},
		{name: "text", contentType: "text/plain", text: "upstream connect error"},
		{
			name: "problem+json", contentType: "application/problem+json", text: `{"type":"about:blank","title":"Maintenance"}`,
			usable: []string{"DeleteCustomer"},
		},
		{
			name: "Laravel's message", contentType: jsonType, text: `{"message":"Done."}`,
			pelcro: true, pelcro2xx: true, usable: []string{"DeleteCustomer"},
		},
		{
			name: "Laravel's field errors", contentType: jsonType,
			text:   `{"message":"The given data was invalid.","errors":{"email":["The email field is required."]}}`,
			pelcro: true, pelcro2xx: true, contradicts: true, fieldErrors: true,
		},
		{
			name: "failure with a message", contentType: jsonType, text: `{"success":false,"message":"no"}`,
			pelcro: true, pelcro2xx: true, contradicts: true,
		},

		{name: "a firewall's challenge", challenge: true, successOnly: true},
		{name: "failure in one word", contentType: jsonType, text: `{"result":"failed"}`, successOnly: true, contradicts: true},
		{name: "error status", contentType: jsonType, text: `{"status":500}`, successOnly: true, contradicts: true},
		{
			name: "error beside empty data", contentType: jsonType, text: `{"data":[],"error":"no"}`,
			successOnly: true, pelcro2xx: true, contradicts: true,
		},
		{
			name: "errors beside null", contentType: jsonType, text: `{"data":null,"errors":["no"]}`,
			successOnly: true, pelcro2xx: true, contradicts: true,
		},
		{
			name: "customer", contentType: jsonType, text: `{"data":{"id":42}}`, successOnly: true, pelcro2xx: true,
			usable: []string{"GetCustomer", "CreateCustomer", "UpdateCustomer", "DeleteCustomer"},
		},
		{
			name: "customer without id", contentType: jsonType, text: `{"data":{"first_name":"Ada"}}`, successOnly: true, pelcro2xx: true,
			usable: []string{"DeleteCustomer"}, applied: true,
		},
		{
			name: "page", contentType: jsonType, text: `{"data":[{"id":42}]}`, successOnly: true, pelcro2xx: true,
			usable: []string{"ListCustomers", "DeleteCustomer"},
		},
		{
			name: "empty page", contentType: jsonType, text: `{"data":[],"error":false}`, successOnly: true, pelcro2xx: true,
			usable: []string{"ListCustomers", "DeleteCustomer"},
		},
		{name: "empty list", contentType: jsonType, text: `[]`, successOnly: true, usable: []string{"DeleteCustomer"}},
		{name: "null", contentType: jsonType, text: `null`, successOnly: true, usable: []string{"DeleteCustomer"}},
		{name: "true", contentType: jsonType, text: `true`, successOnly: true, usable: []string{"DeleteCustomer"}},
		{name: "false", contentType: jsonType, text: `false`, successOnly: true},
	}
)

// sentResponse is one response of the upstream. Each has a Retry-After, which must not reach the
// caller of a create that may have happened.
type sentResponse struct {
	status int
	body   sentBody
}

func (r sentResponse) String() string { return fmt.Sprintf("HTTP %d, %s", r.status, r.body.name) }

func (r sentResponse) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Retry-After", "7")
	if r.body.challenge {
		w.Header().Set("Cf-Mitigated", "challenge")
	}
	if r.body.contentType != "" {
		w.Header().Set("Content-Type", r.body.contentType)
	}
	w.WriteHeader(r.status)
	_, _ = io.WriteString(w, r.body.text)
}

// received is the response as it arrives: HTTP sends no body with two statuses.
func (r sentResponse) received() sentResponse {
	if !r.body.challenge && (r.status == http.StatusNoContent || r.status == http.StatusNotModified) {
		r.body = emptyBody
	}
	return r
}

func (r sentResponse) success() bool { return r.status >= 200 && r.status <= 299 }

func (r sentResponse) succeeds(rpc string) bool {
	return r.success() && slices.Contains(r.body.usable, rpc)
}

// origin is the metadata "origin" that an error must have.
func (r sentResponse) origin() string {
	if r.success() && r.body.pelcro2xx || !r.success() && r.body.pelcro {
		return "pelcro"
	}
	return "intermediary"
}

// createOutcome is the metadata "outcome" that a failed create must have.
func (r sentResponse) createOutcome() string {
	isObject := strings.HasPrefix(r.body.text, "{")
	switch {
	case r.success() && r.body.contradicts && r.body.fieldErrors:
		return "rejected"
	case r.success() && (r.body.applied || r.status == http.StatusCreated && isObject && !r.body.contradicts):
		return "applied"
	case r.status == http.StatusServiceUnavailable && r.body.pelcro: // with its Retry-After
		return "rejected"
	case slices.Contains([]int{301, 307, 308, 521, 523, 525, 526, 530}, r.status):
		return "rejected"
	case r.status >= 400 && r.status <= 499 && r.status != 408 && r.status != 499:
		return "rejected"
	}
	return "unknown"
}

// sentResponses are all statuses with all bodies.
func sentResponses() (all []sentResponse) {
	for status := 200; status <= 599; status++ {
		for _, body := range sentBodies {
			r := sentResponse{status, body}
			if r.success() || !body.successOnly {
				all = append(all, r)
			}
		}
	}
	return all
}

// siteRPCs call each RPC with a site, by which the upstream knows what to send.
var siteRPCs = map[string]func(context.Context, pelcrov1.CustomerServiceClient, int32, ...grpc.CallOption) error{
	"GetCustomer": func(ctx context.Context, c pelcrov1.CustomerServiceClient, site int32, o ...grpc.CallOption) error {
		_, err := c.GetCustomer(ctx, &pelcrov1.GetCustomerRequest{Id: 42, SiteId: &site}, o...)
		return err
	},
	"ListCustomers": func(ctx context.Context, c pelcrov1.CustomerServiceClient, site int32, o ...grpc.CallOption) error {
		_, err := c.ListCustomers(ctx, &pelcrov1.ListCustomersRequest{SiteId: &site}, o...)
		return err
	},
	"CreateCustomer": func(ctx context.Context, c pelcrov1.CustomerServiceClient, site int32, o ...grpc.CallOption) error {
		_, err := c.CreateCustomer(ctx, &pelcrov1.CreateCustomerRequest{
			Customer: &pelcrov1.Customer{DisplayName: new("Ada")}, SiteId: &site,
		}, o...)
		return err
	},
	"UpdateCustomer": func(ctx context.Context, c pelcrov1.CustomerServiceClient, site int32, o ...grpc.CallOption) error {
		_, err := c.UpdateCustomer(ctx, &pelcrov1.UpdateCustomerRequest{
			Customer: &pelcrov1.Customer{Id: 42, Title: new("Countess")}, SiteId: &site,
		}, o...)
		return err
	},
	"DeleteCustomer": func(ctx context.Context, c pelcrov1.CustomerServiceClient, site int32, o ...grpc.CallOption) error {
		_, err := c.DeleteCustomer(ctx, &pelcrov1.DeleteCustomerRequest{Id: 42, SiteId: &site}, o...)
		return err
	},
}

// maxReports bounds what one RPC reports: one cause can fail thousands of calls.
const maxReports = 20

// For every response of Pelcro or of an intermediary to every RPC: the caller receives an error
// exactly when it must, and the parts of the error agree.
func TestR32EveryResponse(t *testing.T) {
	parallelUnlessSoaking(t)
	responses := sentResponses()
	g := start(t, upstreamOf(t, func(w http.ResponseWriter, r *http.Request) {
		site, err := strconv.Atoi(r.URL.Query().Get("site_id"))
		if err != nil {
			t.Error(err)
			return
		}
		responses[site-1].ServeHTTP(w, r)
	}), withoutBreaker, withoutRetries)
	codesOf := reasonCodes{codes: map[string]codes.Code{}}
	for turn, rpc := range slices.Sorted(maps.Keys(siteRPCs)) {
		call := siteRPCs[rpc]
		t.Run(rpc, func(t *testing.T) {
			var reports atomic.Int64
			each(len(responses), 16, func(i int) {
				// The soak has all; otherwise a create gets a third of the responses, the others a ninth each:
				// no divisors of the number of bodies, so that each body comes with some statuses.
				if part := map[bool]int{true: 3, false: 9}[rpc == "CreateCustomer"]; !soaking && i%part != turn%part {
					return
				}
				var trailer metadata.MD
				err := call(t.Context(), g.Customers, int32(i+1), grpc.Trailer(&trailer))
				r := responses[i].received()
				var wrong mistakes
				wrong.expectf((err == nil) == r.succeeds(rpc), "success, or the lack of it")
				if err != nil {
					wrong.checkResponseError(rpc, r, err, trailer)
					wrong.expectf(codesOf.agree(err), "%s has another code elsewhere", gatewaytest.Reason(err))
				}
				if len(wrong) > 0 && reports.Add(1) <= maxReports {
					t.Errorf("%v: %s\n\t%v", r, strings.Join(wrong, "; "), err)
				}
			})
		})
	}
}

// reasonCodes collects the code that comes with each reason.
type reasonCodes struct {
	mu    sync.Mutex
	codes map[string]codes.Code
}

// agree reports whether the reason of the error has always come with this code.
func (r *reasonCodes) agree(err error) bool {
	reason, code := gatewaytest.Reason(err), status.Code(err)
	r.mu.Lock()
	defer r.mu.Unlock()
	if first, seen := r.codes[reason]; seen {
		return first == code
	}
	r.codes[reason] = code
	return true
}
