package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/explorer"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/wiresize"
	"github.com/pelcro-grpc/pelcro-grpc/test/vectors"
)

// explained is what explain prints.
type explained struct {
	Code      string            `json:"code"`
	Origin    string            `json:"origin"`
	Outcome   string            `json:"outcome"`
	Status    json.RawMessage   `json:"status"`
	Trailers  map[string]string `json:"trailers"`
	WireBytes int               `json:"wireBytes"`
}

func (e explained) status(t *testing.T) *spb.Status {
	t.Helper()
	s := &spb.Status{}
	if err := protojson.Unmarshal(e.Status, s); err != nil {
		t.Fatalf("%v in %s", err, e.Status)
	}
	return s
}

func explain(t *testing.T, captured string, args ...string) explained {
	t.Helper()
	r := runWith(t, captured, append([]string{"explain"}, args...)...)
	if r.code != exitOK || r.err != "" {
		t.Fatalf("exit code %d: %s", r.code, r.err)
	}
	return parseExplained(t, r.out)
}

// parseExplained reads what explain printed.
func parseExplained(t *testing.T, out string) (e explained) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(out))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&e); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return e
}

// TestExplain: the whole output.
func TestExplain(t *testing.T) {
	for _, test := range []struct {
		golden, captured string
		args             []string
	}{
		{"explain-422.json", "HTTP/1.1 422 Unprocessable Content\r\nContent-Type: application/json\r\n\r\n" +
			`{"message":"…","errors":{"email":["The email has already been taken."],"metadata.a<b":["The metadata.a<b field must be a string."]}}`,
			[]string{"--operation=CreateCustomer"}},
		{"explain-429.json", "HTTP/2 429 \r\ncontent-type: application/json\r\nretry-after: 30\r\nx-ratelimit-limit: 120\r\n\r\n" +
			`{"message": "Too Many Attempts."}`, nil},
		{"explain-404.json", "HTTP/2 404 \r\ncontent-type: application/json\r\n\r\n" + `{"message": "Not Found"}`,
			[]string{"--operation=DeleteCustomer", "--id=42"}},
		{"explain-401.json", "HTTP/2 401 \r\ncontent-type: application/json\r\n\r\n" + `{"message": "Unauthenticated."}`,
			[]string{"--credential=caller"}},
		{"explain-200.json", "HTTP/2 200 \r\ncontent-type: application/json\r\n\r\n" + `{"data": {"id": 1}}`, nil},
	} {
		t.Run(test.golden, func(t *testing.T) {
			golden(t, test.golden, runWith(t, test.captured, append([]string{"explain"}, test.args...)...).out)
		})
	}
}

// TestExplainVerbose: the output of curl -v is explained as that of curl -i.
func TestExplainVerbose(t *testing.T) {
	const body = `{"message": "Too Many Attempts."}`
	plain := explain(t, "HTTP/1.1 429 X\r\nContent-Type: application/json\r\nRetry-After: 30\r\n\r\n"+body)
	verbose := explain(t, "* Trying 127.0.0.1...\n> GET / HTTP/1.1\r\n> Authorization: Bearer "+canaryKey+"\r\n> \r\n"+
		"< HTTP/1.1 429 X\r\n< Content-Type: application/json\r\n< Retry-After: 30\r\n< \r\n{ [33 bytes data]\n"+
		"* Connection #0 to host 127.0.0.1 left intact\n"+body)
	if !reflect.DeepEqual(plain, verbose) || plain.Code != "RESOURCE_EXHAUSTED" {
		t.Errorf("curl -i: %+v\ncurl -v: %+v", plain, verbose)
	}
}

