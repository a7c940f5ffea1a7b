package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// What is unknown in responses is counted by kind, once for each response, and the log has a sample
// of each kind, without any value.
func TestUnrecognised(t *testing.T) {
	const (
		secret = "ada@example.com"
		newer  = `{"data": {"id": 42, "shoe_size": 37, "username": false, "` + secret + `": 1}}`
		errors = `{"errors": {"shoe_size": ["Nope: ` + secret + `"]}}`
	)
	registry := prometheus.NewRegistry()
	g := start(t, testkit.NewScript(
		testkit.Respond(200, newer, "X-RateLimit-Limit", "120/min"),
		testkit.Respond(200, newer),
		testkit.Respond(418, errors),
		testkit.Respond(400, errors),
		testkit.Respond(200, `{"customer": "`+secret+`"}`),
		testkit.Respond(200, `{"data": {"id": 42}}`, "X-RateLimit-Limit", "120"),
	), func(s *gatewaytest.Config) { s.Server.Metrics = registry })
	if got := unrecognised(t, registry); len(got) != 7 {
		t.Errorf("before the first call: %v", got)
	}
	for range 6 {
		_, _ = call(t.Context(), g.Customers.UpdateCustomer, &pelcrov1.UpdateCustomerRequest{
			Customer: &pelcrov1.Customer{Id: 42, FirstName: new("Ada")},
		})
	}
	got, want := unrecognised(t, registry), map[string]float64{
		"attribute": 2, "attribute_type": 2, "header": 1, "field_text": 1, "field_key": 1, "status": 1, "body": 1,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("counted %v, want %v", got, want)
	}
	samples := map[string]string{}
	if log := g.Log.String(); strings.Contains(log, secret) {
		t.Errorf("a value is in the log: %s", log)
	}
	for _, l := range g.Log.UnreadLines(t, "unknown in a response of Pelcro") {
		samples[l.Text("kind")] += fmt.Sprintln(l["level"], "["+l.Text("names")+"]", l["http_status"], l["content_type"], l["grpc.method"], l.Text("request_id") != "")
	}
	for kind, want := range map[string]string{
		"attribute":      "WARN [shoe_size] 200 application/json UpdateCustomer true",
		"attribute_type": "WARN [username] 200 application/json UpdateCustomer true",
		"header":         "WARN [X-Ratelimit-Limit] 200 application/json UpdateCustomer true",
		"field_text":     "WARN [shoe_size] 400 application/json UpdateCustomer true",
		"field_key":      "WARN [shoe_size] 400 application/json UpdateCustomer true",
		"status":         "WARN [] 418 application/json UpdateCustomer true",
		"body":           "WARN [customer] 200 application/json UpdateCustomer true",
	} {
		if samples[kind] != want+"\n" {
			t.Errorf("%s: logged %q, want %q", kind, samples[kind], want)
		}
	}
}

// unrecognised returns the counts by kind.
func unrecognised(t *testing.T, registry prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]float64{}
	for _, family := range families {
		if family.GetName() != "pelcro_grpc_unrecognised_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			counts[metric.GetLabel()[0].GetValue()] = metric.GetCounter().GetValue()
		}
	}
	return counts
}
