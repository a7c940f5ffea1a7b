package explorer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
)

// Capture is an HTTP response as curl -i or curl -v prints it. The body is decoded already,
// whatever the headers say about its length and encoding.
type Capture struct {
	Status int
	Header http.Header
	Body   []byte
}

var (
	errEmpty    = errors.New("it is empty")
	errNoStatus = errors.New("the first line is not a status line like HTTP/1.1 400 Bad Request")
)

// statusLine is the first line of a response: HTTP/1.1 400 Bad Request, HTTP/2 400.
var statusLine = regexp.MustCompile(`^HTTP/[0-9](?:\.[0-9])? ([0-9]{3})(?: [^\r\n]*)?(?:\r*\n|$)`)

// ParseCapture reads a response. curl prints every response on the way to the last one (100
// Continue, a proxy's, redirects, challenges): the last one counts.
func ParseCapture(raw []byte) (Capture, error) {
	raw = trimStart(withoutMeter(trimStart(raw)))
	switch {
	case len(raw) == 0:
		return Capture{}, errEmpty
	case !statusLine.Match(raw) && verboseStatus.Match(raw):
		return parseVerbose(raw)
	}
	return parsePlain(raw)
}

// parsePlain reads what curl -i prints.
func parsePlain(raw []byte) (Capture, error) {
	c, rest, err := parseResponse(raw)
	for err == nil && c.isOnTheWay() && statusLine.Match(rest) {
		c, rest, err = parseResponse(rest)
	}
	c.Body = rest
	return c, err
}

// trimStart removes what editors and terminals put before a text.
func trimStart(raw []byte) []byte {
	return bytes.TrimLeft(bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf")), " \t\r\n")
}

// isOnTheWay reports whether another response may follow. After any other response a status line
// belongs to its body.
func (c Capture) isOnTheWay() bool {
	switch {
	case c.Status < 200, c.Status >= 300 && c.Status <= 399, c.Status == 401, c.Status == 407:
		return true
	}
	return c.Status == 200 && len(c.Header) == 0 // a proxy's response to CONNECT
}

func parseResponse(raw []byte) (c Capture, rest []byte, err error) {
	match := statusLine.FindSubmatchIndex(raw)
	if match == nil {
		return Capture{}, nil, errNoStatus
	}
	c.Status, err = strconv.Atoi(string(raw[match[2]:match[3]]))
	if err != nil {
		return Capture{}, nil, err
	}
	head, rest := splitHead(raw[match[1]:])
	c.Header, err = parseHeader(head)
	if err != nil {
		return Capture{}, nil, err
	}
	return c, rest, nil
}

// parseHeader reads header lines up to an empty line.
func parseHeader(head []byte) (http.Header, error) {
	header, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(head))).ReadMIMEHeader()
	if err == nil {
		return http.Header(header), nil
	}
	for line := range strings.Lines(string(head)) {
		if line = strings.TrimSpace(line); strings.Index(line, ":") < 1 {
			return nil, fmt.Errorf("“%s” is not a header", shorten(line))
		}
	}
	return nil, errors.New("its headers cannot be read")
}

// emptyLine ends the headers.
var emptyLine = regexp.MustCompile(`(?m)^\r*\n`)

// splitHead splits after the empty line that ends the headers. Without an empty line everything is
// headers, and the empty line is added.
func splitHead(raw []byte) (head, body []byte) {
	end := emptyLine.FindIndex(raw)
	if end == nil {
		return append(bytes.Clone(raw), "\r\n\r\n"...), nil
	}
	return raw[:end[1]], raw[end[1]:]
}

// shorten keeps the beginning of a text.
func shorten(text string) string {
	const enough = 80
	if runes := []rune(text); len(runes) > enough {
		return string(runes[:enough]) + "…"
	}
	return text
}