// TestExplainOrigin: the origin and the outcome are those of the ErrorInfo.
func TestExplainOrigin(t *testing.T) {
	for _, captured := range []string{
		"HTTP/1.1 429 X\r\nContent-Type: application/json\r\n\r\n" + `{"message": "Too Many Attempts."}`,
		"HTTP/1.1 502 X\r\nContent-Type: text/html\r\n\r\n<html>",
		"HTTP/1.1 404 X\r\nContent-Type: application/json\r\n\r\n" + `{"message": "Not Found"}`,
	} {
		for operation := range rpcs {
			e := explain(t, captured, "--operation="+operation)
			for _, detail := range e.status(t).GetDetails() {
				info := &errdetails.ErrorInfo{}
				if detail.UnmarshalTo(info) != nil {
					continue
				}
				if e.Origin != info.GetMetadata()["origin"] || e.Outcome != info.GetMetadata()["outcome"] {
					t.Errorf("%s: origin %q, outcome %q, metadata %v", operation, e.Origin, e.Outcome, info.GetMetadata())
				}
			}
		}
	}
}

// TestExplainByEnvironment: the flags have environment names, too.
func TestExplainByEnvironment(t *testing.T) {
	t.Setenv("PELCRO_GRPC_OPERATION", "CreateCustomer")
	e := explain(t, "HTTP/1.1 504 Gateway Timeout\r\n\r\n")
	if e.Code != "INTERNAL" || e.Trailers["x-error-reason"] != "PELCRO_OUTCOME_UNKNOWN" || e.Trailers["grpc-retry-pushback-ms"] != "-1" {
		t.Errorf("got %+v", e)
	}
}

// rpcs calls each RPC, naming customer 42 where it names one.
var rpcs = map[string]func(context.Context, pelcrov1.CustomerServiceClient, ...grpc.CallOption) error{
	"GetCustomer": func(ctx context.Context, c pelcrov1.CustomerServiceClient, options ...grpc.CallOption) error {
		_, err := c.GetCustomer(ctx, &pelcrov1.GetCustomerRequest{Id: 42}, options...)
		return err
	},
	"ListCustomers": func(ctx context.Context, c pelcrov1.CustomerServiceClient, options ...grpc.CallOption) error {
		_, err := c.ListCustomers(ctx, &pelcrov1.ListCustomersRequest{}, options...)
		return err
	},
	"CreateCustomer": func(ctx context.Context, c pelcrov1.CustomerServiceClient, options ...grpc.CallOption) error {
		_, err := c.CreateCustomer(ctx, &pelcrov1.CreateCustomerRequest{Customer: &pelcrov1.Customer{Email: new("a@example.com")}}, options...)
		return err
	},
	"UpdateCustomer": func(ctx context.Context, c pelcrov1.CustomerServiceClient, options ...grpc.CallOption) error {
		_, err := c.UpdateCustomer(ctx, &pelcrov1.UpdateCustomerRequest{Customer: &pelcrov1.Customer{Id: 42, FirstName: new("Ada")}}, options...)
		return err
	},
	"DeleteCustomer": func(ctx context.Context, c pelcrov1.CustomerServiceClient, options ...grpc.CallOption) error {
		_, err := c.DeleteCustomer(ctx, &pelcrov1.DeleteCustomerRequest{Id: 42}, options...)
		return err
	},
}

// service is the running program in front of an upstream with one response.
type service struct {
	customers pelcrov1.CustomerServiceClient
	response  explorer.Capture
}

func startService(t *testing.T) *service {
	t.Helper()
	s := &service{}
	url := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = conn.Write(wire(s.response))
	})
	p := start(t, "--pelcro-url="+url, "--site-id=7", "--pelcro-api-key-file="+testkit.File(t, canaryKey), "--upstream-retries=0", "--no-circuit-breaker")
	s.customers = pelcrov1.NewCustomerServiceClient(p.conn)
	return s
}

// wire returns the response as it was on the network, before curl decoded it.
func wire(c explorer.Capture) []byte {
	header := c.Header.Clone()
	for _, name := range []string{"Content-Length", "Transfer-Encoding", "Content-Encoding", "Connection"} {
		header.Del(name)
	}
	header.Set("Connection", "close")
	if c.Status >= 200 && c.Status != 204 && c.Status != 304 {
		header.Set("Content-Length", strconv.Itoa(len(c.Body)))
	}
	var head strings.Builder
	fmt.Fprintf(&head, "HTTP/1.1 %d X\r\n", c.Status)
	_ = header.Write(&head)
	return append([]byte(head.String()+"\r\n"), c.Body...)
}

