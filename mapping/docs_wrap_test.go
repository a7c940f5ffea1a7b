package mapping

import (
	"strings"
	"unicode/utf8"
)

// wrapped returns Markdown with paragraphs and list items of at most 100 columns. Tables, code,
// headings and comments stay as they are.
func wrapped(markdown string) string {
	var out, paragraph strings.Builder
	isCode := false
	for line := range strings.Lines(markdown) {
		isFence := strings.HasPrefix(line, "```")
		isCode = isCode != isFence
		isProse := !isCode && !isFence && strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "|") &&
			!strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "<!--")
		if !isProse || strings.HasPrefix(line, "- ") {
			out.WriteString(fill(paragraph.String()))
			paragraph.Reset()
		}
		if isProse {
			paragraph.WriteString(line)
		} else {
			out.WriteString(line)
		}
	}
	return out.String() + fill(paragraph.String())
}

// fill breaks a paragraph between words. What follows the first line of a list item is indented.
func fill(paragraph string) string {
	const columns = 100
	indent := "\n"
	if strings.HasPrefix(paragraph, "- ") {
		indent = "\n  "
	}
	var out strings.Builder
	used := 0
	for word := range strings.FieldsSeq(paragraph) {
		size := utf8.RuneCountInString(word)
		switch {
		case used == 0:
		case used+1+size > columns:
			out.WriteString(indent)
			used = len(indent) - 1
		default:
			out.WriteByte(' ')
			used++
		}
		out.WriteString(word)
		used += size
	}
	if used > 0 {
		out.WriteByte('\n')
	}
	return out.String()
}
