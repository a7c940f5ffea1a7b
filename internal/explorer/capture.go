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
)

// Capture is an HTTP reply as curl -i prints it: the body is decoded already,
// whatever the headers say of its length and encoding.
type Capture struct {
	Status int
	Header http.Header
	Body   []byte
}

// statusLine is the first line of a reply: HTTP/1.1 400 Bad Request, HTTP/2 400.
var statusLine = regexp.MustCompile(`^HTTP/[0-9](?:\.[0-9])? ([0-9]{3})(?: [^\r\n]*)?(?:\r?\n|$)`)

// ParseCapture reads a reply. curl prints every reply that it got on the way
// (100 Continue, a proxy's, redirects, challenges), so the last one counts.
func ParseCapture(raw []byte) (Capture, error) {
	raw = trimStart(raw)
	if len(raw) == 0 {
		return Capture{}, errors.New("it is empty")
	}
	c, rest, err := parseReply(raw)
	for err == nil && c.isOnTheWay() && statusLine.Match(rest) {
		c, rest, err = parseReply(rest)
	}
	c.Body = rest
	return c, err
}

// trimStart removes what editors and terminals put before a text.
func trimStart(raw []byte) []byte {
	return bytes.TrimLeft(bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf")), " \t\r\n")
}

// isOnTheWay reports whether another reply may follow: the body of any other may
// begin with a status line of its own.
func (c Capture) isOnTheWay() bool {
	switch {
	case c.Status < 200, c.Status >= 300 && c.Status <= 399, c.Status == 401, c.Status == 407:
		return true
	}
	return c.Status == 200 && len(c.Header) == 0 // a proxy's answer to CONNECT
}

func parseReply(raw []byte) (c Capture, rest []byte, err error) {
	match := statusLine.FindSubmatchIndex(raw)
	if match == nil {
		return Capture{}, nil, errors.New("the first line is no status line like HTTP/1.1 400 Bad Request")
	}
	c.Status, err = strconv.Atoi(string(raw[match[2]:match[3]]))
	if err != nil {
		return Capture{}, nil, err
	}
	head, rest := splitHead(raw[match[1]:])
	c.Header, err = parseHeader(head)
	if err != nil {
		return Capture{}, nil, fmt.Errorf("its headers cannot be read (%w)", err)
	}
	return c, rest, nil
}

// parseHeader reads header lines; an empty line ends them.
func parseHeader(head []byte) (http.Header, error) {
	header, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(head))).ReadMIMEHeader()
	return http.Header(header), err
}

// splitHead splits after the empty line that ends the headers; without one
// everything is headers, with the empty line added.
func splitHead(raw []byte) (head, body []byte) {
	for start := 0; ; {
		end := bytes.IndexByte(raw[start:], '\n')
		if end < 0 {
			return append(bytes.Clone(raw), "\r\n\r\n"...), nil
		}
		line := bytes.TrimRight(raw[start:start+end], "\r")
		start += end + 1
		if len(line) == 0 {
			return raw[:start], raw[start:]
		}
	}
}
