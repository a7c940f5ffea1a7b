package explorer

import (
	"strconv"
	"strings"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// line is one line of the gRPC request as JSON, with its violations.
type line struct {
	Depth      int         `json:"depth"`
	Text       string      `json:"text"`
	Violations []violation `json:"violations,omitempty"`
}

type violation struct {
	Field       string `json:"field"`
	Description string `json:"description"`
	Reason      string `json:"reason"`
}

// node is a field of the request. Values are not known, except the id.
type node struct {
	label      string // as printed, with the colon
	value      string
	children   []*node
	list       bool
	violations []violation
}

// skeleton shows the fields of the request that the violations name, nil without violations.
func skeleton(q Question, explanation Explanation) []line {
	root := &node{}
	if q.CustomerID != 0 && namesCustomer(q.Operation) {
		path := "id"
		if q.Operation.Kind == mapping.Update {
			path = "customer.id"
		}
		root.at(path).value = strconv.FormatInt(q.CustomerID, 10)
	}
	violations := explanation.result.Violations()
	for _, v := range violations {
		target := root.at(v.Field)
		target.violations = append(target.violations, violation{v.Field, v.Description, v.Reason.String()})
	}
	if len(violations) == 0 {
		return nil
	}
	return root.lines(nil, 0, "")
}

// at returns the node at a field path, and creates it if it is missing. A text that is not a path is
// a field with that name.
func (n *node) at(path string) *node {
	for path != "" {
		label, index, rest := step(path)
		n.list = n.list || index
		n = n.child(label)
		path = rest
	}
	return n
}

func (n *node) child(label string) *node {
	for _, c := range n.children {
		if c.label == label {
			return c
		}
	}
	c := &node{label: label, value: "…"}
	n.children = append(n.children, c)
	return c
}

// step cuts the first part off a path: a name, ["a map key"] or [0].
func step(path string) (label string, index bool, rest string) {
	if inner, ok := strings.CutPrefix(path, "["); ok {
		if quoted, err := strconv.QuotedPrefix(inner); err == nil && strings.HasPrefix(inner[len(quoted):], "]") {
			return quoted + ": ", false, withoutDot(inner[len(quoted)+1:])
		}
		if number, after, found := strings.Cut(inner, "]"); found && isNumber(number) {
			return "[" + number + "] ", true, withoutDot(after)
		}
		return strconv.Quote(path) + ": ", false, ""
	}
	end := strings.IndexAny(path, ".[")
	if end <= 0 {
		return strconv.Quote(path) + ": ", false, ""
	}
	return strconv.Quote(path[:end]) + ": ", false, withoutDot(path[end:])
}

func withoutDot(rest string) string { return strings.TrimPrefix(rest, ".") }

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 32)
	return err == nil
}

func (n *node) lines(list []line, depth int, comma string) []line {
	if len(n.children) == 0 && depth > 0 {
		return append(list, line{depth, n.label + n.value + comma, n.violations})
	}
	opened, closed := "{", "}"
	if n.list {
		opened, closed = "[", "]"
	}
	list = append(list, line{depth, n.label + opened, n.violations})
	for i, c := range n.children {
		separator := ","
		if i == len(n.children)-1 {
			separator = ""
		}
		list = c.lines(list, depth+1, separator)
	}
	return append(list, line{depth, closed + comma, nil})
}
