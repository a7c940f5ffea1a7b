package server_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// The statuses that matter most, spelled out: on Get, Update and Delete, and on
// Create where that differs.
func TestImportantStatuses(t *testing.T) {
	g := startSandbox(t)
	for _, test := range []struct {
		status   int
		code     codes.Code
		reason   pelcrov1.ErrorReason
		onCreate pelcrov1.ErrorReason
	}{
		{302, codes.Internal, pelcrov1.ErrorReason_PELCRO_REDIRECT, 0},
		{400, codes.InvalidArgument, pelcrov1.ErrorReason_PELCRO_VALIDATION_FAILED, 0},
		{401, codes.Unauthenticated, pelcrov1.ErrorReason_PELCRO_UNAUTHENTICATED, 0},
		{402, codes.FailedPrecondition, pelcrov1.ErrorReason_PELCRO_PAYMENT_REQUIRED, 0},
		{403, codes.PermissionDenied, pelcrov1.ErrorReason_PELCRO_PERMISSION_DENIED, 0},
		{404, codes.NotFound, pelcrov1.ErrorReason_PELCRO_NOT_FOUND, 0},
		{405, codes.Unimplemented, pelcrov1.ErrorReason_PELCRO_METHOD_NOT_ALLOWED, 0},
		{408, codes.Unavailable, pelcrov1.ErrorReason_PELCRO_TIMEOUT, pelcrov1.ErrorReason_PELCRO_OUTCOME_UNKNOWN},
		{409, codes.Aborted, pelcrov1.ErrorReason_PELCRO_CONFLICT, pelcrov1.ErrorReason_PELCRO_ALREADY_EXISTS},
		{410, codes.NotFound, pelcrov1.ErrorReason_PELCRO_NOT_FOUND, 0},
		{413, codes.InvalidArgument, pelcrov1.ErrorReason_PELCRO_REQUEST_TOO_LARGE, 0},
		{418, codes.FailedPrecondition, pelcrov1.ErrorReason_PELCRO_REQUEST_REFUSED, 0},
		{422, codes.InvalidArgument, pelcrov1.ErrorReason_PELCRO_VALIDATION_FAILED, 0},
		{423, codes.FailedPrecondition, pelcrov1.ErrorReason_PELCRO_PRECONDITION_FAILED, 0},
		{429, codes.ResourceExhausted, pelcrov1.ErrorReason_PELCRO_RATE_LIMITED, 0},
		{451, codes.PermissionDenied, pelcrov1.ErrorReason_PELCRO_BLOCKED_FOR_LEGAL_REASONS, 0},
		{500, codes.Internal, pelcrov1.ErrorReason_PELCRO_INTERNAL_ERROR, 0},
		{501, codes.Internal, pelcrov1.ErrorReason_PELCRO_INTERNAL_ERROR, 0},
		{502, codes.Unavailable, pelcrov1.ErrorReason_PELCRO_UNAVAILABLE, pelcrov1.ErrorReason_PELCRO_OUTCOME_UNKNOWN},
		{503, codes.Unavailable, pelcrov1.ErrorReason_PELCRO_UNAVAILABLE, 0},
		{504, codes.Unavailable, pelcrov1.ErrorReason_PELCRO_TIMEOUT, pelcrov1.ErrorReason_PELCRO_OUTCOME_UNKNOWN},
		{524, codes.Unavailable, pelcrov1.ErrorReason_PELCRO_TIMEOUT, pelcrov1.ErrorReason_PELCRO_OUTCOME_UNKNOWN},
	} {
		t.Run(strconv.Itoa(test.status), func(t *testing.T) {
			calls := g.calls(int64(test.status))
			for _, c := range []named{calls[0], calls[3], calls[4]} {
				f := c.do(t.Context()).failure(t)
				f.mustBe(t, test.code, test.reason)
				if f.metadata["httpStatus"] != strconv.Itoa(test.status) || f.metadata["operation"] != c.name {
					t.Errorf("%s: %v", c.name, f.metadata)
				}
			}
			f := mustFail(t, g.Customers.CreateCustomer, newCustomer(fmt.Sprintf("http-%d@example.com", test.status)))
			switch test.onCreate {
			case 0:
				f.mustBe(t, test.code, test.reason)
			case pelcrov1.ErrorReason_PELCRO_ALREADY_EXISTS:
				f.mustBe(t, codes.AlreadyExists, test.onCreate)
			default:
				f.mustBe(t, codes.Internal, test.onCreate)
			}
		})
	}
}

