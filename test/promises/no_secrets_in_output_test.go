package promises_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// personalRequests have personal data in every field that can hold it.
func personalRequests() map[string]func(context.Context, pelcrov1.CustomerServiceClient, ...grpc.CallOption) error {
	person := func() *pelcrov1.Customer {
		return &pelcrov1.Customer{
			Id: 42, Email: new(canaryEmail), FirstName: new(canaryName), DisplayName: new(canaryName), Username: new(canaryEmail),
			Phone: new(canaryCard), Tin: new(canaryCard),
		}
	}
	return map[string]func(context.Context, pelcrov1.CustomerServiceClient, ...grpc.CallOption) error{
		"Get": func(ctx context.Context, c pelcrov1.CustomerServiceClient, o ...grpc.CallOption) error {
			_, err := c.GetCustomer(ctx, &pelcrov1.GetCustomerRequest{Id: 42, Expand: []pelcrov1.CustomerRelation{pelcrov1.CustomerRelation_CUSTOMER_RELATION_ORGANIZATION}}, o...)
			return err
		},
		"List": func(ctx context.Context, c pelcrov1.CustomerServiceClient, o ...grpc.CallOption) error {
			_, err := c.ListCustomers(ctx, &pelcrov1.ListCustomersRequest{Filters: []*pelcrov1.CustomerFilter{
				{Attribute: "email", Values: []string{canaryEmail}},
				{Attribute: "first_name", Values: []string{canaryName}},
				{Attribute: "metadata.card", Values: []string{canaryCard}},
			}}, o...)
			return err
		},
		"Create": func(ctx context.Context, c pelcrov1.CustomerServiceClient, o ...grpc.CallOption) error {
			customer := person()
			customer.Id = 0
			_, err := c.CreateCustomer(ctx, &pelcrov1.CreateCustomerRequest{Customer: customer, Password: new(canaryName + canaryCard)}, o...)
			return err
		},
		"Update": func(ctx context.Context, c pelcrov1.CustomerServiceClient, o ...grpc.CallOption) error {
			_, err := c.UpdateCustomer(ctx, &pelcrov1.UpdateCustomerRequest{Customer: person()}, o...)
			return err
		},
		"Delete": func(ctx context.Context, c pelcrov1.CustomerServiceClient, o ...grpc.CallOption) error {
			_, err := c.DeleteCustomer(ctx, &pelcrov1.DeleteCustomerRequest{Id: 42}, o...)
			return err
		},
		"rejected by the service": func(ctx context.Context, c pelcrov1.CustomerServiceClient, o ...grpc.CallOption) error {
			_, err := c.ListCustomers(ctx, &pelcrov1.ListCustomersRequest{
				PageToken: canaryEmail, OrderBy: canaryName,
				Filters: []*pelcrov1.CustomerFilter{{Attribute: canaryEmail, Values: []string{canaryCard + ","}}},
			}, o...)
			return err
		},
	}
}

// No output of the program has keys, tokens or personal data: logs, metrics, spans,
// settings, profiles, the status and trailers of every kind of failure, and the dump of a
// process that is killed during a call. Pelcro echoes all of it in all of its responses.
func TestR14Secrets(t *testing.T) {
	parallelUnlessSoaking(t)
	noSecrets(t, false)
}

// The same when callers bring their own keys.
func TestR14SecretsOfCallers(t *testing.T) {
	parallelUnlessSoaking(t)
	noSecrets(t, true)
}