// agrees checks that explain prints what a gRPC client gets for the same response, and returns it.
func (s *service) agrees(t *testing.T, operation, captured string) explained {
	t.Helper()
	command := explainCommand{Operation: operation, Credential: "gateway"}
	if operation != "ListCustomers" && operation != "CreateCustomer" {
		command.ID = 42
	}
	var out strings.Builder
	err := command.Run(t.Context(), stdio{in: strings.NewReader(captured), out: &out})
	if err != nil {
		t.Fatal(err)
	}
	noKey(t, out.String())
	e := parseExplained(t, out.String())

	if s.response, err = explorer.ParseCapture([]byte(captured)); err != nil {
		t.Fatal(err)
	}
	var trailer metadata.MD
	err = rpcs[operation](t.Context(), s.customers, grpc.Trailer(&trailer))
	returned := &spb.Status{}
	if err != nil {
		returned = status.Convert(err).Proto()
	}
	if got := withoutID(e.status(t)); !proto.Equal(got, withoutID(returned)) {
		t.Errorf("%s: explain says\n%s\na client gets\n%s", operation, protojson.Format(got), protojson.Format(returned))
	}
	if name := code.Code(returned.Code).String(); e.Code != name {
		t.Errorf("%s: explain says %s, a client gets %s", operation, e.Code, name)
	}
	for _, name := range []string{"x-error-reason", "grpc-retry-pushback-ms"} {
		if got, want := e.Trailers[name], strings.Join(trailer.Get(name), ", "); got != want {
			t.Errorf("%s: explain says %s: %s, a client gets %s", operation, name, got, want)
		}
	}
	if (e.WireBytes == 0) != (err == nil) || e.WireBytes > wiresize.Max {
		t.Errorf("%s: %d bytes", operation, e.WireBytes)
	}
	return e
}

// withoutID removes the request id, which is different each time.
func withoutID(s *spb.Status) *spb.Status {
	s.Details = slices.DeleteFunc(s.Details, func(detail *anypb.Any) bool {
		return detail.MessageIs(&errdetails.RequestInfo{})
	})
	return s
}

// printed is a response as curl -i prints it.
func printed(status int, header http.Header, body string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "HTTP/1.1 %d X\r\n", status)
	_ = header.Write(&text)
	return text.String() + "\r\n" + body
}

// TestExplainAgreesOnVectors: explain and the service give the same for captured responses of real
// servers.
func TestExplainAgreesOnVectors(t *testing.T) {
	t.Parallel()
	s := startService(t)
	for _, v := range vectors.Read(t, "../../mapping/testdata/vectors") {
		t.Run(v.Name, func(t *testing.T) {
			captured := printed(v.Response.Status, v.Header(), string(v.Body()))
			if e := s.agrees(t, v.Operation, captured); e.Code != v.Expect.Code || e.Trailers["x-error-reason"] != v.Expect.Reason {
				t.Errorf("explain says %s %v, want %s %s", e.Code, e.Trailers, v.Expect.Code, v.Expect.Reason)
			}
		})
	}
}

// TestExplainAgreesOnEverything: the same for each RPC, status and kind of body.
func TestExplainAgreesOnEverything(t *testing.T) {
	t.Parallel()
	s := startService(t)
	for _, status := range []int{200, 301, 400, 404, 405, 409, 418, 422, 429, 500, 503, 504, 599} {
		for kind, body := range map[string]string{
			"errors":  `{"message":"Invalid.","errors":{"email":["The email field is required."],"id":["The id is invalid."]}}`,
			"message": `{"message":"The route x could not be found."}`,
			"page":    "<html>\n</html>",
			"nothing": "",
			"data":    `{"data":{"id":42,"email":null}}`,
			"list":    `{"data":[{"id":42}],"meta":{"current_page":1,"last_page":1}}`,
			"error":   `{"error":{"message":"No."},"data":null}`,
		} {
			for operation := range rpcs {
				t.Run(fmt.Sprint(status, kind, operation), func(t *testing.T) {
					s.agrees(t, operation, printed(status, http.Header{
						"Content-Type": {"application/json"}, "Retry-After": {"7"}, "Date": {"Sun, 22 Nov 2026 10:00:00 GMT"},
					}, body))
				})
			}
		}
	}
}

