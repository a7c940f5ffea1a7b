package explorer

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// asked is a question as the page sends it: what stands in its fields. A reply is
// either a capture or three fields; noReply is the key of a situation instead.
type asked struct {
	Operation  string `json:"operation"`
	ID         string `json:"id"`
	Credential string `json:"credential"`
	// Deadline is what is left of the caller's deadline, in seconds; empty for
	// none.
	Deadline string  `json:"deadline"`
	Capture  *string `json:"capture"`
	Reply    *fields `json:"reply"`
	NoReply  string  `json:"noReply"`
}

// fields are a reply in three parts.
type fields struct {
	Status  string `json:"status"`
	Headers string `json:"headers"`
	Body    string `json:"body"`
}

// problem says what is wrong with which field, and what to do about it.
type problem struct {
	Field string `json:"field"`
	Says  string `json:"says"`
}

// question reads what was asked, or says what is wrong with it.
func (a asked) question() (Question, *problem) {
	q := Question{Credential: mapping.Credential(a.Credential), Remaining: mapping.NoDeadline}
	var known bool
	if q.Operation, known = mapping.CustomerOperation(a.Operation); !known {
		return q, &problem{"operation", "There is no such operation; choose one of the five."}
	}
	if q.Credential != mapping.CredentialGateway && q.Credential != mapping.CredentialCaller {
		return q, &problem{"credential", "The API key is the gateway's or the caller's."}
	}
	if id := strings.TrimSpace(a.ID); id != "" {
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil || n <= 0 {
			return q, &problem{"id", "A customer id is a whole number, for example 42. Leave it empty for none."}
		}
		q.CustomerID = n
	}
	if deadline := strings.TrimSpace(a.Deadline); deadline != "" {
		seconds, err := strconv.ParseFloat(deadline, 64)
		if err != nil || math.IsNaN(seconds) || seconds <= 0 || seconds > (24*time.Hour).Seconds() {
			return q, &problem{"deadline", "A deadline is a number of seconds, at most a day, for example 10. Leave it empty for none."}
		}
		q.Remaining = time.Duration(seconds * float64(time.Second))
	}
	var wrong *problem
	switch {
	case a.NoReply != "":
		if s := findSituation(a.NoReply); s != nil {
			q.NoReply = &s.none
		} else {
			wrong = &problem{"noReply", "There is no such failure; choose one of the list."}
		}
	case a.Capture != nil:
		q.Reply, wrong = readCapture(*a.Capture)
	case a.Reply != nil:
		q.Reply, wrong = a.Reply.read()
	default:
		wrong = &problem{"capture", "There is no reply yet: choose one, or paste what curl -si prints."}
	}
	return q, wrong
}

// read puts the three fields together.
func (f fields) read() (Capture, *problem) {
	status, err := strconv.Atoi(strings.TrimSpace(f.Status))
	if err != nil || status < 100 || status > 999 {
		return Capture{}, &problem{"status", "An HTTP status is a number of three digits, for example 429."}
	}
	c := Capture{Status: status, Header: http.Header{}, Body: []byte(f.Body)}
	for line := range strings.Lines(f.Headers) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		header, err := parseHeader([]byte(line + "\r\n\r\n"))
		if err != nil || len(header) == 0 {
			return c, &problem{"headers", "“" + shorten(line) + "” is no header; write one “Name: value” a line, for example Retry-After: 30."}
		}
		for name, values := range header {
			c.Header[name] = append(c.Header[name], values...)
		}
	}
	return c, nil
}

// written is a reply as the three fields show it.
func written(c Capture) *fields {
	var headers strings.Builder
	_ = c.Header.Write(&headers) // a Builder takes everything
	return &fields{
		Status:  strconv.Itoa(c.Status),
		Headers: strings.TrimSuffix(strings.ReplaceAll(headers.String(), "\r\n", "\n"), "\n"),
		Body:    string(c.Body),
	}
}

// mistakes are what people paste instead of a reply, told by how it begins.
var mistakes = []struct{ begins, says string }{
	{"{", "This looks like a body alone. Paste its headers, too (curl -si prints both), or put it into the field Body."},
	{"[", "This looks like a body alone. Paste its headers, too (curl -si prints both), or put it into the field Body."},
	{"< HTTP/", "This looks like the output of curl -v. Use curl -si: it prints the reply without the arrows."},
	{"* ", "This looks like the output of curl -v. Use curl -si: it prints the reply and nothing else."},
	{"<", "This looks like a page without its headers. Paste those, too (curl -si prints both), or put it into the field Body."},
	{"curl: ", "This is curl's own message: there was no reply. Choose what happened from the list “No reply at all”."},
	{"curl ", "This is a command. Run it with -si, and paste what it prints."},
	{"GET ", "This is a request. Paste the reply: curl -si prints it."},
	{"POST ", "This is a request. Paste the reply: curl -si prints it."},
	{"PUT ", "This is a request. Paste the reply: curl -si prints it."},
	{"DELETE ", "This is a request. Paste the reply: curl -si prints it."},
	{"ERROR:", "This is what grpcurl prints: a gRPC error already. Paste the HTTP reply behind it."},
}

// readCapture reads a pasted reply. Where it is none, the sentence says what it
// seems to be instead and what to paste.
func readCapture(text string) (Capture, *problem) {
	c, err := ParseCapture([]byte(text))
	if err == nil {
		return c, nil
	}
	start := string(trimStart([]byte(text)))
	if start == "" {
		return c, &problem{"capture", "There is nothing here yet. Paste what curl -si prints."}
	}
	for _, m := range mistakes {
		if strings.HasPrefix(start, m.begins) {
			return c, &problem{"capture", m.says}
		}
	}
	says := err.Error()
	if statusLine.MatchString(start) {
		says = "its headers cannot be read"
		if line := noHeader(start); line != "" {
			says = "“" + shorten(line) + "” is no header"
		}
	}
	return c, &problem{"capture", "This is no HTTP reply: " + says + ". Paste all that curl -si prints."}
}

// noHeader returns the first line below a status line that has no name, empty if
// all have one.
func noHeader(text string) string {
	_, head, _ := strings.Cut(text, "\n")
	for line := range strings.Lines(head) {
		line = strings.TrimSpace(line)
		if strings.Index(line, ":") < 1 {
			return line
		}
	}
	return ""
}

// shorten keeps the beginning of a text.
func shorten(text string) string {
	const enough = 80
	if runes := []rune(text); len(runes) > enough {
		return string(runes[:enough]) + "…"
	}
	return text
}
