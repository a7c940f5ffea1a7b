package explorer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// policies are the policies of a gRPC service config.
type policies struct {
	// methods has the policy of each method. The empty name has the policy of all others.
	methods map[string]policy
	// retried are the methods that are retried, in the order of the file.
	retried []string
}

type policy struct {
	timeout  time.Duration
	attempts int // 0: not retried
	backoff  time.Duration
	factor   float64
	codes    []codes.Code
}

// readPolicies reads a service config with one service.
func readPolicies(serviceConfig string) (policies, error) {
	var config struct {
		MethodConfig []struct {
			Name []struct {
				Method string `json:"method"`
			} `json:"name"`
			Timeout     duration `json:"timeout"`
			RetryPolicy struct {
				MaxAttempts          int          `json:"maxAttempts"`
				InitialBackoff       duration     `json:"initialBackoff"`
				BackoffMultiplier    float64      `json:"backoffMultiplier"`
				RetryableStatusCodes []codes.Code `json:"retryableStatusCodes"`
			} `json:"retryPolicy"`
		} `json:"methodConfig"`
	}
	if err := json.Unmarshal([]byte(serviceConfig), &config); err != nil {
		return policies{}, fmt.Errorf("the service config: %w", err)
	}
	all := policies{methods: map[string]policy{}}
	for _, method := range config.MethodConfig {
		retry := method.RetryPolicy
		for _, name := range method.Name {
			all.methods[name.Method] = policy{
				time.Duration(method.Timeout), retry.MaxAttempts,
				time.Duration(retry.InitialBackoff), retry.BackoffMultiplier, retry.RetryableStatusCodes,
			}
			if retry.MaxAttempts > 0 {
				all.retried = append(all.retried, name.Method)
			}
		}
	}
	return all, nil
}

// duration is a time like 0.1s.
type duration time.Duration

// UnmarshalText reads protojson's form, which is one of Go's.
func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}

func (p policies) of(operation mapping.Operation) policy {
	if own, ok := p.methods[operation.Name]; ok {
		return own
	}
	return p.methods[""]
}

// client is what a kind of client library does with an error by itself.
type client struct {
	Name    string `json:"name"`
	Retries bool   `json:"retries"`
	Says    string `json:"says"`
}

// The kinds; docs/clients.md has more about each.
const (
	withFile    = "Go, Python, Ruby, Node with client/service-config.json"
	javaFile    = "Java with the same file"
	withoutFile = "Any library without a retry policy"
	onTheirOwn  = "A mesh or an interceptor with retries of its own"
)

// clients returns what each kind of client does with the error.
func (e *explorer) clients(q Question, explanation Explanation) ([]client, error) {
	if explanation.result.OK() {
		return nil, nil
	}
	// The file sets a deadline, which the service sees: a delay that fits a caller without a deadline
	// may not fit this caller.
	p := e.policies.of(q.Operation)
	if p.timeout > 0 {
		q.Remaining = min(q.Remaining, p.timeout)
	}
	filed, err := e.Gateway.Explain(q)
	if err != nil {
		return nil, err
	}
	list := []client{e.withServiceConfig(p, q, filed)}
	if java := withJava(p, filed, list[0]); java != list[0] {
		java.Name = javaFile
		list = append(list, java)
	}
	return append(list,
		client{Name: withoutFile, Says: "Does not retry it. The program gets the error immediately."},
		client{Name: onTheirOwn, Retries: retriedByDefault(explanation), Says: byDefault(explanation)},
	), nil
}

// withServiceConfig follows gRFC A6 as those libraries do.
func (e *explorer) withServiceConfig(p policy, q Question, explanation Explanation) client {
	c := client{Name: withFile}
	pushback, pushed := explanation.Trailers[mapping.TrailerPushback]
	delay := explanation.result.RetryDelay()
	switch {
	case p.attempts == 0:
		c.Says = "Does not retry it: the file retries " + strings.Join(e.policies.retried, " and ") + " only."
	case !p.retries(explanation.result.Code()):
		c.Says = "Does not retry it: the file retries " + p.codeNames() + " only."
	case pushback == "-1":
		c.Says = "Does not retry it: its deadline is " + seconds(q.Remaining) + "; " + seconds(delay) +
			" do not fit, so its trailer is -1."
	case pushed:
		c.Retries = true
		c.Says = "Retries it after " + seconds(delay) + ", as the trailer says; " + strconv.Itoa(p.attempts) + " attempts in all."
	default:
		c.Retries = true
		c.Says = "Retries it after about " + p.backoffs() + "; " + strconv.Itoa(p.attempts) + " attempts in all."
	}
	return c
}

// withJava differs where grpc-java obeys a pushback of 0 or more whatever the code.
func withJava(p policy, explanation Explanation, others client) client {
	pushback, pushed := explanation.Trailers[mapping.TrailerPushback]
	if p.attempts == 0 || !pushed || pushback == "-1" || p.retries(explanation.result.Code()) {
		return others
	}
	return client{
		Retries: true,
		Says:    "Retries it after " + seconds(explanation.result.RetryDelay()) + ": it obeys the trailer whatever the code.",
	}
}

func (p policy) retries(code codes.Code) bool { return slices.Contains(p.codes, code) }

// codeNames are the codes of the policy as they are on the wire, for example UNAVAILABLE.
func (p policy) codeNames() string {
	var names []string
	for _, code := range p.codes {
		names = append(names, codeName(code))
	}
	return strings.Join(names, " and ")
}

// backoffs are the waits before each retry.
func (p policy) backoffs() string {
	var waits []string
	wait := p.backoff
	for range p.attempts - 1 {
		waits = append(waits, seconds(wait))
		wait = time.Duration(float64(wait) * p.factor)
	}
	return strings.Join(waits, " and ")
}

// retriedByDefault reports whether some meshes and interceptors retry the code by default.
func retriedByDefault(explanation Explanation) bool {
	code := explanation.result.Code()
	return code == codes.Unavailable || code == codes.ResourceExhausted
}

func byDefault(explanation Explanation) string {
	delay := explanation.result.RetryDelay()
	switch code := explanation.result.Code(); {
	case code == codes.Unavailable && delay > 0:
		return "Most retry UNAVAILABLE after a backoff of their own, sooner than " + seconds(delay) + ": they read neither the trailer nor RetryInfo."
	case code == codes.Unavailable:
		return "Most retry UNAVAILABLE after a backoff of their own."
	case code == codes.ResourceExhausted && delay > 0:
		return "Some retry it (go-grpc-middleware does), sooner than " + seconds(delay) + ": they read neither the trailer nor RetryInfo."
	case code == codes.ResourceExhausted:
		return "Some retry it (go-grpc-middleware does) after a backoff of their own."
	}
	return "Does not retry this code by default."
}

// seconds is a time in seconds, for example 0.1 s.
func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + " s"
}
