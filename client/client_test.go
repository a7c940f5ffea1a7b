package client_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/pelcro-grpc/pelcro-grpc/client"
)

func ExampleServiceConfig() {
	conn, err := grpc.NewClient("dns:///localhost:50051",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(client.ServiceConfig()),
	)
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	fmt.Println(conn.Target())
	// Output: dns:///localhost:50051
}

// The published numbers. What they do is tested below and in test/promises.
func TestNumbers(t *testing.T) {
	type policy struct {
		MaxAttempts                int
		InitialBackoff, MaxBackoff string
		BackoffMultiplier          float64
		RetryableStatusCodes       []string
	}
	var config struct {
		LoadBalancingConfig []map[string]struct{}
		HealthCheckConfig   struct{ ServiceName string }
		RetryThrottling     struct{ MaxTokens, TokenRatio float64 }
		MethodConfig        []struct {
			Name        []struct{ Service, Method string }
			Timeout     string
			RetryPolicy *policy
		}
	}
	if err := json.Unmarshal([]byte(client.ServiceConfig()), &config); err != nil {
		t.Fatal(err)
	}
	const service = "pelcro.v1.CustomerService"
	if _, ok := config.LoadBalancingConfig[0]["round_robin"]; !ok || config.HealthCheckConfig.ServiceName != service ||
		config.RetryThrottling.MaxTokens != 10 || config.RetryThrottling.TokenRatio != 0.1 {
		t.Errorf("%+v", config)
	}
	timeouts := map[string]string{}
	for _, method := range config.MethodConfig {
		for _, name := range method.Name {
			timeouts[name.Method] = method.Timeout
			reads := name.Method != "" // changes have no entry of their own
			switch {
			case name.Service != service:
				t.Errorf("service %q", name.Service)
			case reads != (method.RetryPolicy != nil):
				t.Errorf("%q has the retry policy %v", name.Method, method.RetryPolicy)
			case reads && fmt.Sprint(*method.RetryPolicy) != "{3 0.1s 2s 2 [UNAVAILABLE RESOURCE_EXHAUSTED]}":
				t.Errorf("%q has the retry policy %v", name.Method, *method.RetryPolicy)
			}
		}
	}
	if want := "map[:35s BatchGetCustomers:60s GetCustomer:10s ListCustomers:20s StreamCustomers:]"; fmt.Sprint(timeouts) != want {
		t.Errorf("timeouts %v, want %v", timeouts, want)
	}
}

// The config for programs with request_ids differs in one policy.
func TestRequestIDConfig(t *testing.T) {
	policies := func(config string) (others, create map[string]any) {
		var parsed map[string]any
		if err := json.Unmarshal([]byte(config), &parsed); err != nil {
			t.Fatal(err)
		}
		var kept []any
		for _, each := range parsed["methodConfig"].([]any) {
			method := each.(map[string]any)
			if method["name"].([]any)[0].(map[string]any)["method"] == "CreateCustomer" {
				create = method
			} else {
				kept = append(kept, method)
			}
		}
		parsed["methodConfig"] = kept
		return parsed, create
	}
	plain, none := policies(client.ServiceConfig())
	others, create := policies(client.ServiceConfigRequestID())
	if !reflect.DeepEqual(plain, others) || none != nil {
		t.Errorf("%v and %v differ, or creates have %v", plain, others, none)
	}
	policy, _ := create["retryPolicy"].(map[string]any)
	if create["timeout"] != "60s" || policy["maxAttempts"] != 5.0 || fmt.Sprint(policy["retryableStatusCodes"]) != "[UNAVAILABLE]" {
		t.Errorf("creates have %v", create)
	}
}
