//go:build e2e

package e2e_test

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
)

// A situation is a way in which Pelcro, or what stands before it, fails.
type situation struct {
	name  string
	start func(t *testing.T) *gateway
	id    int64 // of the customer; 0 means 1001
	size  int   // of what is written, in bytes of JSON; 0 means small
	// want is the code and reason by operation. What is not here is not called.
	want map[string][2]string
	// status is the HTTP status, and played says that the sandbox answers the same
	// for the customer with that number.
	status int
	played bool
	// delay is the advice to wait, negative for any.
	delay time.Duration
}

// The five operations.
const (
	get    = "GetCustomer"
	list   = "ListCustomers"
	create = "CreateCustomer"
	update = "UpdateCustomer"
	remove = "DeleteCustomer"
)

// all wants the same of every operation.
func all(code, reason string) map[string][2]string {
	return map[string][2]string{get: {code, reason}, list: {code, reason}, create: {code, reason}, update: {code, reason}, remove: {code, reason}}
}

// but changes what is wanted of one operation.
func but(want map[string][2]string, operation, code, reason string) map[string][2]string {
	want[operation] = [2]string{code, reason}
	return want
}

// only keeps some operations.
func only(want map[string][2]string, operations ...string) map[string][2]string {
	kept := map[string][2]string{}
	for _, operation := range operations {
		kept[operation] = want[operation]
	}
	return kept
}

// with starts a gateway on a Laravel with this environment.
func with(settings gatewaySettings, env ...string) func(*testing.T) *gateway {
	return func(t *testing.T) *gateway {
		t.Helper()
		return startGateway(t, startLaravel(t, env...).url, settings)
	}
}

// down starts a gateway on a Laravel in maintenance mode.
func down(arguments ...string) func(*testing.T) *gateway {
	return func(t *testing.T) *gateway {
		t.Helper()
		l := startLaravel(t)
		l.artisan(t, append([]string{"down"}, arguments...)...)
		return startGateway(t, l.url, gatewaySettings{})
	}
}

// broken starts a gateway on a Laravel whose table of customers is gone.
func broken(env ...string) func(*testing.T) *gateway {
	return func(t *testing.T) *gateway {
		t.Helper()
		l := startLaravel(t, env...)
		mustRun(t, exec.Command("php", "-r", `(new PDO("sqlite:$argv[1]/database.sqlite"))->exec("drop table customers");`, l.storage))
		return startGateway(t, l.url, gatewaySettings{})
	}
}

// behindNginx starts a gateway on nginx on a Laravel, after something has been done
// to Laravel.
func behindNginx(directives string, do func(*testing.T, *laravel)) func(*testing.T) *gateway {
	return func(t *testing.T) *gateway {
		t.Helper()
		l := startLaravel(t)
		url := startNginx(t, l.url, directives)
		if do != nil {
			do(t, l)
		}
		return startGateway(t, url, gatewaySettings{})
	}
}

// misplaced starts a gateway whose base URL is wrong.
func misplaced(old, replacement string) func(*testing.T) *gateway {
	return func(t *testing.T) *gateway {
		t.Helper()
		return startGateway(t, strings.Replace(startLaravel(t).url, old, replacement, 1), gatewaySettings{})
	}
}

const debug = "APP_DEBUG=true"

