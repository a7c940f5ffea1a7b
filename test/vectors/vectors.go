// Package vectors reads the captured HTTP responses of mapping/testdata/vectors, each
// with the error that a caller must receive for it. Only tests use it.
package vectors

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Vector is an HTTP response and what a caller must receive for it.
type Vector struct {
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
	Expect Expect `json:"expect"`
}

// Expect is what a caller must receive.
type Expect struct {
	Code   string `json:"code"`
	Reason string `json:"reason"`
	// Violations are all field violations, or, with MinViolations, the first of at
	// least so many.
	Violations        []Violation `json:"violations"`
	MinViolations     int         `json:"min_violations"`
	RetryDelaySeconds float64     `json:"retry_delay_seconds"`
	// Pushback is the trailer grpc-retry-pushback-ms; empty for any.
	Pushback   string `json:"pushback"`
	MessageHas string `json:"message_has"`
	// Outcome is the metadata "outcome"; empty for any.
	Outcome string `json:"outcome"`
	// Never lists texts that must not reach the caller.
	Never []string `json:"never"`
}

// Violation is one google.rpc.BadRequest.FieldViolation; an empty Reason means any.
type Violation struct {
	Field       string `json:"field"`
	Description string `json:"description"`
	Reason      string `json:"reason"`
}

// Header returns the headers of the response.
func (v Vector) Header() http.Header {
	header := http.Header{}
	for name, value := range v.Response.Headers {
		header.Set(name, value)
	}
	return header
}

// Body returns the body of the response.
func (v Vector) Body() []byte {
	if v.Response.BodyBase64 != nil {
		return v.Response.BodyBase64
	}
	return []byte(v.Response.Body)
}

// RetryDelay returns the delay that google.rpc.RetryInfo must have, 0 for none.
func (e Expect) RetryDelay() time.Duration {
	return time.Duration(e.RetryDelaySeconds * float64(time.Second))
}

// Read reads all vectors of a directory. An unknown key, or a file that is not named
// after its vector, fails the test.
func Read(tb testing.TB, directory string) []Vector {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(directory, "*.json"))
	if err != nil || len(files) == 0 {
		tb.Fatalf("no vectors in %s: %v", directory, err)
	}
	vectors := make([]Vector, len(files))
	for i, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		decoder := json.NewDecoder(bytes.NewReader(raw))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&vectors[i]); err != nil {
			tb.Fatalf("%s: %v", file, err)
		}
		if want := strings.TrimSuffix(filepath.Base(file), ".json"); vectors[i].Name != want {
			tb.Fatalf("%s: its name is %q", file, vectors[i].Name)
		}
	}
	return vectors
}

// Result is what a caller received.
type Result struct {
	Code, Reason, Message string
	Violations            []Violation
	RetryDelay            time.Duration
	Pushback              string
	Outcome               string
	// Everything is all text that reached the caller.
	Everything string
}

// Check fails the test unless the result is the expected one.
func (e Expect) Check(tb testing.TB, got Result) {
	tb.Helper()
	if got.Code != e.Code || got.Reason != e.Reason {
		tb.Errorf("%s %s, want %s %s: %s", got.Code, got.Reason, e.Code, e.Reason, got.Message)
	}
	if e.MinViolations == 0 && len(got.Violations) != len(e.Violations) || len(got.Violations) < e.MinViolations {
		tb.Errorf("%d violations: %+v", len(got.Violations), got.Violations)
	}
	for i, want := range e.Violations {
		if i >= len(got.Violations) {
			tb.Errorf("no violation %+v", want)
			continue
		}
		violation := got.Violations[i]
		if want.Reason == "" {
			violation.Reason = ""
		}
		if violation != want {
			tb.Errorf("violation %d is %+v, want %+v", i, violation, want)
		}
	}
	if got.RetryDelay != e.RetryDelay() {
		tb.Errorf("RetryInfo %v, want %v", got.RetryDelay, e.RetryDelay())
	}
	if e.Pushback != "" && got.Pushback != e.Pushback {
		tb.Errorf("pushback %q, want %q", got.Pushback, e.Pushback)
	}
	if e.Outcome != "" && got.Outcome != e.Outcome {
		tb.Errorf("outcome %q, want %q", got.Outcome, e.Outcome)
	}
	if !strings.Contains(got.Message, e.MessageHas) {
		tb.Errorf("message %q lacks %q", got.Message, e.MessageHas)
	}
	for _, secret := range e.Never {
		if strings.Contains(got.Everything, secret) {
			tb.Errorf("%q leaked: %s", secret, got.Everything)
		}
	}
}

// ViolationsOf converts field violations.
func ViolationsOf[V interface {
	GetField() string
	GetDescription() string
	GetReason() string
}](violations []V) []Violation {
	converted := make([]Violation, len(violations))
	for i, v := range violations {
		converted[i] = Violation{v.GetField(), v.GetDescription(), v.GetReason()}
	}
	return converted
}
