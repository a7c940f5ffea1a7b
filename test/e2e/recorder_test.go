//go:build e2e

package e2e_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/test/vectors"
)

var updating = flag.Bool("update", false, "write a vector for each response of a new kind")

const vectorFiles = "../../mapping/testdata/vectors"

// A recorder is a proxy between a gateway and its upstream that keeps the last response.
// It changes neither status nor headers nor body, and closes the connection to the
// gateway when it loses the upstream.
type recorder struct {
	arrived chan struct{} // receives when a request has arrived
	mu      sync.Mutex
	last    *exchange
}

// An exchange is one request and its response.
type exchange struct {
	method, path string
	status       int
	header       http.Header
	body         []byte
}

// record starts a recorder and returns its URL.
func record(t *testing.T, upstream string) (*recorder, string) {
	t.Helper()
	target, err := url.Parse(upstream)
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{arrived: make(chan struct{}, 1)}
	transport := &http.Transport{DisableCompression: true}
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme, p.Out.URL.Host = target.Scheme, target.Host
			select {
			case r.arrived <- struct{}{}:
			default:
			}
		},
		ModifyResponse: func(response *http.Response) error {
			body, err := io.ReadAll(response.Body)
			if err != nil {
				return err
			}
			response.Body = io.NopCloser(bytes.NewReader(body))
			r.mu.Lock()
			defer r.mu.Unlock()
			r.last = &exchange{
				method: response.Request.Method, path: response.Request.URL.RequestURI(),
				status: response.StatusCode, header: response.Header.Clone(), body: body,
			}
			return nil
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(func() {
		server.Close()
		transport.CloseIdleConnections()
	})
	return r, server.URL + target.Path
}

// take returns the last exchange, once.
func (r *recorder) take() *exchange {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := r.last
	r.last = nil
	return last
}

// check fails the test if the response to the last call is a failure of a kind that is
// missing in the vectors.
func (r *recorder) check(t *testing.T, operation string, got result) {
	t.Helper()
	seen := r.take()
	if seen == nil || got.code == "OK" || got.info["httpStatus"] == "" {
		return
	}
	var unknown []string
	for _, kind := range kindsOf(operation, seen.status, seen.header, seen.body) {
		if known.add(t, kind) {
			unknown = append(unknown, kind)
		}
	}
	switch {
	case len(unknown) == 0:
	case *updating:
		seen.write(t, operation, got)
	default:
		t.Errorf("no vector has a response of this kind; make e2e UPDATE=1 writes one: %q\n%d %v\n%.2000s", unknown, seen.status, seen.header, seen.body)
	}
}

// known are the kinds of all responses in the vectors.
var known kindSet

type kindSet struct {
	mu    sync.Mutex
	kinds map[string]bool
}

// add reports whether the kind is new.
func (k *kindSet) add(t *testing.T, kind string) bool {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kinds == nil {
		k.kinds = map[string]bool{}
		for _, v := range vectors.Read(t, vectorFiles) {
			for _, kind := range kindsOf(v.Operation, v.Response.Status, v.Header(), v.Body()) {
				k.kinds[kind] = true
			}
		}
	}
	isNew := !k.kinds[kind]
	k.kinds[kind] = true
	return isNew
}

// kindsOf returns the kinds of a response. Responses of one kind differ only in numbers,
// names of fields and the like, which the mapping does not distinguish. Each text of a
// field error is a kind.
func kindsOf(operation string, status int, header http.Header, body []byte) []string {
	mediaType, _, _ := strings.Cut(header.Get("Content-Type"), ";")
	prefix := []string{http.StatusText(status), mediaType}
	if status >= 500 && operation == "CreateCustomer" {
		prefix = append(prefix, "create")
	}
	for _, name := range []string{"Retry-After", "X-RateLimit-Reset", "Location"} {
		if header.Get(name) != "" {
			prefix = append(prefix, name)
		}
	}
	var decoded struct {
		Message   *string                    `json:"message"`
		Exception string                     `json:"exception"`
		Errors    map[string]json.RawMessage `json:"errors"`
	}
	if json.Unmarshal(body, &decoded) != nil {
		return []string{strings.Join(append(prefix, anyNumber.ReplaceAllString(title(body), "N")), " | ")}
	}
	if decoded.Message != nil && decoded.Errors != nil {
		prefix = append(prefix, "message")
	}
	var kinds []string
	for field, raw := range decoded.Errors {
		var texts []string
		if json.Unmarshal(raw, &texts) != nil {
			continue // a form that Laravel does not send
		}
		for _, text := range texts {
			text = strings.Replace(text, field, "FIELD", 1)
			text = strings.Replace(text, strings.ReplaceAll(field, "_", " "), "FIELD", 1)
			kinds = append(kinds, strings.Join(append(prefix, anyNumber.ReplaceAllString(text, "N")), " | "))
		}
	}
	if kinds == nil {
		text := decoded.Exception
		if text == "" && decoded.Message != nil {
			text = verbs.ReplaceAllString(anyNumber.ReplaceAllString(*decoded.Message, "N"), "VERB")
		}
		kinds = []string{strings.Join(append(prefix, text), " | ")}
	}
	return kinds
}

