package server_test

import (
	"crypto/x509"
	"testing"

	"google.golang.org/grpc/codes"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/server"
)

// usingSites has every call be of a caller that may use these sites only, with this site as that of
// requests that do not name one.
func usingSites(defaultSite int32, sites ...int32) func(*setup) {
	return func(s *setup) {
		s.server.SiteID = defaultSite
		s.server.Authorize = func([]string, []*x509.Certificate, string) (server.Caller, error) {
			return server.Caller{Name: "shop", Sites: sites}, nil
		}
	}
}

// A caller with sites= reaches Pelcro for these sites only, whether a request names the site or not.
func TestSitesOfCaller(t *testing.T) {
	for _, test := range []struct {
		name        string
		defaultSite int32
		sites       []int32
		site        *int32
		allowed     bool
	}{
		{"any site", siteID, nil, new(int32(99)), true},
		{"the service's site", siteID, []int32{siteID}, nil, true},
		{"not the service's site", siteID, []int32{siteID + 1}, nil, false},
		{"a site that is named", siteID, []int32{siteID + 1, siteID + 2}, new(int32(siteID + 2)), true},
		{"another site", siteID, []int32{siteID}, new(int32(siteID + 1)), false},
		{"a site that cannot exist", siteID, []int32{siteID}, new(int32(-1)), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			upstream := respondingWith(succeed)
			g := start(t, upstream, usingSites(test.defaultSite, test.sites...))
			customer := &pelcrov1.Customer{Id: 42, FirstName: new("Ada")}
			results := map[string]callResult{}
			_, results["get"] = call(t.Context(), g.customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: 42, SiteId: test.site})
			_, results["list"] = call(t.Context(), g.customers.ListCustomers, &pelcrov1.ListCustomersRequest{SiteId: test.site})
			_, results["create"] = call(t.Context(), g.customers.CreateCustomer, &pelcrov1.CreateCustomerRequest{Customer: customer, SiteId: test.site})
			_, results["update"] = call(t.Context(), g.customers.UpdateCustomer, &pelcrov1.UpdateCustomerRequest{Customer: customer, SiteId: test.site})
			_, results["delete"] = call(t.Context(), g.customers.DeleteCustomer, &pelcrov1.DeleteCustomerRequest{Id: 42, SiteId: test.site})
			for name, result := range results {
				switch {
				case !test.allowed:
					f := result.failure(t)
					f.mustBe(t, codes.PermissionDenied, pelcrov1.ErrorReason_GATEWAY_PERMISSION_DENIED)
				case result.err != nil:
					t.Errorf("%s: %v", name, result.err)
				}
			}
			if want := map[bool]int{true: len(results)}[test.allowed]; len(upstream.sent()) != want {
				t.Errorf("%d requests reached Pelcro, want %d", len(upstream.sent()), want)
			}
		})
	}
}
