package mapping_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// vector is a captured reply and what a caller must get for it. The files are
// read strictly: a key that is not here fails the test.
type vector struct {
	Name      string `json:"name"`
	Server    string `json:"server"`
	Operation string `json:"operation"`
	Request   struct {
		Method  string            `json:"method"`
		Path    string            `json:"path"`
		Headers map[string]string `json:"headers"`
		Body    *string           `json:"body"`
	} `json:"request"`
	Response struct {
		Status     int               `json:"status"`
		Headers    map[string]string `json:"headers"`
		Body       string            `json:"body"`
		BodyBase64 []byte            `json:"body_base64"`
	} `json:"response"`
	Expect struct {
		Code              string            `json:"code"`
		Reason            string            `json:"reason"`
		Violations        []vectorViolation `json:"violations"`
		MinViolations     int               `json:"min_violations"`
		RetryDelaySeconds *float64          `json:"retry_delay_seconds"`
		Pushback          string            `json:"pushback"`
		MessageHas        string            `json:"message_has"`
		Never             []string          `json:"never"`
	} `json:"expect"`
}

type vectorViolation struct {
	Field       string `json:"field"`
	Description string `json:"description"`
	Reason      string `json:"reason"`
}

func readVectors(t testing.TB) []vector {
	t.Helper()
	files, err := filepath.Glob("testdata/vectors/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	vectors := make([]vector, len(files))
	for i, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		decoder := json.NewDecoder(bytes.NewReader(raw))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&vectors[i]); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if want := strings.TrimSuffix(filepath.Base(file), ".json"); vectors[i].Name != want {
			t.Errorf("%s: its name is %q", file, vectors[i].Name)
		}
	}
	return vectors
}

func (v vector) reply() mapping.Reply {
	header := http.Header{}
	for name, value := range v.Response.Headers {
		header.Set(name, value)
	}
	body := []byte(v.Response.Body)
	if v.Response.BodyBase64 != nil {
		body = v.Response.BodyBase64
	}
	incomplete := len(body) > mapping.MaxErrorBody
	if incomplete {
		body = body[:mapping.MaxErrorBody]
	}
	return mapping.Reply{StatusCode: v.Response.Status, Header: header, Body: body, BodyIncomplete: incomplete}
}

func TestVectors(t *testing.T) {
	for _, v := range readVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			operation, known := mapping.CustomerOperation(v.Operation)
			if !known {
				t.Fatalf("unknown operation %q", v.Operation)
			}
			result := mapping.FromReply(mapping.Call{
				Operation:  operation,
				ResourceID: "42",
				Credential: mapping.CredentialGateway,
				Remaining:  mapping.NoDeadline,
				RequestID:  "vector",
			}, v.reply())
			v.check(t, result)
		})
	}
}

func (v vector) check(t *testing.T, result mapping.Result) {
	t.Helper()
	got := detailsOf(t, result.Status())
	if code := codeName(result.Code()); code != v.Expect.Code {
		t.Errorf("code %s, want %s", code, v.Expect.Code)
	}
	if reason := got.info.GetReason(); reason != v.Expect.Reason {
		t.Errorf("reason %s, want %s", reason, v.Expect.Reason)
	}
	violations := got.badRequest.GetFieldViolations()
	if v.Expect.MinViolations == 0 && len(violations) != len(v.Expect.Violations) || len(violations) < v.Expect.MinViolations {
		t.Errorf("%d violations: %v", len(violations), violations)
	}
	for i, want := range v.Expect.Violations {
		if i >= len(violations) {
			t.Errorf("no violation %+v", want)
			continue
		}
		got := vectorViolation{violations[i].Field, violations[i].Description, violations[i].Reason}
		if want.Reason == "" {
			got.Reason = ""
		}
		if got != want {
			t.Errorf("violation %d is %+v, want %+v", i, got, want)
		}
	}
	var delay time.Duration
	if want := v.Expect.RetryDelaySeconds; want != nil {
		delay = time.Duration(*want * float64(time.Second))
	}
	if got := got.retry.GetRetryDelay().AsDuration(); got != delay {
		t.Errorf("RetryInfo %v, want %v", got, delay)
	}
	if got := strings.Join(result.Trailer().Get(mapping.TrailerPushback), ","); v.Expect.Pushback != "" && got != v.Expect.Pushback {
		t.Errorf("pushback %q, want %q", got, v.Expect.Pushback)
	}
	if !strings.Contains(result.Status().Message(), v.Expect.MessageHas) {
		t.Errorf("message %q lacks %q", result.Status().Message(), v.Expect.MessageHas)
	}
	everything := everyText(t, result)
	for _, secret := range v.Expect.Never {
		if strings.Contains(everything, secret) {
			t.Errorf("%q leaked: %s", secret, everything)
		}
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