// A status becomes exactly what mapping makes of the response. The tests of mapping have all statuses.
func TestStatuses(t *testing.T) {
	g := startSandbox(t)
	upstream := newSandbox()
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-request-id", "every-status")
	for status := 300; status <= 599; status += 7 {
		calls := g.calls(int64(status))
		calls[2].do = func(ctx context.Context) callResult {
			_, a := call(ctx, g.Customers.CreateCustomer, newCustomer(fmt.Sprintf("http-%d@example.com", status)))
			return a
		}
		for i, method := range []string{http.MethodGet, "", http.MethodPost, http.MethodPut, http.MethodDelete} {
			if method == "" {
				continue
			}
			name := calls[i].name
			want := mappedResponse(t, upstream, method, name, status)
			f := calls[i].do(ctx).failure(t)
			if !proto.Equal(f.status.Proto(), want.Status().Proto()) {
				t.Errorf("%s %d: %s\nwant %s", name, status, show(f.status.Proto()), show(want.Status().Proto()))
			}
			if got := strings.Join(want.Trailer().Get("grpc-retry-pushback-ms"), ","); f.pushback != got {
				t.Errorf("%s %d: pushback %q, want %q", name, status, f.pushback, got)
			}
		}
	}
}

// mappedResponse calls the sandbox directly and maps its response.
func mappedResponse(t *testing.T, upstream http.Handler, method, name string, status int) mapping.Result {
	t.Helper()
	path, body, id := fmt.Sprintf("/api/v1/core/customers/%d", status), "", strconv.Itoa(status)
	if method == http.MethodPost {
		path, body, id = "/api/v1/core/customers", fmt.Sprintf(`{"email":"http-%d@example.com"}`, status), ""
	}
	r := httptest.NewRequest(method, path+"?site_id=7", strings.NewReader(body))
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+apiKey)
	w := httptest.NewRecorder()
	upstream.ServeHTTP(w, r)
	if w.Code != status {
		t.Fatalf("the sandbox responds to %s %s with %d", method, path, w.Code)
	}
	operation, _ := mapping.CustomerOperation(name)
	return mapping.FromResponse(
		mapping.Call{
			Operation: operation, ResourceID: id, RequestID: "every-status",
		},
		mapping.Response{StatusCode: w.Code, Header: w.Header(), Body: w.Body.Bytes()},
	)
}

// The failures of the sandbox without a usable response, except customer 602, which never responds:
// see TestRequestTimeout.
func TestNoUsableResponse(t *testing.T) {
	t.Parallel()
	g := startSandbox(t)
	for _, test := range []struct {
		id      int64
		code    codes.Code
		reason  pelcrov1.ErrorReason
		create  pelcrov1.ErrorReason
		outcome string
	}{
		{601, codes.Unavailable, pelcrov1.ErrorReason_PELCRO_CONNECTION_LOST, pelcrov1.ErrorReason_PELCRO_OUTCOME_UNKNOWN, "unknown"},
		{603, codes.Unavailable, pelcrov1.ErrorReason_PELCRO_CONNECTION_LOST, pelcrov1.ErrorReason_PELCRO_OUTCOME_UNKNOWN, "unknown"},
		{604, codes.Internal, pelcrov1.ErrorReason_PELCRO_MALFORMED_RESPONSE, pelcrov1.ErrorReason_PELCRO_MALFORMED_RESPONSE, "unknown"},
	} {
		calls := g.calls(test.id)
		for _, c := range []named{calls[0], calls[3], calls[4]} {
			t.Run(fmt.Sprint(c.name, test.id), func(t *testing.T) {
				t.Parallel()
				f := c.do(t.Context()).failure(t)
				f.mustBe(t, test.code, test.reason)
				f.mustAdvise(t, "", "", 0)
				f.mustHide(t, "cut@exam", "<", "127.0.0.1")
			})
		}
		t.Run(fmt.Sprint("CreateCustomer", test.id), func(t *testing.T) {
			t.Parallel()
			f := mustFail(t, g.Customers.CreateCustomer, newCustomer(fmt.Sprintf("http-%d@example.com", test.id)))
			f.mustBe(t, codes.Internal, test.create)
			f.mustAdvise(t, test.outcome, "-1", 0)
		})
	}
}