var situations = []situation{
	{name: "wrong key", start: with(gatewaySettings{key: wrongKey}), status: 401, played: true,
		want: all("UNAUTHENTICATED", "PELCRO_UNAUTHENTICATED")},
	{name: "expired key", start: with(gatewaySettings{key: expiredKey}), status: 401, played: true,
		want: all("UNAUTHENTICATED", "PELCRO_UNAUTHENTICATED")},
	{name: "wrong key, debug", start: with(gatewaySettings{key: wrongKey}, debug), status: 401, played: true,
		want: all("UNAUTHENTICATED", "PELCRO_UNAUTHENTICATED")},
	{name: "read-only key", start: with(gatewaySettings{key: readOnlyKey}), status: 403, played: true,
		want: but(but(all("PERMISSION_DENIED", "PELCRO_PERMISSION_DENIED"), get, "OK", ""), list, "OK", "")},
	{name: "read-only key, debug", start: with(gatewaySettings{key: readOnlyKey}, debug), status: 403, played: true,
		want: only(all("PERMISSION_DENIED", "PELCRO_PERMISSION_DENIED"), create, update, remove)},
	{name: "foreign site", start: with(gatewaySettings{flags: []string{"--site-id", "2"}}), status: 403, played: true,
		want: all("PERMISSION_DENIED", "PELCRO_PERMISSION_DENIED")},

	{name: "missing customer", start: with(gatewaySettings{}), id: 999, status: 404, played: true,
		want: only(all("NOT_FOUND", "PELCRO_NOT_FOUND"), get, update, remove)},
	{name: "missing customer, debug", start: with(gatewaySettings{}, debug), id: 999, status: 404, played: true,
		want: only(all("NOT_FOUND", "PELCRO_NOT_FOUND"), get, update, remove)},
	// Laravel 8 has no text for a missing route, so that it looks like a record that
	// is missing; from 9 on it has, see the vector laravel-10-missing-route.
	{name: "missing route", start: misplaced("/v1/", "/v2/"), status: 404, played: true,
		want: only(all("NOT_FOUND", "PELCRO_NOT_FOUND"), get, update, remove)},
	{name: "missing route, debug", start: func(t *testing.T) *gateway {
		t.Helper()
		return startGateway(t, strings.Replace(startLaravel(t, debug).url, "/v1/", "/v2/", 1), gatewaySettings{})
	}, status: 404, want: all("NOT_FOUND", "PELCRO_NOT_FOUND")},
	{name: "wrong verb", start: misplaced("/core", "/core/customers"), status: 405, played: true,
		want: only(all("UNIMPLEMENTED", "PELCRO_METHOD_NOT_ALLOWED"), create)},
	{name: "wrong verb, debug", start: func(t *testing.T) *gateway {
		t.Helper()
		return startGateway(t, startLaravel(t, debug).url+"/customers", gatewaySettings{})
	}, status: 405, played: true, want: only(all("UNIMPLEMENTED", "PELCRO_METHOD_NOT_ALLOWED"), create)},
	{name: "body too large", start: with(gatewaySettings{}), size: 1 << 20, status: 413, played: true,
		want: only(all("INVALID_ARGUMENT", "PELCRO_REQUEST_TOO_LARGE"), create, update)},
	{name: "rate limit", start: func(t *testing.T) *gateway {
		t.Helper()
		g := startGateway(t, startLaravel(t, "PELCRO_REQUESTS_PER_MINUTE=1").url, gatewaySettings{})
		_, first := call(t, g, g.customers.ListCustomers, &pelcrov1.ListCustomersRequest{})
		first.must(t, "OK", "")
		return g
	}, status: 429, played: true, delay: -1, want: all("RESOURCE_EXHAUSTED", "PELCRO_RATE_LIMITED")},

	{name: "exception", start: broken(), status: 500, played: true, want: all("INTERNAL", "PELCRO_INTERNAL_ERROR")},
	{name: "exception, debug", start: broken(debug), status: 500, played: true, want: all("INTERNAL", "PELCRO_INTERNAL_ERROR")},
	{name: "maintenance", start: down(), status: 503, want: all("UNAVAILABLE", "PELCRO_UNAVAILABLE")},
	{name: "maintenance for a minute", start: down("--retry=60"), status: 503, played: true, delay: time.Minute,
		want: all("UNAVAILABLE", "PELCRO_UNAVAILABLE")},
	{name: "maintenance with a page", start: down("--render=errors::503", "--retry=60"), status: 503, delay: time.Minute,
		want: all("UNAVAILABLE", "PELCRO_UNAVAILABLE")},
	{name: "maintenance with a redirect", start: down("--redirect=/maintenance"), status: 302, played: true,
		want: all("INTERNAL", "PELCRO_REDIRECT")},
	{name: "maintenance with a redirect and a page", start: down("--redirect=/maintenance", "--render=errors::503"), status: 302, played: true,
		want: all("INTERNAL", "PELCRO_REDIRECT")},
	{name: "maintenance with another status", start: down("--status=200"), status: 200,
		want: but(all("INTERNAL", "PELCRO_MALFORMED_RESPONSE"), remove, "OK", "")},

	{name: "nginx, Laravel down", start: behindNginx("", func(t *testing.T, l *laravel) { t.Helper(); l.kill(t) }), status: 502, played: true,
		want: but(all("UNAVAILABLE", "PELCRO_UNAVAILABLE"), create, "INTERNAL", "PELCRO_OUTCOME_UNKNOWN")},
	{name: "nginx, Laravel slow", start: behindNginx(impatient, func(t *testing.T, l *laravel) { t.Helper(); l.signal(t, syscall.SIGSTOP) }), status: 504, played: true,
		want: but(all("UNAVAILABLE", "PELCRO_TIMEOUT"), create, "INTERNAL", "PELCRO_OUTCOME_UNKNOWN")},
	{name: "nginx, body too large", start: behindNginx("client_max_body_size 1k;", nil), size: 2 << 10, status: 413, played: true,
		want: only(all("INVALID_ARGUMENT", "PELCRO_REQUEST_TOO_LARGE"), create, update)},
	{name: "nginx, URL too long", start: behindNginx("", nil), size: 10 << 10, status: 414, want: only(all("INVALID_ARGUMENT", "PELCRO_REQUEST_TOO_LARGE"), list)},
	{name: "nginx, rate limit", start: func(t *testing.T) *gateway {
		t.Helper()
		g := behindNginx("limit_req zone=one; limit_req_status 429;", nil)(t)
		_, first := call(t, g, g.customers.ListCustomers, &pelcrov1.ListCustomersRequest{})
		first.must(t, "OK", "")
		return g
	}, status: 429, want: all("RESOURCE_EXHAUSTED", "PELCRO_RATE_LIMITED")},
	{name: "nginx, rate limit of its own status", start: func(t *testing.T) *gateway {
		t.Helper()
		g := behindNginx("limit_req zone=one;", nil)(t)
		_, first := call(t, g, g.customers.ListCustomers, &pelcrov1.ListCustomersRequest{})
		first.must(t, "OK", "")
		return g
	}, status: 503, want: all("UNAVAILABLE", "PELCRO_UNAVAILABLE")},
}

