package main

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

// capture is an HTTP reply as curl -i prints it: the body is decoded already,
// whatever the headers say of its length and encoding.
type capture struct {
	status int
	header http.Header
	body   []byte
}

// statusLine is the first line of a reply: HTTP/1.1 400 Bad Request, HTTP/2 400.
var statusLine = regexp.MustCompile(`^HTTP/[0-9](?:\.[0-9])? ([0-9]{3})(?: [^\r\n]*)?(?:\r?\n|$)`)

// parseCapture reads a reply. curl prints every reply that it got on the way
// (100 Continue, a proxy's, redirects, challenges), so the last one counts.
func parseCapture(raw []byte) (capture, error) {
	raw = bytes.TrimLeft(bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf")), " \t\r\n")
	if len(raw) == 0 {
		return capture{}, errors.New("it is empty")
	}
	c, rest, err := parseReply(raw)
	for err == nil && c.isOnTheWay() && statusLine.Match(rest) {
		c, rest, err = parseReply(rest)
	}
	c.body = rest
	return c, err
}

// isOnTheWay reports whether another reply may follow: the body of any other may
// begin with a status line of its own.
func (c capture) isOnTheWay() bool {
	switch {
	case c.status < 200, c.status >= 300 && c.status <= 399, c.status == 401, c.status == 407:
		return true
	}
	return c.status == 200 && len(c.header) == 0 // a proxy's answer to CONNECT
}

func parseReply(raw []byte) (c capture, rest []byte, err error) {
	match := statusLine.FindSubmatchIndex(raw)
	if match == nil {
		return capture{}, nil, errors.New("the first line is no status line like HTTP/1.1 400 Bad Request")
	}
	c.status, err = strconv.Atoi(string(raw[match[2]:match[3]]))
	if err != nil {
		return capture{}, nil, err
	}
	head, rest := splitHead(raw[match[1]:])
	header, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(head))).ReadMIMEHeader()
	if err != nil {
		return capture{}, nil, fmt.Errorf("its headers cannot be read (%w)", err)
	}
	c.header = http.Header(header)
	return c, rest, nil
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