func TestRateLimit(t *testing.T) {
	g := startSandbox(t)
	f := mustFail(t, g.Customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: 429})
	f.mustAdvise(t, "rejected", "30000", 30*time.Second)
	if q := f.quota.GetViolations(); len(q) != 1 || q[0].GetSubject() != "pelcro-api" || q[0].GetQuotaValue() != 120 {
		t.Errorf("QuotaFailure %v", f.quota)
	}
	// A rejected create may be retried.
	f = mustFail(t, g.Customers.CreateCustomer, newCustomer("http-429@example.com"))
	f.mustAdvise(t, "rejected", "30000", 30*time.Second)

	// A client that slept past its own deadline would lose the error.
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, a := call(ctx, g.Customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: 429})
	f = a.failure(t)
	f.mustAdvise(t, "rejected", "-1", 30*time.Second)
}

func TestUnavailableWithDelay(t *testing.T) {
	g := startSandbox(t)
	f := mustFail(t, g.Customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: 503})
	f.mustAdvise(t, "", "60000", time.Minute)
	f = mustFail(t, g.Customers.CreateCustomer, newCustomer("http-503@example.com"))
	f.mustAdvise(t, "rejected", "60000", time.Minute)
}

func TestNotFound(t *testing.T) {
	g := startSandbox(t)
	f := mustFail(t, g.Customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: 999999})
	f.mustBe(t, codes.NotFound, pelcrov1.ErrorReason_PELCRO_NOT_FOUND)
	if f.resource.GetResourceType() != "pelcro.v1.Customer" || f.resource.GetResourceName() != "999999" {
		t.Errorf("ResourceInfo %v", f.resource)
	}
	if !strings.Contains(f.message, "does not exist or is not accessible") {
		t.Error(f.message)
	}
	f.mustHide(t, `App\Models`)
	for _, c := range g.calls(999999)[3:] {
		f := c.do(t.Context()).failure(t)
		f.mustBe(t, codes.NotFound, pelcrov1.ErrorReason_PELCRO_NOT_FOUND)
		if f.resource.GetResourceName() != "999999" {
			t.Errorf("%s: ResourceInfo %v", c.name, f.resource)
		}
	}
	f = mustFail(t, g.Customers.CreateCustomer, newCustomer("http-404@example.com"))
	if f.resource != nil {
		t.Errorf("a create names no customer: %v", f.resource)
	}
}

func TestValidation(t *testing.T) {
	g := startSandbox(t)
	f := mustFail(t, g.Customers.CreateCustomer, &pelcrov1.CreateCustomerRequest{
		Customer:     &pelcrov1.Customer{Email: new("nope"), OrganizationId: new(int64(1)), FirstName: new(strings.Repeat("x", 300))},
		PasswordType: pelcrov1.PasswordType_PASSWORD_TYPE_BCRYPT,
	})
	f.mustBe(t, codes.InvalidArgument, pelcrov1.ErrorReason_PELCRO_VALIDATION_FAILED)
	got := map[string]string{}
	for _, v := range f.violations {
		got[v.GetField()] = v.GetReason()
	}
	for field, reason := range map[string]string{
		"customer.email": "FIELD_INVALID_FORMAT", "customer.first_name": "FIELD_TOO_LONG",
		"customer.organization_id": "FIELD_INVALID_VALUE", "password": "FIELD_REQUIRED",
	} {
		if got[field] != reason {
			t.Errorf("%s: %q, want %s", field, got[field], reason)
		}
	}
	first := f.violations[0]
	if want := fmt.Sprintf(": %s: %s (+%d more)", first.GetField(), first.GetDescription(), len(f.violations)-1); !strings.HasSuffix(f.message, want) {
		t.Errorf("message %q, want ...%q", f.message, want)
	}

	f = mustFail(t, g.Customers.GetCustomer, &pelcrov1.GetCustomerRequest{})
	if want := ": id: Give the id of the customer."; !strings.HasSuffix(f.message, want) {
		t.Errorf("message %q, want ...%q", f.message, want)
	}
}