// TestExplainAgreesOnOddities: headers that no longer fit the body, and sizes at
// the limits.
func TestExplainAgreesOnOddities(t *testing.T) {
	t.Parallel()
	s := startService(t)
	const invalid = `{"errors":{"email":["The email field is required."]}}`
	many := strings.Repeat(`{"id":1,"email":"a@example.com"},`, pelcro.MaxErrorBody/16)
	for _, test := range []struct{ name, operation, captured, reason string }{
		{"chunked", "CreateCustomer", "HTTP/1.1 400 X\r\nTransfer-Encoding: chunked\r\n\r\n" + invalid, "PELCRO_VALIDATION_FAILED"},
		{"gzip", "CreateCustomer", "HTTP/2 400 \ncontent-encoding: gzip\ncontent-length: 9\n\n" + invalid, "PELCRO_VALIDATION_FAILED"},
		{"binary", "GetCustomer", "HTTP/1.1 500 X\r\nContent-Type: application/octet-stream\r\n\r\n\x00\xff\xfe\r\n", "PELCRO_INTERNAL_ERROR"},
		{"continued", "CreateCustomer", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 409 X\r\n\r\n" + `{"message":"Exists."}`, "PELCRO_ALREADY_EXISTS"},
		{"through a proxy", "GetCustomer", "HTTP/1.1 200 Connection established\r\n\r\nHTTP/2 403 \r\n\r\n{}", "PELCRO_PERMISSION_DENIED"},
		{"headers only", "GetCustomer", "HTTP/1.1 429 X\r\nRetry-After: 5", "PELCRO_RATE_LIMITED"},
		{"no content", "GetCustomer", "HTTP/1.1 204 No Content\r\n\r\n", "PELCRO_MALFORMED_RESPONSE"},
		{"no content after a delete", "DeleteCustomer", "HTTP/1.1 204 No Content\r\n\r\n", ""},
		{"not modified", "GetCustomer", "HTTP/1.1 304 Not Modified\r\n\r\n", "PELCRO_REDIRECT"},
		{"customer without an id", "GetCustomer", "HTTP/1.1 200 OK\r\n\r\n" + `{"data":{"email":"a@example.com"}}`, "PELCRO_MALFORMED_RESPONSE"},
		{"list with one bad row", "ListCustomers", "HTTP/1.1 200 OK\r\n\r\n" + `{"data":[{"id":1},{"id":0}]}`, "PELCRO_MALFORMED_RESPONSE"},
		{"list for a customer", "UpdateCustomer", "HTTP/1.1 200 OK\r\n\r\n" + `{"data":[]}`, "PELCRO_MALFORMED_RESPONSE"},
		{"large list", "ListCustomers", "HTTP/1.1 200 OK\r\n\r\n" + `{"data":[` + many + `{"id":2}]}`, ""},
		{"large list, cut", "ListCustomers", "HTTP/1.1 200 OK\r\n\r\n" + `{"data":[` + many, "PELCRO_MALFORMED_RESPONSE"},
		{"large body after a delete", "DeleteCustomer", "HTTP/1.1 200 OK\r\n\r\n" + `{"data":[` + many + `{"id":2}]}`, ""},
		{"large error", "CreateCustomer", "HTTP/1.1 422 X\r\n\r\n" + `{"errors":{"email":["no"]},"data":[` + many + `1]}`, "PELCRO_BAD_REQUEST"},
		{"too large", "GetCustomer", "HTTP/1.1 200 OK\r\n\r\n" + `{"data":{"id":1,"title":"` + strings.Repeat("x", pelcro.MaxBody) + `"}}`, "PELCRO_RESPONSE_TOO_LARGE"},
		{"far too large", "CreateCustomer", "HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat("x", maxCapture+1), "PELCRO_RESPONSE_TOO_LARGE"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if e := s.agrees(t, test.operation, test.captured); e.Trailers["x-error-reason"] != test.reason {
				t.Errorf("explain says %s %v, want %s", e.Code, e.Trailers, test.reason)
			}
		})
	}
}
