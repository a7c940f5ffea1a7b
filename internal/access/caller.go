package access

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Caller is what the callers file says about a caller. It belongs to the NAME, unlike rights, which
// belong to a credential.
type Caller struct {
	Name string
	// Share is the caller's weight when calls of several callers wait for Pelcro's quota, 1 unless the
	// file says otherwise.
	Share int
	// Bulk says that all calls of the caller wait behind those of callers without it.
	Bulk bool
	// Sites are the only sites of Pelcro that the caller may use, in ascending order; nil for all.
	Sites []int32
}

// maxShare is the largest weight of a caller.
const maxShare = 1000

// The options of a line, in the order of the documentation.
const (
	shareOption = "share"
	classOption = "class"
	sitesOption = "sites"
)

// parseCaller reads the options after METHODS and returns what is wrong with them.
func parseCaller(name string, options []string) (c Caller, problems []string) {
	c = Caller{Name: name, Share: 1}
	seen := map[string]bool{}
	for _, option := range options {
		key, value, _ := strings.Cut(option, "=")
		if seen[key] {
			problems = append(problems, "it has an option twice; write each of share=, class= and sites= at most once")
			continue
		}
		seen[key] = true
		var problem string
		switch key {
		case shareOption:
			c.Share, problem = parseShare(value)
		case classOption:
			c.Bulk, problem = parseClass(value)
		case sitesOption:
			c.Sites, problem = parseSites(value)
		default:
			problem = "after METHODS only share=NUMBER, class=interactive or class=bulk, and sites=ID[,ID] may follow, in lower case"
		}
		if problem != "" {
			problems = append(problems, problem)
		}
	}
	return c, problems
}

func parseShare(value string) (share int, problem string) {
	share, err := strconv.Atoi(value)
	if err != nil || share < 1 || share > maxShare || !isDigits(value) {
		return 0, fmt.Sprintf("after share= write a whole number from 1 to %d; a caller without it has 1", maxShare)
	}
	return share, ""
}

func parseClass(value string) (bulk bool, problem string) {
	switch value {
	case "interactive":
		return false, ""
	case "bulk":
		return true, ""
	}
	return false, "after class= write interactive or bulk; a caller without it is interactive"
}

func parseSites(value string) (sites []int32, problem string) {
	for text := range strings.SplitSeq(value, ",") {
		id, err := strconv.ParseInt(text, 10, 32)
		if err != nil || id < 1 || !isDigits(text) {
			return nil, "after sites= write site ids with commas and without whitespace, for example sites=12,13; leave it out for all sites"
		}
		sites = append(sites, int32(id))
	}
	slices.Sort(sites)
	return slices.Compact(sites), ""
}

// isDigits reports whether a number is written without a sign.
func isDigits(text string) bool { return strings.Trim(text, "0123456789") == "" }