// noSecrets tries everything with the service's key, or with keys that callers forward.
func noSecrets(t *testing.T, forward bool) {
	t.Helper()
	token, line := testkit.Caller("crm", "pelcro.v1.CustomerService/*,no.such/Method")
	headers, shown := []string{"authorization", "Bearer " + token}, canaryKey
	if forward {
		headers, shown = []string{"x-pelcro-grpc-token", token, "authorization", "Bearer " + canaryOwn}, canaryOwn
	}
	stolen, _ := testkit.Caller("stolen", "*")
	ours := testkit.NewAuthority(t, "ours")
	own := testkit.Issue(t, ours, testkit.ForHost)
	privateKey := strings.Split(own.KeyPEM(t), "\n")[1]
	upstream := &echoingUpstream{}
	web := httptest.NewServer(upstream)
	t.Cleanup(web.Close)
	collected, endpoint := startSpans(t)
	folder := t.TempDir()
	putInPlace(t, folder, pair(t, own))
	putInPlace(t, folder, map[string]string{callers: line, "key": canaryKey + "\n"})
	settings := append(tlsFlags(folder), callersFlag(folder), "--log-level=debug", "--upstream-retries=0", "--forward-trace-context",
		"--no-circuit-breaker", "--reflection", "OTEL_EXPORTER_OTLP_ENDPOINT="+endpoint, "OTEL_BSP_SCHEDULE_DELAY=50", "GOTRACEBACK=system")
	if forward {
		settings = append(settings, "--forward-credentials")
	} else {
		settings = append(settings, "--pelcro-api-key-file="+filepath.Join(folder, "key"))
	}
	p := run(t, web.URL, settings...)
	conn := dialTLS(t, p, ours, nil)
	client := pelcrov1.NewCustomerServiceClient(conn)
	found := outputs{}
	failures := map[string]int{}
	// Everything that a caller can send in addition to its request.
	beside := []string{
		"x-request-id", canaryEmail, "traceparent", canaryEmail, "tracestate", "a=" + canaryName, "baggage", "email=" + canaryEmail,
		"cookie", canaryName, "x-card-bin", canaryCard, "grpc-trace-bin", canaryName, "x-forwarded-for", canaryEmail, "referer", canaryEmail,
	}
	try := func(what string, headers []string, call func(context.Context, ...grpc.CallOption) error) {
		ctx := metadata.AppendToOutgoingContext(t.Context(), append(slices.Clone(headers), beside...)...)
		var header, trailer metadata.MD
		err := call(ctx, grpc.Header(&header), grpc.Trailer(&trailer))
		failures[gatewaytest.Reason(err)]++
		found["the status of "+what] += fmt.Sprintln(status.Convert(err).Proto(), status.Convert(err).Details(), header, trailer)
	}
	var responses []scriptedResponse
	for n := 200; n <= 599; n += scaled(1, 100) {
		for _, kind := range bodyKinds {
			responses = append(responses, scriptedResponse{n, kind})
		}
	}
	for i, n := range []int{400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 504} {
		for j, kind := range bodyKinds {
			if soaking || i%2 == j%2 {
				responses = append(responses, scriptedResponse{n, kind})
			}
		}
	}
	for _, kind := range append(brokenKinds, "good") {
		responses = append(responses, scriptedResponse{kind: kind})
	}
	calls := personalRequests()
	for i := range responses {
		upstream.next.Store(&responses[i])
		for name, call := range calls {
			what := fmt.Sprintf("%s, %d %s", name, responses[i].status, responses[i].kind)
			try(what, headers, func(ctx context.Context, o ...grpc.CallOption) error { return call(ctx, client, o...) })
		}
	}
	// Rejected callers, with and without personal data in the method name.
	for what, headers := range map[string][]string{
		"a stolen token": {"authorization", "Bearer " + stolen, "x-pelcro-grpc-token", stolen},
		"two tokens":     {"authorization", token, "authorization", token, "x-pelcro-grpc-token", token, "x-pelcro-grpc-token", token},
		"another scheme": {"authorization", "Basic " + stolen, "x-pelcro-grpc-token", "Bearer " + token},
		"a good one":     headers,
	} {
		for _, method := range []string{
			customersPath + "GetCustomer", "/no.such/Method", "/" + canaryEmail + "/" + canaryName, customersPath + canaryEmail, "/" + stolen + "/" + canaryCard,
			healthPath + canaryEmail,
		} {
			try("a call of "+what, headers, func(ctx context.Context, o ...grpc.CallOption) error {
				return conn.Invoke(ctx, method, &pelcrov1.GetCustomerRequest{Id: 43}, &pelcrov1.GetCustomerResponse{}, o...)
			})
		}
	}
	// Files with the wrong content.
	putByRename(t, folder, map[string]string{callers: "crm " + token + " *\n" + stolen + "\n", "key": "KEY=" + canaryKey + " # for " + canaryEmail + "\n", certFile: own.KeyPEM(t)})
	for range map[bool]int{false: 3, true: 2}[forward] {
		p.Log.Next(t, reloadFailed)
	}
	// A call that runs while the process is inspected and killed.
	arrived := make(chan struct{})
	web.Config.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // the server notices the end of the connection only after that
		close(arrived)
		<-r.Context().Done()
	})
	var running sync.WaitGroup
	running.Go(func() {
		ctx := metadata.AppendToOutgoingContext(t.Context(), headers...)
		_ = calls["Create"](ctx, client)
	})
	testkit.Receive(t, arrived, "call that runs")
	maps.Copy(found, pagesOf(t, p))
	testkit.Eventually(t, "the spans have arrived", func() bool { return strings.Contains(collected.String(), "GetCustomer") })
	mustWriteNoFile(t, p)
	p.Signal(t, syscall.SIGQUIT)
	<-p.Ended
	running.Wait()
	found["the log"], found["the spans"] = p.Log.String(), collected.String()
	if !strings.Contains(found["the log"], "SIGQUIT") || !strings.Contains(found["the log"], "goroutine ") {
		t.Errorf("no dump: %s", p.Log.End())
	}
	if len(failures) < 20 || strings.Contains(found["/config"], "hidden") == forward {
		t.Errorf("%d kinds of failures: %v", len(failures), failures)
	}
	if _, ok := upstream.seen.Load("Bearer " + shown); !ok {
		t.Error("Pelcro did not receive the credential that the test looks for")
	}
	found.mustHide(t, map[string]string{
		"API key": canaryKey, "caller's own key": canaryOwn, "token": token, "stolen token": stolen, "private key": privateKey,
		"e-mail address": canaryEmail, "card": canaryCard, "name": canaryName,
	})
}

