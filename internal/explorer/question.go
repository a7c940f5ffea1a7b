package explorer

import (
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// form is a question as the page sends it. The response is a capture or three fields, or NoResponse
// is the key of a situation.
type form struct {
	Operation  string `json:"operation"`
	ID         string `json:"id"`
	Credential string `json:"credential"`
	// Deadline is what is left of the caller's deadline, in seconds; empty for none.
	Deadline   string  `json:"deadline"`
	Capture    *string `json:"capture"`
	Response   *fields `json:"response"`
	NoResponse string  `json:"noResponse"`
}

// fields are a response in three parts.
type fields struct {
	Status  string `json:"status"`
	Headers string `json:"headers"`
	Body    string `json:"body"`
}

// problem says what is wrong with a field, and how to fix it.
type problem struct {
	Field string `json:"field"`
	Says  string `json:"says"`
}

// question reads the form, or returns its first problem.
func (f form) question() (Question, *problem) {
	q := Question{CallerKey: f.Credential == "caller"}
	var known bool
	if q.Operation, known = mapping.CustomerOperation(f.Operation); !known {
		return q, &problem{"operation", "This operation does not exist; choose one of the five."}
	}
	if f.Credential != "gateway" && f.Credential != "caller" {
		return q, &problem{"credential", "The API key is the gateway's or the caller's."}
	}
	if id := strings.TrimSpace(f.ID); id != "" {
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil || n <= 0 {
			return q, &problem{"id", "A customer id is a whole number, for example 42. Leave it empty for none."}
		}
		q.CustomerID = n
	}
	if deadline := strings.TrimSpace(f.Deadline); deadline != "" {
		seconds, err := strconv.ParseFloat(deadline, 64)
		if err != nil || math.IsNaN(seconds) || seconds <= 0 || seconds > (24*time.Hour).Seconds() {
			return q, &problem{"deadline", "A deadline is a number of seconds, at most a day, for example 10. Leave it empty for none."}
		}
		q.Remaining = time.Duration(seconds * float64(time.Second))
	}
	var wrong *problem
	switch {
	case f.NoResponse != "":
		if s := findSituation(f.NoResponse); s != nil {
			q.NoResponse, q.LocalError = &s.failure, s.local
		} else {
			wrong = &problem{"noResponse", "This failure does not exist; choose one of the list."}
		}
	case f.Capture != nil:
		q.Response, wrong = readCapture(*f.Capture)
	case f.Response != nil:
		q.Response, wrong = f.Response.read()
	default:
		wrong = &problem{"capture", "There is no response yet: choose one, or paste what curl -si or curl -v prints."}
	}
	return q, wrong
}

// read joins the three fields.
func (f fields) read() (Capture, *problem) {
	status, err := strconv.Atoi(strings.TrimSpace(f.Status))
	if err != nil || status < 100 || status > 999 {
		return Capture{}, &problem{"status", "An HTTP status is a number of three digits, for example 429."}
	}
	c := Capture{Status: status, Body: []byte(f.Body)}
	var lines strings.Builder
	for line := range strings.Lines(f.Headers) {
		if line = strings.TrimSpace(line); line != "" {
			lines.WriteString(line + "\r\n")
		}
	}
	if c.Header, err = parseHeader([]byte(lines.String() + "\r\n")); err != nil {
		return c, &problem{"headers", err.Error() + "; write one “Name: value” a line, for example Retry-After: 30."}
	}
	return c, nil
}

// written is a response in three fields.
func written(c Capture) *fields {
	var headers strings.Builder
	_ = c.Header.Write(&headers) // a Builder takes everything
	return &fields{
		Status:  strconv.Itoa(c.Status),
		Headers: strings.TrimSuffix(strings.ReplaceAll(headers.String(), "\r\n", "\n"), "\n"),
		Body:    string(c.Body),
	}
}

// mistakes are what people paste instead of a response.
var mistakes = []struct {
	begins *regexp.Regexp
	says   string
}{
	{regexp.MustCompile(`^[{[]`), "This looks like a body alone. Paste its headers, too (curl -si prints both), or put it into the field Body."},
	{regexp.MustCompile(`^<`), "This looks like a page without its headers. Paste those, too (curl -si prints both), or put it into the field Body."},
	{regexp.MustCompile(`^\* `), "This is what curl -v prints without a response. Choose what happened from the list “No response at all”."},
	{regexp.MustCompile(`^curl: `), "This is an error of curl: there was no response. Choose what happened from the list “No response at all”."},
	{regexp.MustCompile(`^curl `), "This is a command. Run it with -si, and paste what it prints."},
	{regexp.MustCompile(`^(>|GET|POST|PUT|DELETE) `), "This is a request. Paste the response: curl -si prints it."},
	{regexp.MustCompile(`^ERROR:`), "This is what grpcurl prints: a gRPC error already. Paste the HTTP response that it is about."},
}

// readCapture reads a pasted response. The problem says what else the text seems to be, and what to
// paste.
func readCapture(text string) (Capture, *problem) {
	c, err := ParseCapture([]byte(text))
	switch {
	case err == nil:
		return c, nil
	case errors.Is(err, errEmpty):
		return c, &problem{"capture", "There is nothing here yet. Paste what curl -si or curl -v prints."}
	case errors.Is(err, errNoStatus):
		start := trimStart(withoutMeter(trimStart([]byte(text))))
		for _, m := range mistakes {
			if m.begins.Match(start) {
				return c, &problem{"capture", m.says}
			}
		}
	}
	return c, &problem{"capture", "This is not an HTTP response: " + err.Error() + ". Paste everything that curl -si or curl -v prints."}
}
