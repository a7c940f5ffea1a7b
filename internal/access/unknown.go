package access

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// lineRights are the METHODs of one line.
type lineRights struct {
	line   int
	rights rights
}

// Unknown returns a sentence for each METHOD of the file that is not among the known ones, which are
// written package.Service/Method. Such a METHOD allows nothing: it is misspelled, or belongs to
// another version of the service. The sentences quote nothing from the file.
func (l *List) Unknown(known []string) []string {
	var sentences []string
	for _, each := range l.lines {
		for _, text := range each.rights.unknown(known) {
			sentences = append(sentences, fmt.Sprintf("line %d: %s", each.line, text))
		}
	}
	return sentences
}

// Unknown is [List.Unknown] for the list in use.
func (c *Callers) Unknown(known []string) []string { return c.list.Load().Unknown(known) }

// UnknownMethods is [List.Unknown] for a list of METHODs separated by commas.
func UnknownMethods(methods string, known []string) []string {
	r, _ := parseRights(methods)
	return r.unknown(known)
}

func (r rights) unknown(known []string) []string {
	var sentences []string
	for i, m := range r {
		candidates, written := known, m.service+"/"+m.method
		switch {
		case m.service == "":
			continue
		case m.method == "":
			candidates, written = wholeServices(known), m.service+"/"+wildcard
		}
		if !slices.Contains(candidates, written) {
			sentences = append(sentences, fmt.Sprintf("METHOD %d does not exist in this version of the service and allows nothing; the closest name is %s",
				i+1, closest(written, candidates)))
		}
	}
	return sentences
}

// wholeServices returns package.Service/* for each service of the methods.
func wholeServices(methods []string) []string {
	var services []string
	for _, name := range methods {
		service, _, _ := strings.Cut(name, "/")
		services = append(services, service+"/"+wildcard)
	}
	slices.Sort(services)
	return slices.Compact(services)
}

// closest returns the candidate that takes the fewest edits.
func closest(name string, candidates []string) string {
	return slices.MinFunc(candidates, func(a, b string) int {
		return levenshtein.ComputeDistance(name, a) - levenshtein.ComputeDistance(name, b)
	})
}
