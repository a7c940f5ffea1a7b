package explorer

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// policy is what a gRPC service config says about a method.
type policy struct {
	Timeout duration `json:"timeout"`
	Retry   struct {
		MaxAttempts int          `json:"maxAttempts"` // 0: not retried
		Backoff     duration     `json:"initialBackoff"`
		Factor      float64      `json:"backoffMultiplier"`
		Codes       []codes.Code `json:"retryableStatusCodes"`
	} `json:"retryPolicy"`
}

// policies are the policies by the names of the methods. The empty name has the policy of all others.
type policies map[string]policy

// readPolicies reads a service config with one service.
func readPolicies(serviceConfig string) (policies, error) {
	var config struct {
		MethodConfig []struct {
			Name []struct {
				Method string `json:"method"`
			} `json:"name"`
			policy
		} `json:"methodConfig"`
	}
	if err := json.Unmarshal([]byte(serviceConfig), &config); err != nil {
		return nil, fmt.Errorf("the service config: %w", err)
	}
	all := policies{}
	for _, method := range config.MethodConfig {
		for _, name := range method.Name {
			all[name.Method] = method.policy
		}
	}
	return all, nil
}

func (p policies) of(operation mapping.Operation) policy {
	if own, ok := p[operation.Name]; ok {
		return own
	}
	return p[""]
}

// retried are the methods that are retried.
func (p policies) retried() (names []string) {
	for _, operation := range mapping.CustomerOperations() {
		if p.of(operation).Retry.MaxAttempts > 0 {
			names = append(names, operation.Name)
		}
	}
	return names
}

// duration is a time like 0.1s.
type duration time.Duration

// UnmarshalText reads protojson's form, which is one of Go's.
func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}

// client is what a kind of client library does with an error by itself.
type client struct {
	Name    string `json:"name"`
	Retries bool   `json:"retries"`
	Says    string `json:"says"`
}

// pushbackTrailer controls the retries that are built into gRPC clients (gRFC A6).
const pushbackTrailer = "grpc-retry-pushback-ms"

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
	if own := time.Duration(p.Timeout); own > 0 {
		q.Remaining = min(cmp.Or(q.Remaining, own), own)
	}
	filed, err := e.Gateway.Explain(q)
	if err != nil {
		return nil, err
	}
	list := []client{e.withServiceConfig(p, q, filed)}
	// grpc-java differs: it obeys a pushback of 0 or more whatever the code.
	pushback, pushed := filed.Trailers[pushbackTrailer]
	if p.Retry.MaxAttempts > 0 && pushed && pushback != "-1" && !p.retries(filed.result.Code()) {
		list = append(list, client{javaFile, true, "Retries it after " + seconds(filed.result.RetryDelay()) + ": it obeys the trailer whatever the code."})
	}
	return append(list,
		client{withoutFile, false, "Does not retry it. The program gets the error immediately."},
		byDefault(explanation.result),
	), nil
}

// withServiceConfig follows gRFC A6 as those libraries do.
func (e *explorer) withServiceConfig(p policy, q Question, explanation Explanation) client {
	pushback, pushed := explanation.Trailers[pushbackTrailer]
	delay := seconds(explanation.result.RetryDelay())
	inAll := "; " + strconv.Itoa(p.Retry.MaxAttempts) + " attempts in all."
	switch {
	case p.Retry.MaxAttempts == 0:
		return client{withFile, false, "Does not retry it: the file retries only " + strings.Join(e.policies.retried(), ", ") + "."}
	case !p.retries(explanation.result.Code()):
		return client{withFile, false, "Does not retry it: the file retries " + p.codeNames() + " only."}
	case pushback == "-1":
		return client{withFile, false, "Does not retry it: its deadline is " + seconds(q.Remaining) + "; " + delay + " do not fit, so its trailer is -1."}
	case pushed:
		return client{withFile, true, "Retries it after " + delay + ", as the trailer says" + inAll}
	}
	return client{withFile, true, "Retries it after about " + p.backoffs() + inAll}
}

func (p policy) retries(code codes.Code) bool { return slices.Contains(p.Retry.Codes, code) }

// codeNames are the codes of the policy as they are on the wire, for example UNAVAILABLE.
func (p policy) codeNames() string {
	var names []string
	for _, code := range p.Retry.Codes {
		names = append(names, codeName(code))
	}
	return strings.Join(names, " and ")
}

// backoffs are the waits before each retry.
func (p policy) backoffs() string {
	var waits []string
	wait := time.Duration(p.Retry.Backoff)
	for range p.Retry.MaxAttempts - 1 {
		waits = append(waits, seconds(wait))
		wait = time.Duration(float64(wait) * p.Retry.Factor)
	}
	return strings.Join(waits, " and ")
}

// byDefault is what meshes and interceptors do that read neither the trailer nor RetryInfo.
func byDefault(result mapping.Result) client {
	says := map[codes.Code]string{
		codes.Unavailable:       "Most retry UNAVAILABLE after a backoff of their own",
		codes.ResourceExhausted: "Some retry it (go-grpc-middleware does) after a backoff of their own",
	}[result.Code()]
	switch delay := result.RetryDelay(); {
	case says == "":
		return client{onTheirOwn, false, "Does not retry this code by default."}
	case delay > 0:
		says += ", sooner than " + seconds(delay) + ": they read neither the trailer nor RetryInfo"
	}
	return client{onTheirOwn, true, says + "."}
}

// seconds is a time in seconds, for example 0.1 s.
func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + " s"
}
