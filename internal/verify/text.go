package verify

import (
	"fmt"
	"io"
	"strings"
)

// width is the number of columns of a terminal.
const width = 80

// The colours, by ANSI's sequences; empty without colour.
type palette struct{ good, bad, worse, reset string }

var colours = palette{good: "\x1b[32m", bad: "\x1b[33m", worse: "\x1b[31m", reset: "\x1b[0m"}

// of returns the colour of a state.
func (p palette) of(s State) string {
	switch s {
	case Works:
		return p.good
	case Limited:
		return p.bad
	case Fails:
		return p.worse
	}
	return ""
}

// WriteText writes the report for people, at most 80 columns wide.
func (r *Report) WriteText(w io.Writer, coloured bool) {
	var p palette
	if coloured {
		p = colours
	}
	out := &writer{w: w, palette: p}
	fmt.Fprintf(w, "%s, site %d\n", r.Target, r.SiteID)
	for i, e := range r.Requests {
		out.exchange(i+1, e)
	}
	if r.Aborted != "" {
		fmt.Fprintln(w)
		out.lines(p.worse, "", "Not everything could be asked. "+r.Aborted)
		return
	}
	fmt.Fprintln(w)
	for _, f := range r.Features {
		out.feature(f)
	}
	differences := 0
	for _, e := range r.Requests {
		differences += len(e.Differences)
	}
	result, colour := fmt.Sprintf("%d differences", differences), p.bad
	switch differences {
	case 0:
		result, colour = "everything is as expected", p.good
	case 1:
		result = "1 difference"
	}
	fmt.Fprintf(w, "\n%d requests, %s%s%s\n", len(r.Requests), colour, result, out.end(colour))
}

type writer struct {
	w io.Writer
	palette
}

// end ends a colour.
func (w *writer) end(colour string) string {
	if colour == "" {
		return ""
	}
	return w.reset
}

// exchange writes a request and its response.
func (w *writer) exchange(number int, e *Exchange) {
	verdict, colour := "as expected", w.good
	if !e.Expected {
		verdict, colour = "DIFFERENT", w.bad
	}
	fmt.Fprintf(w.w, "\n%2d  %s: %s%s%s\n", number, e.Name, colour, verdict, w.end(colour))
	const indent = "    "
	w.lines("", indent, e.Request)
	response := "no response"
	if e.HTTPStatus != 0 {
		response = fmt.Sprintf("HTTP %d", e.HTTPStatus)
	}
	if e.Origin != "" {
		response += " of " + string(e.Origin)
	}
	w.lines("", indent, strings.TrimSpace(response+" -> "+e.Code+" "+e.Reason))
	for _, v := range e.Violations {
		w.lines("", indent, fmt.Sprintf("%s: %s (%s)", v.Field, v.Reason, v.Description))
	}
	var limits []string
	for _, name := range rateLimitHeaders {
		if value, found := e.RateLimit[name]; found {
			limits = append(limits, name+": "+printable(value))
		}
	}
	if limits != nil {
		w.lines("", indent, strings.Join(limits, ", "))
	}
	for _, d := range e.Differences {
		w.lines(w.bad, indent, "! "+d.Text)
	}
}

// feature writes a verdict: its name, its state and its notes.
func (w *writer) feature(f Feature) {
	colour := w.of(f.State)
	fmt.Fprintf(w.w, "%-14s%s%s%s\n", f.Name, colour, f.State, w.end(colour))
	for _, note := range f.Notes {
		w.lines("", strings.Repeat(" ", 14), note)
	}
}

// lines writes a text in as many lines as it needs, each indented.
func (w *writer) lines(colour, indent, text string) {
	for _, line := range wrap(printable(text), width-len(indent)) {
		fmt.Fprintf(w.w, "%s%s%s%s\n", indent, colour, line, w.end(colour))
	}
}

// printable replaces what could control a terminal: texts are Pelcro's.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r <= 0x9f {
			return ' '
		}
		return r
	}, text)
}

// wrap breaks a text into lines of at most so many characters: at a space if possible, otherwise
// after a separator of URLs, otherwise anywhere.
func wrap(text string, most int) (lines []string) {
	rest := []rune(text)
	for len(rest) > most {
		if space := lastOf(rest[:most+1], " "); space > 0 {
			lines, rest = append(lines, string(rest[:space])), rest[space+1:]
			continue
		}
		end := lastOf(rest[:most], "&?,/") + 1
		if end == 1 {
			end = most
		}
		lines, rest = append(lines, string(rest[:end])), rest[end:]
	}
	return append(lines, string(rest))
}

// lastOf returns the position of the last of the separators, 0 for none but the first character.
func lastOf(text []rune, separators string) int {
	for i := len(text) - 1; i > 0; i-- {
		if strings.ContainsRune(separators, text[i]) {
			return i
		}
	}
	return 0
}
