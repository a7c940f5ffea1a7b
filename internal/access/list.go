package access

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"unicode"
)

const (
	// maxFile is the size of the largest callers file, in bytes.
	maxFile = 1 << 20
	// maxProblems is how many problems are reported; a file of another kind would have one on each
	// line.
	maxProblems = 20
)

// byteOrderMark is what editors on Windows begin a file with.
const byteOrderMark = "\ufeff"

// List says who may do what. It does not change, so calls may share it. A nil List knows no caller
// and rejects every call.
type List struct {
	tokens       map[digest]*grant
	certificates map[identity]*grant
	lines        []lineRights
	callers      map[string]*caller // by name
}

// caller is a caller, and the first line with its name.
type caller struct {
	Caller

	line int
}

// grant says what a caller may do who presents the credential.
type grant struct {
	caller *caller
	rights rights
	line   int // the first one with the credential
}

// Parse reads a callers file. Its error joins every problem, each with its line and its remedy, and
// quotes nothing from the file: what is in the wrong place may be a secret.
func Parse(file []byte) (*List, error) {
	if len(file) > maxFile {
		return nil, fmt.Errorf("it is larger than %d KiB, so it is not a list of callers", maxFile>>10)
	}
	p := parser{list: &List{tokens: map[digest]*grant{}, certificates: map[identity]*grant{}, callers: map[string]*caller{}}}
	number := 0
	for text := range strings.Lines(strings.TrimPrefix(string(file), byteOrderMark)) {
		number++
		p.line(number, strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r"))
	}
	switch {
	case len(p.list.tokens) == 0 && len(p.list.certificates) == 0 && len(p.problems) == 0:
		p.problems = []error{errors.New("it names no caller, so every call would be rejected; pelcro-grpc token NAME METHODS makes a line")}
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
	// Control characters would make the line look different from what it is.
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }) {
		p.problem(number, "it holds a control character; write plain text")
		return
	}
	fields := fieldsOf(text)
	if len(fields) == 0 {
		return
	}
	for _, field := range fields {
		if strings.HasPrefix(field, publicPrefix) {
			p.problem(number, "it holds a token itself, which everyone who reads the file can use; "+
				"make another one with pelcro-grpc token NAME METHODS and add the line that it prints, which has the hash only")
			return
		}
	}
	if len(fields) < 3 || len(fields) > 3 && !strings.Contains(fields[3], "=") {
		p.problem(number, "a line has three parts, NAME CREDENTIAL METHODS, with whitespace between them and none between METHODs")
		return
	}
	credential := fields[1]
	before := len(p.problems) + p.omitted
	if text := checkName(fields[0]); text != "" {
		p.problem(number, text)
	}
	rights, problems := parseRights(fields[2])
	options, wrong := parseCaller(fields[0], fields[3:])
	for _, text := range append(problems, wrong...) {
		p.problem(number, text)
	}
	var (
		hash    digest
		id      identity
		problem string
	)
	if strings.HasPrefix(credential, hashPrefix) {
		hash, problem = parseHash(credential)
	} else {
		id, problem = parseIdentity(credential)
	}
	if problem != "" {
		p.problem(number, problem)
	}
	// A line with problems is not compared with the others.
	if len(p.problems)+p.omitted > before {
		return
	}
	named := p.named(number, options)
	if named == nil {
		return
	}
	added := grant{named, rights, number}
	if id == (identity{}) {
		if other := add(p.list.tokens, hash, added); other != 0 {
			p.problem(number, fmt.Sprintf("it has the hash of line %d under another NAME; a token belongs to one caller, so make another one with pelcro-grpc token", other))
		}
	} else if other := add(p.list.certificates, id, added); other != 0 {
		p.problem(number, fmt.Sprintf("it has the certificate of line %d under another NAME; a certificate belongs to one caller", other))
	}
	p.list.lines = append(p.list.lines, lineRights{number, rights})
}

// named returns the caller of a line, nil if the line contradicts an earlier one.
func (p *parser) named(number int, options Caller) *caller {
	known := p.list.callers[options.Name]
	switch {
	case known == nil:
		known = &caller{options, number}
		p.list.callers[options.Name] = known
	case !reflect.DeepEqual(known.Caller, options):
		p.problem(number, fmt.Sprintf("share=, class= and sites= belong to the NAME and differ from line %d; write the same ones in each of its lines", known.line))
		return nil
	}
	return known
}

// add adds a line's grant. A credential that another caller has is not added; the line of that
// caller is returned then, otherwise 0.
func add[K comparable](grants map[K]*grant, credential K, added grant) (other int) {
	known := grants[credential]
	switch {
	case known == nil:
		grants[credential] = &added
	case known.caller != added.caller:
		return known.line
	default:
		known.rights = append(known.rights, added.rights...)
	}
	return 0
}

// fieldsOf returns the parts of a line before its comment. Only spaces and tabs separate: other
// whitespace looks like them and makes a word invalid.
func fieldsOf(line string) []string {
	fields := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' })
	for i, field := range fields {
		if strings.HasPrefix(field, "#") {
			return fields[:i]
		}
	}
	return fields
}

var callerName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// checkName returns what is wrong with a caller's name, if anything.
func checkName(name string) string {
	if !callerName.MatchString(name) {
		return "NAME must be 1 to 64 letters A-Z a-z, digits or the characters . _ -"
	}
	return ""
}