// pagesOf reads the pages of the admin address, all at the same time: some take a second.
func pagesOf(t *testing.T, p *testkit.Process) map[string]string {
	t.Helper()
	paths := []string{
		"/metrics", "/config", "/readyz", "/livez", "/debug/pprof/", "/debug/pprof/goroutine?debug=1", "/debug/pprof/goroutine?debug=2",
		"/debug/pprof/goroutine", "/debug/pprof/heap?debug=1", "/debug/pprof/heap", "/debug/pprof/allocs?debug=1", "/debug/pprof/block?debug=1",
		"/debug/pprof/mutex?debug=1", "/debug/pprof/threadcreate?debug=1", "/debug/pprof/cmdline", "/debug/pprof/profile?seconds=1", "/debug/pprof/trace?seconds=1",
	}
	pages := make([]string, len(paths))
	each(len(paths), len(paths), func(i int) { pages[i] = unpacked(pageOf(t, p, paths[i])) })
	found := map[string]string{}
	for i, path := range paths {
		found[path] = pages[i]
	}
	return found
}

// net/http prints to the standard logger what arrives on a connection after a response. Nothing that
// the process writes about it has the API key or personal data.
func TestR14Unsolicited(t *testing.T) {
	parallelUnlessSoaking(t)
	for _, test := range []struct {
		name     string
		response string
		after    func(*http.Request) string
		call     string
	}{
		{
			"body of a 204", "HTTP/1.1 204 No Content\r\n\r\n",
			func(*http.Request) string {
				return fmt.Sprintf(`{"data":{"id":42,"email":%q,"first_name":%q,"metadata":{"card":%q}}}`, canaryEmail, canaryName, canaryCard)
			},
			"Delete",
		},
		{
			"echoed headers", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 18\r\n\r\n" + `{"data":{"id":42}}`,
			func(r *http.Request) string {
				var echo strings.Builder
				_ = r.Header.Write(&echo)
				return echo.String()
			},
			"Get",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			parallelUnlessSoaking(t)
			var sent atomic.Pointer[string]
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				conn, out, err := w.(http.Hijacker).Hijack()
				if err != nil {
					return
				}
				defer conn.Close()
				after := test.after(r) + strings.Join([]string{canaryKey, canaryEmail, canaryCard, canaryName}, " ")
				sent.Store(&after)
				_, _ = out.WriteString(test.response + after)
				_ = out.Flush()
				_, _ = conn.Read(make([]byte, 1)) // the connection is kept until the program closes it
			}))
			t.Cleanup(web.Close)
			p := run(t, web.URL, "PELCRO_GRPC_PELCRO_API_KEY="+canaryKey, "--log-level=debug")
			if err := personalRequests()[test.call](t.Context(), pelcrov1.NewCustomerServiceClient(gatewaytest.Dial(t, p.Address))); err != nil {
				t.Error(err)
			}
			p.Log.Match(t, "Unsolicited response")
			mustWriteNoFile(t, p)
			p.Signal(t, syscall.SIGTERM)
			if err := testkit.Receive(t, p.Ended, "end of the program"); err != nil {
				t.Error(err)
			}
			if sent.Load() == nil {
				t.Error("nothing was sent after the response")
			}
			outputs{"standard output and standard error": p.Log.String()}.mustHide(t, map[string]string{
				"API key": canaryKey, "e-mail address": canaryEmail, "card": canaryCard, "name": canaryName,
			})
		})
	}
}