var (
	anyNumber = regexp.MustCompile(`[0-9]+`)
	verbs     = regexp.MustCompile(`[A-Z]{3,}(, [A-Z]{3,})*`)
	titles    = regexp.MustCompile(`(?s)<title>\s*(.*?)\s*</title>`)
)

// title returns the title of a page.
func title(page []byte) string {
	if groups := titles.FindSubmatch(page); groups != nil {
		return string(groups[1])
	}
	return string(page)
}

// write stores the exchange as a vector that expects the result of the caller. It is
// named after the test; review it before you commit it.
func (e *exchange) write(t *testing.T, operation string, got result) {
	t.Helper()
	server := "laravel 8.83"
	if strings.HasPrefix(e.header.Get("Server"), "nginx") {
		server = "nginx 1.22"
	}
	headers := map[string]string{}
	for name := range e.header {
		switch name {
		case "Date", "Host", "Connection":
		default:
			headers[name] = e.header.Get(name)
		}
	}
	type expectation struct {
		Code              string              `json:"code"`
		Reason            string              `json:"reason"`
		Violations        []map[string]string `json:"violations,omitempty"`
		RetryDelaySeconds float64             `json:"retry_delay_seconds,omitempty"`
		Pushback          string              `json:"pushback,omitempty"`
		Outcome           string              `json:"outcome,omitempty"`
		Never             []string            `json:"never"`
	}
	expect := expectation{Code: got.code, Reason: got.reason, RetryDelaySeconds: got.retryDelay.Seconds(), Outcome: got.info["outcome"], Never: []string{}}
	for i, v := range got.violations {
		expect.Violations = append(expect.Violations, map[string]string{
			"field": v.field, "description": got.descriptions[i], "reason": v.reason,
		})
	}
	if got.pushback == "-1" {
		expect.Pushback = got.pushback
	}
	here, err := filepath.Abs(application)
	if err != nil {
		t.Fatal(err)
	}
	body := strings.ReplaceAll(string(e.body), here, "/var/www/html")
	body = temporary.ReplaceAllString(body, "/var/www/html/storage")
	for _, secret := range secrets {
		if strings.Contains(body, secret) {
			expect.Never = append(expect.Never, secret)
		}
	}
	name, _, _ := strings.Cut(server, " ")
	name += "-" + strings.ToLower(strings.Trim(notName.ReplaceAllString(strings.TrimPrefix(t.Name(), "Test"), "-"), "-"))
	var raw bytes.Buffer
	encoder := json.NewEncoder(&raw)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	err = encoder.Encode(struct {
		Name      string         `json:"name"`
		Server    string         `json:"server"`
		Operation string         `json:"operation"`
		Request   map[string]any `json:"request"`
		Response  map[string]any `json:"response"`
		Expect    expectation    `json:"expect"`
	}{
		Name: name, Server: server, Operation: operation,
		Request:  map[string]any{"method": e.method, "path": e.path, "headers": map[string]string{"Accept": "application/json"}},
		Response: map[string]any{"status": e.status, "headers": headers, "body": body},
		Expect:   expect,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(vectorFiles, name+".json"), raw.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("wrote the vector %s", name)
}

var (
	notName   = regexp.MustCompile(`[^a-zA-Z0-9]+`)
	temporary = regexp.MustCompile(regexp.QuoteMeta(os.TempDir()) + `/Test[^/]*/[0-9]+`)
)
