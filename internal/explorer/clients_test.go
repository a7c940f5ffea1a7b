package explorer

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// TestServiceConfig: the policies are those of client/service-config.json.
func TestServiceConfig(t *testing.T) {
	raw, err := os.ReadFile("../../client/service-config.json")
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		MethodConfig []struct {
			Name        []struct{ Method string }
			Timeout     string
			RetryPolicy *struct {
				MaxAttempts          int
				InitialBackoff       string
				BackoffMultiplier    int
				RetryableStatusCodes []codes.Code
			}
		}
	}
	if err := json.Unmarshal(raw, &config); err != nil {
		t.Fatal(err)
	}
	duration := func(text string) time.Duration {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	got := map[string]policy{}
	for _, m := range config.MethodConfig {
		p := policy{timeout: duration(m.Timeout)}
		if r := m.RetryPolicy; r != nil {
			p.attempts, p.backoff, p.factor, p.codes = r.MaxAttempts, duration(r.InitialBackoff), r.BackoffMultiplier, r.RetryableStatusCodes
		}
		for _, name := range m.Name {
			got[name.Method] = p
		}
	}
	if !reflect.DeepEqual(got, policies) {
		t.Errorf("the file has\n%+v, the page\n%+v", got, policies)
	}
}

// TestClients: what each kind of library does.
func TestClients(t *testing.T) {
	const (
		none  = "Does not repeat it"
		reads = "Does not repeat it: the file repeats GetCustomer and ListCustomers only."
		only  = "Does not repeat it: the file repeats UNAVAILABLE only."
		calm  = "Does not repeat this code by default."
	)
	for _, test := range []struct {
		name, operation, capture string
		remaining                time.Duration
		file, java, own          string // the beginning of what is said; java empty: as the others
	}{
		{"404", "GetCustomer", "HTTP/1.1 404 X\n\n{}", 0, only, "", calm},
		{"502 on Get", "GetCustomer", "HTTP/1.1 502 X\n\n", 0, "Repeats it after about 0.1 s and 0.2 s; 3 attempts", "", "Most repeat UNAVAILABLE after a backoff of their own."},
		{"502 on Update", "UpdateCustomer", "HTTP/1.1 502 X\n\n", 0, reads, "", "Most repeat"},
		{"502 on Create", "CreateCustomer", "HTTP/1.1 502 X\n\n", 0, reads, "", calm},
		{"503 that fits", "GetCustomer", "HTTP/1.1 503 X\nRetry-After: 5\n\n", 0, "Repeats it after 5 s, as the trailer says", "", "Most repeat UNAVAILABLE after a backoff of their own, sooner than 5 s"},
		{"503 beyond the file's deadline", "GetCustomer", "HTTP/1.1 503 X\nRetry-After: 15\n\n", 0, "Does not repeat it: its deadline is 10 s; 15 s do not fit", "", "Most repeat"},
		{"503 within List's", "ListCustomers", "HTTP/1.1 503 X\nRetry-After: 15\n\n", 0, "Repeats it after 15 s", "", "Most repeat"},
		{"503 beyond the caller's deadline", "GetCustomer", "HTTP/1.1 503 X\nRetry-After: 5\n\n", 2 * time.Second, "Does not repeat it: its deadline is 2 s; 5 s do not fit", "", "Most repeat"},
		{"429 that fits", "GetCustomer", "HTTP/1.1 429 X\nRetry-After: 5\n\n", 0, only, "Repeats it after 5 s: it follows the trailer whatever the code.", "Some repeat it (go-grpc-middleware does), sooner than 5 s"},
		{"429 without a delay", "GetCustomer", "HTTP/1.1 429 X\n\n", 0, only, "", "Some repeat it (go-grpc-middleware does) after"},
		{"429 on Delete", "DeleteCustomer", "HTTP/1.1 429 X\nRetry-After: 5\n\n", 0, reads, "", "Some repeat it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := Question{Operation: operation(t, test.operation), Remaining: mapping.NoDeadline}
			if test.remaining != 0 {
				q.Remaining = test.remaining
			}
			answer := answerTo(t, q, test.capture)
			q.Reply, _ = ParseCapture([]byte(test.capture))
			list, err := gateway.clients(q, answer)
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
				if c.Repeats == strings.HasPrefix(c.Says, "Does not") {
					t.Errorf("%s: repeats is %v, %q", c.Name, c.Repeats, c.Says)
				}
			}
		})
	}
	if list, err := gateway.clients(Question{}, Answer{}); err != nil || list != nil {
		t.Errorf("a success: %v, %v", list, err)
	}
}

// TestVerdict: the table "When to retry" of docs/errors.md.
func TestVerdict(t *testing.T) {
	refused := findSituation("refused").none
	for _, test := range []struct {
		name, operation, capture string
		none                     *mapping.NoReply
		want, kind               string
	}{
		{"success", "GetCustomer", `HTTP/1.1 200 X` + "\n\n" + `{"data":{}}`, nil, "Nothing to repeat", kindOK},
		{"429 with a delay", "CreateCustomer", "HTTP/1.1 429 X\nRetry-After: 30\n\n", nil, "Wait 30 s, then repeat it: nothing was done", kindLater},
		{"429 without", "GetCustomer", "HTTP/1.1 429 X\n\n", nil, "Slow down and back off for long: nothing was done", kindLater},
		{"a create that was applied", "CreateCustomer", "HTTP/1.1 200 X\n\n<p>", nil, "Do not repeat it: most likely the customer is there", kindFault},
		{"a create of unknown outcome", "CreateCustomer", "HTTP/1.1 502 X\n\n", nil, "Look for the customer before repeating it", kindFault},
		{"503 with a delay", "UpdateCustomer", "HTTP/1.1 503 X\nRetry-After: 7\n\n", nil, "Wait 7 s, then repeat it", kindLater},
		{"502 on Get", "GetCustomer", "HTTP/1.1 502 X\n\n", nil, "Repeat it with backoff", kindLater},
		{"never sent", "CreateCustomer", "", &refused, "Repeat it with backoff: nothing was done", kindLater},
		{"401", "GetCustomer", "HTTP/1.1 401 X\n\n", nil, "Do not repeat it unchanged", kindAccess},
		{"400", "GetCustomer", "HTTP/1.1 400 X\n\n", nil, "Do not repeat it unchanged", kindRequest},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := Question{Operation: operation(t, test.operation), Remaining: mapping.NoDeadline, NoReply: test.none}
			if test.none == nil {
				q.Reply, _ = ParseCapture([]byte(test.capture))
			}
			answer, err := gateway.Explain(q)
			if err != nil {
				t.Fatal(err)
			}
			if got, kind := verdict(answer.result), kindOf(answer.result.Code()); got != test.want || kind != test.kind {
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
