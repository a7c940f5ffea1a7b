package mapping_test

import (
	"encoding/json"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
	"github.com/pelcro-grpc/pelcro-grpc/test/vectors"
)

const vectorFiles = "testdata/vectors"

// responseOf is the vector's response as an HTTP client would have read it.
func responseOf(v vectors.Vector) mapping.Response {
	body := v.Body()
	incomplete := len(body) > mapping.MaxErrorBody
	if incomplete {
		body = body[:mapping.MaxErrorBody]
	}
	return mapping.Response{StatusCode: v.Response.Status, Header: v.Header(), Body: body, BodyIncomplete: incomplete}
}

func TestVectors(t *testing.T) {
	for _, v := range vectors.Read(t, vectorFiles) {
		t.Run(v.Name, func(t *testing.T) {
			operation, known := mapping.CustomerOperation(v.Operation)
			if !known {
				t.Fatalf("unknown operation %q", v.Operation)
			}
			result := mapping.FromResponse(mapping.Call{
				Operation:  operation,
				ResourceID: "42",
				RequestID:  "vector",
			}, responseOf(v))
			details := detailsOf(t, result.Status())
			v.Expect.Check(t, vectors.Result{
				Code:       codeName(result.Code()),
				Reason:     details.info.GetReason(),
				Message:    result.Status().Message(),
				Violations: vectors.ViolationsOf(details.badRequest.GetFieldViolations()),
				RetryDelay: details.retry.GetRetryDelay().AsDuration(),
				Pushback:   strings.Join(result.Trailer().Get("grpc-retry-pushback-ms"), ","),
				Outcome:    details.info.GetMetadata()["outcome"],
				Everything: everyText(t, result),
			})
		})
	}
}

// details are the details of a status, each type at most once.
type details struct {
	info       *errdetails.ErrorInfo
	badRequest *errdetails.BadRequest
	retry      *errdetails.RetryInfo
	quota      *errdetails.QuotaFailure
	resource   *errdetails.ResourceInfo
	request    *errdetails.RequestInfo

	precondition *errdetails.PreconditionFailure
}

func detailsOf(t testing.TB, s *status.Status) (d details) {
	t.Helper()
	seen := map[string]bool{}
	for i, detail := range s.Details() {
		url := s.Proto().Details[i].TypeUrl
		if seen[url] {
			t.Errorf("two details of type %s", url)
		}
		seen[url] = true
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			d.info = detail
		case *errdetails.BadRequest:
			d.badRequest = detail
		case *errdetails.RetryInfo:
			d.retry = detail
		case *errdetails.QuotaFailure:
			d.quota = detail
		case *errdetails.ResourceInfo:
			d.resource = detail
		case *errdetails.PreconditionFailure:
			d.precondition = detail
		case *errdetails.RequestInfo:
			d.request = detail
		default:
			t.Errorf("unexpected detail %T", detail)
		}
	}
	return d
}

// everyText is all that reaches the caller, as text.
func everyText(t testing.TB, result mapping.Result) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(result.Status().Message())
	for _, detail := range result.Status().Details() {
		b.WriteString("\n")
		raw, err := json.Marshal(detail)
		if err != nil {
			t.Fatal(err)
		}
		// JSON escapes < and \; the plain text is what a client sees.
		b.WriteString(unescape.Replace(string(raw)))
	}
	for name, values := range result.Trailer() {
		b.WriteString("\n" + name + ": " + strings.Join(values, ","))
	}
	return b.String()
}

var unescape = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&", `\\`, `\`)

// codeName is a code as the vectors, and gRPC's documentation, spell it.
func codeName(c codes.Code) string { return code.Code_name[int32(c)] }
