//go:build e2e

package e2e_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
)

// knownDifferences are the cases in which the sandbox and Laravel may differ.
var knownDifferences = map[string]struct {
	laravel, sandbox string // the ErrorReasons
	why              string
}{
	"missing route": {
		"PELCRO_NOT_FOUND", "PELCRO_ROUTE_NOT_FOUND",
		"Laravel 8 has no text for a missing route. Laravel 9 and later have one, and the sandbox sends it, because Pelcro's public code is on version 11.",
	},
}

// The same gateway configuration in front of Laravel and of the sandbox, for each failure
// that both have without a script: code, reason, field paths and reasons, outcome and
// retry advice are the same. TestEveryRule has the rules of a body, TestLifecycle the
// successes.
func TestSandboxFailsLikeLaravel(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name       string
		settings   gatewaySettings
		url        func(string) string
		limit      int // requests in a minute; 0 means enough
		id         int64
		size       int
		operations []string
		twice      bool // the second call is compared
	}{
		{name: "good", operations: []string{get, list, update, remove}},
		{name: "wrong key", settings: gatewaySettings{key: wrongKey}, operations: []string{get, list, create, update, remove}},
		{name: "foreign site", settings: gatewaySettings{flags: []string{"--site-id", "2"}}, operations: []string{get, list, create, update, remove}},
		{name: "missing customer", id: 999, operations: []string{get, update, remove}},
		{name: "deleted customer", id: 1006, operations: []string{remove}, twice: true},
		{name: "missing route", url: func(u string) string { return strings.Replace(u, "/v1/", "/v2/", 1) }, operations: []string{get, list, create, update, remove}},
		{name: "base URL with the path of an endpoint", url: func(u string) string { return u + "/customers" }, operations: []string{list, create}},
		{name: "body too large", size: 1 << 20, operations: []string{create, update}},
		{name: "rate limit", limit: 1, operations: []string{get, list, create, update, remove}, twice: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			limit, id := test.limit, test.id
			if limit == 0 {
				limit = sandbox.DefaultRequestsPerMinute
			}
			if id == 0 {
				id = 1001
			}
			var gateways []*gateway
			for _, upstream := range []string{
				startLaravel(t, "PELCRO_REQUESTS_PER_MINUTE="+strconv.Itoa(limit)).url, startSandbox(t, sandbox.Config{RequestsPerMinute: limit}),
			} {
				if test.url != nil {
					upstream = test.url(upstream)
				}
				settings := test.settings
				settings.direct = true
				gateways = append(gateways, startGateway(t, upstream, settings))
			}
			for _, operation := range test.operations {
				t.Run(operation, func(t *testing.T) {
					results := make([]result, len(gateways))
					for i, g := range gateways {
						results[i] = act(t, g, operation, id, test.size)
						if test.twice {
							results[i] = act(t, g, operation, id, test.size)
						}
					}
					mustBeTheSame(t, test.name, results[0], results[1])
				})
			}
		})
	}
}

// mustBeTheSame compares what a caller receives from both.
func mustBeTheSame(t *testing.T, name string, fromLaravel, fromSandbox result) {
	t.Helper()
	if exception, ok := knownDifferences[name]; ok {
		if fromLaravel.reason != exception.laravel || fromSandbox.reason != exception.sandbox {
			t.Errorf("Laravel %s, sandbox %s: this exception is no longer needed: %s", fromLaravel.reason, fromSandbox.reason, exception.why)
		}
		fromSandbox.reason = fromLaravel.reason
	}
	fromLaravel.mustMatch(t, fromSandbox)
	if !slices.Equal(fromLaravel.violations, fromSandbox.violations) {
		t.Errorf("violations: Laravel %v, sandbox %v", fromLaravel.violations, fromSandbox.violations)
	}
}

// A list request that the gateway rejects never reaches Pelcro.
func TestRejectedByTheGateway(t *testing.T) {
	t.Parallel()
	l := startLaravel(t)
	l.kill(t) // a request to Pelcro would be PELCRO_UNREACHABLE
	g := startGateway(t, l.url, gatewaySettings{direct: true})
	for _, test := range []struct {
		name    string
		request *pelcrov1.ListCustomersRequest
		want    violation
	}{
		{"page size", &pelcrov1.ListCustomersRequest{PageSize: -1}, violation{"page_size", "FIELD_OUT_OF_RANGE"}},
		{"page token", &pelcrov1.ListCustomersRequest{PageToken: "x"}, violation{"page_token", "FIELD_INVALID_FORMAT"}},
		{"order", &pelcrov1.ListCustomersRequest{OrderBy: "name"}, violation{"order_by", "FIELD_INVALID_VALUE"}},
		{"filter", &pelcrov1.ListCustomersRequest{Filters: []*pelcrov1.CustomerFilter{{Attribute: "phone", Values: []string{"1"}}}},
			violation{"filters[0].attribute", "FIELD_INVALID_VALUE"}},
		{"expand", &pelcrov1.ListCustomersRequest{Expand: []pelcrov1.CustomerRelation{pelcrov1.CustomerRelation_CUSTOMER_RELATION_UNSPECIFIED}}, violation{"expand[0]", "FIELD_INVALID_VALUE"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, got := call(t, g, g.customers.ListCustomers, test.request)
			got.must(t, "INVALID_ARGUMENT", "GATEWAY_INVALID_REQUEST")
			if !slices.Equal(got.violations, []violation{test.want}) {
				t.Errorf("violations %v", got.violations)
			}
		})
	}
}
