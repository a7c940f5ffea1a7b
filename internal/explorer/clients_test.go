package explorer

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// serviceConfig is a service config of the published form.
const serviceConfig = `{
  "loadBalancingConfig": [{"round_robin": {}}],
  "methodConfig": [
    {
      "name": [{"service": "s", "method": "GetCustomer"}], "timeout": "10s",
      "retryPolicy": {"maxAttempts": 3, "initialBackoff": "0.1s", "maxBackoff": "2s", "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]}
    },
    {
      "name": [{"service": "s", "method": "ListCustomers"}], "timeout": "20s",
      "retryPolicy": {"maxAttempts": 4, "initialBackoff": "1s", "maxBackoff": "2s", "backoffMultiplier": 1.5, "retryableStatusCodes": ["UNAVAILABLE", 8]}
    },
    {"name": [{"service": "s"}], "timeout": "35s"}
  ]
}`

func newTestExplorer(t testing.TB, failures ...Failure) *explorer {
	t.Helper()
	e, err := newExplorer(Config{
		Gateway: gateway, Failures: failures, ServiceConfig: serviceConfig, Address: "127.0.0.1:1", Sandbox: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestReadPolicies: the policies are those of the service config.
func TestReadPolicies(t *testing.T) {
	got, err := readPolicies(serviceConfig)
	get := policy{Timeout: duration(10 * time.Second)}
	get.Retry.MaxAttempts, get.Retry.Backoff, get.Retry.Factor = 3, duration(100*time.Millisecond), 2
	get.Retry.Codes = []codes.Code{codes.Unavailable}
	list := policy{Timeout: duration(20 * time.Second)}
	list.Retry.MaxAttempts, list.Retry.Backoff, list.Retry.Factor = 4, duration(time.Second), 1.5
	list.Retry.Codes = []codes.Code{codes.Unavailable, codes.ResourceExhausted}
	want := policies{"GetCustomer": get, "ListCustomers": list, "": {Timeout: duration(35 * time.Second)}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, invalid := range []string{"", "[]", `{"methodConfig": [{"timeout": "soon"}]}`} {
		if _, err := Handler(Config{Gateway: gateway, ServiceConfig: invalid}); err == nil {
			t.Errorf("%q is accepted", invalid)
		}
	}
}

// TestClients: what each kind of library does.
func TestClients(t *testing.T) {
	const (
		none  = "Does not retry it"
		reads = "Does not retry it: the file retries only GetCustomer, ListCustomers."
		only  = "Does not retry it: the file retries UNAVAILABLE only."
		both  = "Does not retry it: the file retries UNAVAILABLE and RESOURCE_EXHAUSTED only."
		calm  = "Does not retry this code by default."
	)
	for _, test := range []struct {
		name, operation, capture string
		remaining                time.Duration
		file, java, own          string // the beginning of the sentence; java empty: as the others
	}{
		{"404", "GetCustomer", "HTTP/1.1 404 X\n\n{}", 0, only, "", calm},
		{"404 on List", "ListCustomers", "HTTP/1.1 404 X\n\n{}", 0, both, "", calm},
		{"502 on Get", "GetCustomer", "HTTP/1.1 502 X\n\n", 0, "Retries it after about 0.1 s and 0.2 s; 3 attempts", "", "Most retry UNAVAILABLE after a backoff of their own."},
		{"502 on List", "ListCustomers", "HTTP/1.1 502 X\n\n", 0, "Retries it after about 1 s and 1.5 s and 2.25 s; 4 attempts", "", "Most retry UNAVAILABLE after a backoff of their own."},
		{"502 on Update", "UpdateCustomer", "HTTP/1.1 502 X\n\n", 0, reads, "", "Most retry"},
		{"502 on Create", "CreateCustomer", "HTTP/1.1 502 X\n\n", 0, reads, "", calm},
		{"503 that fits", "GetCustomer", "HTTP/1.1 503 X\nRetry-After: 5\n\n", 0, "Retries it after 5 s, as the trailer says", "", "Most retry UNAVAILABLE after a backoff of their own, sooner than 5 s"},
		{"503 beyond the file's deadline", "GetCustomer", "HTTP/1.1 503 X\nRetry-After: 15\n\n", 0, "Does not retry it: its deadline is 10 s; 15 s do not fit", "", "Most retry"},
		{"503 within List's", "ListCustomers", "HTTP/1.1 503 X\nRetry-After: 15\n\n", 0, "Retries it after 15 s", "", "Most retry"},
		{"503 beyond the caller's deadline", "GetCustomer", "HTTP/1.1 503 X\nRetry-After: 5\n\n", 2 * time.Second, "Does not retry it: its deadline is 2 s; 5 s do not fit", "", "Most retry"},
		{"429 that fits", "GetCustomer", "HTTP/1.1 429 X\nRetry-After: 5\n\n", 0, only, "Retries it after 5 s: it obeys the trailer whatever the code.", "Some retry it (go-grpc-middleware does) after a backoff of their own, sooner than 5 s"},
		{"429 that fits List", "ListCustomers", "HTTP/1.1 429 X\nRetry-After: 5\n\n", 0, "Retries it after 5 s, as the trailer says; 4 attempts", "", "Some retry it"},
		{"429 without a delay", "GetCustomer", "HTTP/1.1 429 X\n\n", 0, only, "", "Some retry it (go-grpc-middleware does)"},
		{"429 on Delete", "DeleteCustomer", "HTTP/1.1 429 X\nRetry-After: 5\n\n", 0, reads, "", "Some retry it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := Question{Operation: operation(t, test.operation)}
			if test.remaining != 0 {
				q.Remaining = test.remaining
			}
			explanation := explain(t, q, test.capture)
			q.Response, _ = ParseCapture([]byte(test.capture))
			list, err := newTestExplorer(t).clients(q, explanation)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]string{withFile: test.file, withoutFile: none, onTheirOwn: test.own}
			if test.java != "" {
				want[javaFile] = test.java
			}
			if len(list) != len(want) {
				t.Errorf("got %+v", list)
			}
			for _, c := range list {
				if text := want[c.Name]; text == "" || !strings.HasPrefix(c.Says, text) {
					t.Errorf("%s: %q, want %q", c.Name, c.Says, text)
				}
				if c.Retries == strings.HasPrefix(c.Says, "Does not") {
					t.Errorf("%s: retries is %v, %q", c.Name, c.Retries, c.Says)
				}
			}
		})
	}
	if list, err := newTestExplorer(t).clients(Question{}, Explanation{}); err != nil || list != nil {
		t.Errorf("a success: %v, %v", list, err)
	}
}

// TestVerdict: the table "When to retry" of docs/errors.md.
func TestVerdict(t *testing.T) {
	refused := findSituation("refused").failure
	for _, test := range []struct {
		name, operation, capture string
		instead                  *mapping.NoResponse
		want, kind               string
	}{
		{"success", "GetCustomer", `HTTP/1.1 200 X` + "\n\n" + `{"data":{"id":1}}`, nil, "Nothing to retry", kindOK},
		{"429 with a delay", "CreateCustomer", "HTTP/1.1 429 X\nRetry-After: 30\n\n", nil, "Wait 30 s, then retry: nothing was done", kindLater},
		{"a create that was applied", "CreateCustomer", "HTTP/1.1 201 X\n\n" + `{"data":{"email":"a"}}`, nil, "Do not retry: the customer is most likely there", kindFault},
		{"a create of unknown outcome", "CreateCustomer", "HTTP/1.1 502 X\n\n", nil, "Look for the customer before a retry", kindFault},
		{"503 with a delay", "UpdateCustomer", "HTTP/1.1 503 X\nRetry-After: 7\n\n", nil, "Wait 7 s, then retry", kindLater},
		{"502 on Get", "GetCustomer", "HTTP/1.1 502 X\n\n", nil, "Retry with backoff", kindLater},
		{"not sent", "CreateCustomer", "", &refused, "Retry with backoff: nothing was done", kindLater},
		{"401", "GetCustomer", "HTTP/1.1 401 X\n\n", nil, "Do not retry it unchanged", kindAccess},
		{"400", "GetCustomer", "HTTP/1.1 400 X\n\n", nil, "Do not retry it unchanged", kindRequest},
		{"400 on Create", "CreateCustomer", "HTTP/1.1 400 X\n\n", nil, "Do not retry it unchanged", kindRequest},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := Question{Operation: operation(t, test.operation), NoResponse: test.instead}
			if test.instead == nil {
				q.Response, _ = ParseCapture([]byte(test.capture))
			}
			explanation, err := gateway.Explain(q)
			if err != nil {
				t.Fatal(err)
			}
			if got, kind := verdict(explanation.result), kindOf(explanation.result.Code()); got != test.want || kind != test.kind {
				t.Errorf("%q, %s", got, kind)
			}
		})
	}
	for code := codes.OK; code <= codes.Unauthenticated; code++ {
		if kindWords[kindOf(code)] == "" {
			t.Errorf("%s has no words", code)
		}
	}
}
