package promises_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

// A path reaches a handler only if it is exactly that of a method and the caller may call
// it. Without a leading slash it is UNIMPLEMENTED for every caller (CVE-2026-33186).
func TestR18Paths(t *testing.T) {
	parallelUnlessSoaking(t)
	folder := t.TempDir()
	token, line := testkit.Caller("operator", "*")
	narrow, narrowLine := testkit.Caller("narrow", "pelcro.v1.CustomerService/DeleteCustomer,grpc.health.v1.Health/*")
	putInPlace(t, folder, map[string]string{callers: line + narrowLine})
	const unimplemented, unauthenticatedReason = "grpc-status 12", "GATEWAY_UNAUTHENTICATED"
	pelcro, url := startKeyUpstream(t)
	p := run(t, url, callersFlag(folder), withKey)
	bearer := func(token string) [2]string { return [2]string{"authorization", "Bearer " + token} }
	if got := exchange(t, p, callTo(customersPath+"GetCustomer", bearer(token))).outcome(); got != "OK" {
		t.Fatalf("the path of a method: %s", got)
	}
	const whole = "pelcro.v1.CustomerService/GetCustomer"
	for _, path := range []string{
		whole, "pelcro.v1.CustomerService", "GetCustomer", "x", "*", "", "%2F" + whole, "\\" + whole, " /" + whole,
		"http://pelcro-grpc/" + whole, "?/" + whole, "#/" + whole, "/pelcro.v1.CustomerService%2FGetCustomer", ".//" + whole, "grpc.health.v1.Health/Check",
	} {
		for _, headers := range [][][2]string{nil, {bearer(token)}, {bearer(narrow)}} {
			got := exchange(t, p, callTo(path, headers...)).outcome()
			emptyPath := path == "" && (got == "reset" || strings.HasPrefix(got, "HTTP 4"))
			if got != unimplemented && !emptyPath {
				t.Errorf("%q with %d headers: %s", path, len(headers), got)
			}
		}
	}
	for _, path := range []string{
		"/" + whole + "/", "//" + whole, "/./" + whole, "/x/../" + whole, "/" + whole + "?", "/" + whole + "#", "/" + whole + ";x",
		"/" + whole + "%00", "/" + whole + " ", "/" + whole + "/..",
		"/pelcro.v1.CustomerService./GetCustomer", "/.pelcro.v1.CustomerService/GetCustomer", "/PELCRO.V1.CUSTOMERSERVICE/GETCUSTOMER",
		"/pelcro.v1.CustomerService/GetCustomer\t", "/pelcro.v1.CustomerService/Get\u212Austomer",
		"/pelcro.v1.CustomerService/DeleteCustomer/../GetCustomer", "/grpc.health.v1.Health//" + whole,
	} {
		if got := exchange(t, p, callTo(path)).outcome(); got != unauthenticatedReason && !strings.HasPrefix(path, healthPath) {
			t.Errorf("%q of an unknown client: %s", path, got)
		}
		for _, shown := range []string{token, narrow} {
			got := exchange(t, p, callTo(path, bearer(shown))).outcome()
			if !slices.Contains([]string{"GATEWAY_PERMISSION_DENIED", "GATEWAY_UNKNOWN_METHOD"}, got) {
				t.Errorf("%q: %s", path, got)
			}
		}
	}
	if uses := pelcro.uses("key"); uses != 1 {
		t.Errorf("%d calls reached Pelcro, want only the first", uses)
	}
	if panics := testkit.Sum(testkit.Metrics(t, p.Admin)["pelcro_grpc_errors_total"], "reason", "GATEWAY_INTERNAL_ERROR"); panics != 0 {
		t.Errorf("%v internal errors", panics)
	}
}
