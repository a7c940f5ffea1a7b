package explorer

import (
	"bytes"
	"regexp"
)

// curl -v prints to standard error: notes after "* ", the request after "> ", the headers of the
// response after "< ", how many bytes it read ("{ [53 bytes data]") and, without -s, a progress
// meter. The body goes to standard output, as do the headers once more with -i. Where both end up
// in one text, the notes may be before, behind or in the middle of the body.

var (
	verboseStatus = regexp.MustCompile(`(?m)^< HTTP/[0-9](?:\.[0-9])? [0-9]{3}\b`)
	// verboseEnd is the line that ends the headers.
	verboseEnd = regexp.MustCompile(`(?m)^<[ \t\r]*$`)
	note       = regexp.MustCompile(`^(?:[*>] |>\r*$|[{}] \[[0-9]+ bytes data\])`)

	// These may be in the middle of the body.
	byteCount = regexp.MustCompile(`[{}] \[[0-9]+ bytes data\](?:\r*\n|\z)`)
	farewell  = regexp.MustCompile(`\* (?:Connection #[0-9]+ to host|[Cc]losing connection|shutting down connection|` +
		`transfer closed with|end of response with)[^\n]*(?:\n|\z)`)

	// These are notes only at the ends of the body.
	notesBefore = regexp.MustCompile(`\A(?:\* [^\n]*(?:\n|\z))+`)
	notesBehind = regexp.MustCompile(`(?m)(?:^\* [^\n]*(?:\n|\z))+\z`)
	curlError   = regexp.MustCompile(`curl: \([0-9]+\) [^\n]*\n?\z`)

	meterTitle = regexp.MustCompile(`% Total +% Received % Xferd[^\n]*\n[^\n]*Dload[^\n]*(?:\n|\z)`)
	meter      = regexp.MustCompile(`(?:[\r\n] {0,2}[0-9]{1,3}(?: +[0-9.]+[kMGTP]?){7}(?: +(?:--:--:--|[0-9]+:[0-9]{2}:[0-9]{2})){3} +[0-9.]+[kMGTP]?)+\n?`)
)

// withoutMeter removes curl's progress meter, if the text has its title.
func withoutMeter(raw []byte) []byte {
	if !meterTitle.Match(raw) {
		return raw
	}
	return meter.ReplaceAll(meterTitle.ReplaceAll(raw, nil), nil)
}

// parseVerbose reads what curl -v prints. The last response counts.
func parseVerbose(raw []byte) (Capture, error) {
	starts := verboseStatus.FindAllIndex(raw, -1)
	head, body := splitVerbose(raw[starts[len(starts)-1][0]:])
	c, _, err := parseResponse(head)
	if err != nil {
		return Capture{}, err
	}
	c.Body = withoutNotes(body)
	if statusLine.Match(c.Body) { // the headers once more, by -i
		if plain, err := parsePlain(c.Body); err == nil && plain.Status == c.Status {
			return plain, nil
		}
	}
	return c, nil
}

// splitVerbose returns the headers without the arrows, and what follows them. Between the arrows are
// notes and, by -i on a terminal, the headers once more.
func splitVerbose(raw []byte) (head, body []byte) {
	ends := verboseEnd.Match(raw)
	for len(raw) > 0 {
		line, rest, _ := bytes.Cut(raw, []byte("\n"))
		line = bytes.TrimRight(line, "\r")
		header, isHeader := bytes.CutPrefix(line, []byte("< "))
		switch {
		case verboseEnd.Match(line):
			return append(head, "\r\n"...), rest
		case isHeader:
			head = append(append(head, header...), "\r\n"...)
		case !ends && !note.Match(line):
			return append(head, "\r\n"...), raw
		}
		raw = rest
	}
	return append(head, "\r\n"...), nil
}

// withoutNotes removes curl's own lines from the text behind the headers.
func withoutNotes(body []byte) []byte {
	for _, notes := range []*regexp.Regexp{byteCount, farewell, curlError, notesBefore, notesBehind} {
		body = notes.ReplaceAll(body, nil)
	}
	return body
}