// act makes one call of an operation. A sandbox plays the failure with the number of
// id; for a create that is in the address.
func act(t *testing.T, g *gateway, operation string, id int64, size int) answer {
	t.Helper()
	var text *string
	if size > 0 { // quotes and backslashes take two bytes in JSON and one in protobuf
		text = new(strings.Repeat(`"`, size/2))
	}
	var got answer
	switch operation {
	case get:
		_, got = call(t, g, g.customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: id})
	case list:
		request := &pelcrov1.ListCustomersRequest{}
		if text != nil {
			request.Filters = []*pelcrov1.CustomerFilter{{Attribute: "email", Values: []string{*text}}}
		}
		_, got = call(t, g, g.customers.ListCustomers, request)
	case create:
		_, got = call(t, g, g.customers.CreateCustomer, &pelcrov1.CreateCustomerRequest{
			Customer: &pelcrov1.Customer{Email: new(fmt.Sprintf("http-%d@example.com", id)), FirstName: text},
		})
	case update:
		_, got = call(t, g, g.customers.UpdateCustomer, &pelcrov1.UpdateCustomerRequest{
			Customer: &pelcrov1.Customer{Id: id, Title: new("x"), FirstName: text},
		})
	case remove:
		_, got = call(t, g, g.customers.DeleteCustomer, &pelcrov1.DeleteCustomerRequest{Id: id})
	default:
		t.Fatal(operation)
	}
	return got
}

// Each way to fail, with each operation. What the sandbox plays for a number is like
// the real thing.
func TestSituations(t *testing.T) {
	t.Parallel()
	played := startGateway(t, startSandbox(t, sandbox.Config{}), gatewaySettings{direct: true, flags: []string{"--no-circuit-breaker"}})
	for _, s := range situations {
		t.Run(s.name, func(t *testing.T) {
			g := s.start(t)
			for _, operation := range []string{get, list, create, update, remove} {
				want, called := s.want[operation]
				if !called {
					continue
				}
				t.Run(operation, func(t *testing.T) {
					id := s.id
					if id == 0 {
						id = 1001
					}
					got := act(t, g, operation, id, s.size)
					got.must(t, want[0], want[1])
					got.mustNotLeak(t)
					s.checkAdvice(t, operation, got)
					if s.played && operation != list && got.code != "OK" {
						got.mustBeLike(t, act(t, played, operation, int64(s.status), 0))
					}
				})
			}
		})
	}
}

// checkAdvice compares what the caller is told about repeating.
func (s situation) checkAdvice(t *testing.T, operation string, got answer) {
	t.Helper()
	if got.code == "OK" {
		return
	}
	delay, outcome, pushback := s.delay, "", ""
	unknown := s.status < 400 || s.status >= 500
	switch {
	case s.status == 429:
		outcome = "rejected"
	case operation == create && s.status == 200:
		outcome = "applied"
	case operation == create && unknown:
		outcome = "unknown"
	}
	if operation == create && unknown {
		delay, pushback = 0, "-1"
	} else if delay > 0 {
		pushback = strconv.FormatInt(delay.Milliseconds(), 10)
	}
	if got.info["httpStatus"] != fmt.Sprint(s.status) || got.info["outcome"] != outcome || got.info["operation"] != operation {
		t.Errorf("metadata %v", got.info)
	}
	if delay >= 0 && (got.retryDelay != delay || got.pushback != pushback) || delay < 0 && got.retryDelay <= 0 {
		t.Errorf("delay %v, pushback %q", got.retryDelay, got.pushback)
	}
	if wantID := s.status == 404; wantID != (got.resource != "") && operation != list && operation != create {
		t.Errorf("resource %q", got.resource)
	}
}

// mustBeLike fails the test unless the sandbox' answer is the same to a caller:
// all but the texts, and the length of a wait.
func (a answer) mustBeLike(t *testing.T, played answer) {
	t.Helper()
	type essence struct {
		code, reason, status, outcome, credential string
		waits, pushed, quota                      bool
	}
	of := func(a answer) essence {
		return essence{
			a.code, a.reason, a.info["httpStatus"], a.info["outcome"], a.info["credential"], a.retryDelay > 0, a.pushback == "-1", a.quota > 0,
		}
	}
	if of(a) != of(played) {
		t.Errorf("real:    %+v %s\nsandbox: %+v %s", of(a), a.message, of(played), played.message)
	}
}
