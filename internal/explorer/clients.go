package explorer

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// policy is what client/service-config.json says of a method. It is repeated here,
// because the rules of the imports keep that package to outsiders; a test compares.
type policy struct {
	timeout  time.Duration
	attempts int // 0: never repeated
	backoff  time.Duration
	factor   int
	codes    []codes.Code
}

var (
	read = policy{attempts: 3, backoff: 100 * time.Millisecond, factor: 2, codes: []codes.Code{codes.Unavailable}}
	// policies are those of the methods that have one of their own, the empty name
	// that of the others.
	policies = map[string]policy{
		"GetCustomer":   read.within(10 * time.Second),
		"ListCustomers": read.within(20 * time.Second),
		"":              {timeout: 35 * time.Second},
	}
)

func (p policy) within(timeout time.Duration) policy {
	p.timeout = timeout
	return p
}

func policyOf(operation mapping.Operation) policy {
	if p, ok := policies[operation.Name]; ok {
		return p
	}
	return policies[""]
}

// client is what a kind of client library does with an error by itself.
type client struct {
	Name    string `json:"name"`
	Repeats bool   `json:"repeats"`
	Says    string `json:"says"`
}

// The kinds; docs/clients.md has more about each.
const (
	withFile    = "Go, Python, Ruby, Node with client/service-config.json"
	javaFile    = "Java with the same file"
	withoutFile = "Any library without a retry policy"
	onTheirOwn  = "A mesh or an interceptor with retries of its own"
)

// clients says what each kind of client does with the answer.
func (g Gateway) clients(q Question, answer Answer) ([]client, error) {
	if answer.result.OK() {
		return nil, nil
	}
	// The file sets a deadline, which the service sees, too: what fits a caller
	// without one may not fit this one.
	p := policyOf(q.Operation)
	q.Remaining = min(q.Remaining, p.timeout)
	filed, err := g.Explain(q)
	if err != nil {
		return nil, err
	}
	list := []client{withServiceConfig(p, q, filed)}
	if java := withJava(p, filed, list[0]); java != list[0] {
		java.Name = javaFile
		list = append(list, java)
	}
	return append(list,
		client{Name: withoutFile, Says: "Does not repeat it. The program gets the error at once."},
		client{Name: onTheirOwn, Repeats: repeatedUnasked(answer), Says: unasked(answer)},
	), nil
}

// withServiceConfig follows gRFC A6 as those libraries do.
func withServiceConfig(p policy, q Question, answer Answer) client {
	c := client{Name: withFile}
	pushback, pushed := answer.Trailers[mapping.TrailerPushback]
	switch {
	case p.attempts == 0:
		c.Says = "Does not repeat it: the file repeats GetCustomer and ListCustomers only."
	case pushback == "-1":
		c.Says = "Does not repeat it: its deadline is " + seconds(q.Remaining) + "; " + seconds(answer.result.RetryDelay()) +
			" do not fit, so its trailer says -1."
	case !p.repeats(answer.result.Code()):
		c.Says = "Does not repeat it: the file repeats UNAVAILABLE only."
	case pushed:
		c.Repeats = true
		c.Says = "Repeats it after " + seconds(answer.result.RetryDelay()) + ", as the trailer says; " + strconv.Itoa(p.attempts) + " attempts in all."
	default:
		c.Repeats = true
		c.Says = "Repeats it after about " + p.backoffs() + "; " + strconv.Itoa(p.attempts) + " attempts in all."
	}
	return c
}

// withJava differs where grpc-java takes a pushback of 0 or more for an order,
// whatever the code.
func withJava(p policy, answer Answer, others client) client {
	pushback, pushed := answer.Trailers[mapping.TrailerPushback]
	if p.attempts == 0 || !pushed || pushback == "-1" || p.repeats(answer.result.Code()) {
		return others
	}
	return client{Repeats: true, Says: "Repeats it after " + seconds(answer.result.RetryDelay()) + ": it follows the trailer whatever the code."}
}

func (p policy) repeats(code codes.Code) bool { return slices.Contains(p.codes, code) }

// backoffs are the waits before each repetition.
func (p policy) backoffs() string {
	var waits []string
	wait := p.backoff
	for range p.attempts - 1 {
		waits = append(waits, seconds(wait))
		wait *= time.Duration(p.factor)
	}
	return strings.Join(waits, " and ")
}

// repeatedUnasked reports whether some repeat the code by default.
func repeatedUnasked(answer Answer) bool {
	code := answer.result.Code()
	return code == codes.Unavailable || code == codes.ResourceExhausted
}

func unasked(answer Answer) string {
	delay := answer.result.RetryDelay()
	switch code := answer.result.Code(); {
	case code == codes.Unavailable && delay > 0:
		return "Most repeat UNAVAILABLE after a backoff of their own, sooner than " + seconds(delay) + ": they read neither the trailer nor RetryInfo."
	case code == codes.Unavailable:
		return "Most repeat UNAVAILABLE after a backoff of their own."
	case code == codes.ResourceExhausted && delay > 0:
		return "Some repeat it (go-grpc-middleware does), sooner than " + seconds(delay) + ": they read neither the trailer nor RetryInfo."
	case code == codes.ResourceExhausted:
		return "Some repeat it (go-grpc-middleware does) after a backoff of their own."
	}
	return "Does not repeat this code by default."
}

// seconds is a time as people say it.
func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + " s"
}
