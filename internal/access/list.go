package access

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

const (
	// maxFile is the size of the largest callers file, in bytes.
	maxFile = 1 << 20
	// maxLines bounds what one call costs, because each looks at every line.
	maxLines = 1000
	// maxProblems is how many problems are told of; a file of another kind would
	// have one on each line.
	maxProblems = 20
)

// byteOrderMark is what editors on Windows begin a file with.
const byteOrderMark = "\ufeff"

// List is who may do what. It does not change, so calls may share it. A nil List
// knows nobody and refuses everything.
type List struct {
	tokens       []tokenGrant
	certificates []certificateGrant
}

// tokenGrant and certificateGrant say what a caller may do who presents the
// credential. Each credential stands once.
type tokenGrant struct {
	hash   digest
	caller string
	rights rights
	line   int
}

type certificateGrant struct {
	identity identity
	caller   string
	rights   rights
	line     int
}

// Parse reads a callers file. Its error joins everything that is wrong, each with
// its line and what to do about it, and repeats nothing of the file: what stands
// in the wrong place may be a secret.
func Parse(file []byte) (*List, error) {
	if len(file) > maxFile {
		return nil, fmt.Errorf("it is larger than %d KiB, which no list of callers is", maxFile>>10)
	}
	p := parser{list: &List{}}
	number := 0
	for text := range strings.Lines(strings.TrimPrefix(string(file), byteOrderMark)) {
		number++
		p.line(number, strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r"))
	}
	switch {
	case p.lines > maxLines:
		p.problems = []error{fmt.Errorf("it has more than %d callers' lines; each call looks at all of them", maxLines)}
	case p.lines == 0 && len(p.problems) == 0:
		p.problems = []error{errors.New("it names no caller, so every call would be refused; pelcro-grpc token NAME METHODS makes a line")}
	case p.omitted > 0:
		p.problems = append(p.problems, fmt.Errorf("%d more problems", p.omitted))
	}
	if len(p.problems) > 0 {
		return nil, errors.Join(p.problems...)
	}
	return p.list, nil
}

// parser builds a list, line by line.
type parser struct {
	list     *List
	lines    int // those that are neither empty nor comments
	problems []error
	omitted  int
}

func (p *parser) problem(line int, text string) {
	if len(p.problems) == maxProblems {
		p.omitted++
		return
	}
	p.problems = append(p.problems, fmt.Errorf("line %d: %s", line, text))
}

func (p *parser) line(number int, text string) {
	// They would make the line look other than it is.
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }) {
		p.problem(number, "it holds a control character; write plain text")
		return
	}
	fields := fieldsOf(text)
	if len(fields) == 0 {
		return
	}
	if p.lines++; p.lines > maxLines {
		return
	}
	for _, field := range fields {
		if strings.HasPrefix(field, publicPrefix) {
			p.problem(number, "it holds a token itself, which whoever reads the file can use; "+
				"make another one with pelcro-grpc token NAME METHODS and add the line that it prints, which has the hash only")
			return
		}
	}
	if len(fields) != 3 {
		p.problem(number, "a line has three parts, NAME CREDENTIAL METHODS, with blanks between them and none between METHODs")
		return
	}
	caller, credential := fields[0], fields[1]
	before := len(p.problems) + p.omitted
	if text := checkName(caller); text != "" {
		p.problem(number, text)
	}
	rights, problems := parseRights(fields[2])
	for _, text := range problems {
		p.problem(number, text)
	}
	add := p.certificate
	if strings.HasPrefix(credential, hashPrefix) {
		add = p.token
	}
	add(number, caller, credential, rights, len(p.problems)+p.omitted == before)
}

// token adds what a line with a hash says. A line with other problems is not
// compared with the rest.
func (p *parser) token(line int, caller, credential string, methods rights, whole bool) {
	hash, text := parseHash(credential)
	if text != "" {
		p.problem(line, text)
		return
	}
	if !whole {
		return
	}
	if i := p.list.tokenIndex(&hash); i >= 0 {
		known := &p.list.tokens[i]
		if known.caller != caller {
			p.problem(line, fmt.Sprintf("it has the hash of line %d under another NAME; a token belongs to one caller, so make another one with pelcro-grpc token", known.line))
		}
		known.rights = append(known.rights, methods...)
		return
	}
	p.list.tokens = append(p.list.tokens, tokenGrant{hash, caller, methods, line})
}

// certificate adds what a line with a name in certificates says.
func (p *parser) certificate(line int, caller, credential string, methods rights, whole bool) {
	identity, text := parseIdentity(credential)
	if text != "" {
		p.problem(line, text)
		return
	}
	if !whole {
		return
	}
	for i := range p.list.certificates {
		known := &p.list.certificates[i]
		if known.identity != identity {
			continue
		}
		if known.caller != caller {
			p.problem(line, fmt.Sprintf("it has the certificate of line %d under another NAME; a certificate belongs to one caller", known.line))
		}
		known.rights = append(known.rights, methods...)
		return
	}
	p.list.certificates = append(p.list.certificates, certificateGrant{identity, caller, methods, line})
}

// fieldsOf returns the parts of a line before its comment. Only blanks and tabs
// separate: other spaces look like them and are part of a wrong word.
func fieldsOf(line string) []string {
	fields := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' })
	for i, field := range fields {
		if strings.HasPrefix(field, "#") {
			return fields[:i]
		}
	}
	return fields
}

// maxName is the length of the longest name, in bytes.
const maxName = 64

// checkName returns what is wrong with a caller's name, if anything.
func checkName(name string) string {
	if name == "" || len(name) > maxName || strings.ContainsFunc(name, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-", r)
	}) {
		return fmt.Sprintf("NAME must be 1 to %d letters A-Z a-z, digits or the characters . _ -", maxName)
	}
	return ""
}
