package mapping

import (
	"slices"
	"strconv"
	"strings"
)

// fieldPaths maps the keys of Pelcro's field errors to paths in the gRPC request. Pelcro separates the
// parts of a key by dots; list indexes are parts, too, and start at zero as in google.rpc.BadRequest.
type fieldPaths struct {
	// Parent is the field of the request that holds the resource, and the parent of all keys that
	// Names does not have; empty for the request itself.
	Parent string
	// Names maps the first part of a key to its path in the request.
	Names map[string]string
	// Maps are the first parts of maps: everything after them is one map key.
	Maps []string
	// Prefix begins the keys of which all have the path PrefixPath; empty for none.
	Prefix, PrefixPath string
}

// upstreamPath is path for a key as it came. If the key looks sensitive, only its first segment is
// kept. Keys inside a map come from the caller and are kept.
func (f fieldPaths) upstreamPath(key string) string {
	key = clean(key, maxFieldPath+cutMargin)
	if !slices.Contains(f.Maps, first(key)) && !isPublic(key) {
		if key = first(key); !isPublic(key) {
			key = ""
		}
	}
	return clean(f.path(key), maxFieldPath)
}

// path returns the path of an upstream key in the request. An unknown key stays as it is, under
// Parent. The key must be clean text.
func (f fieldPaths) path(key string) string {
	if f.hasPrefix(key) {
		return f.PrefixPath
	}
	key = f.withoutParent(key)
	first, rest, nested := strings.Cut(key, ".")
	path, known := f.Names[first]
	if next, _, _ := strings.Cut(rest, "."); nested && !isIndex(next) {
		known = false // a part of something else by that name
	}
	switch {
	case known:
	case f.Parent == "":
		path = first
	case first == "":
		path = f.Parent
	default:
		path = f.Parent + "." + first
	}
	if !nested {
		return path
	}
	if slices.Contains(f.Maps, first) {
		return path + "[" + strconv.Quote(rest) + "]"
	}
	var b strings.Builder
	b.WriteString(path)
	for part := range strings.SplitSeq(rest, ".") {
		if isIndex(part) {
			b.WriteString("[" + part + "]")
		} else {
			b.WriteString("." + part)
		}
	}
	return b.String()
}

// has reports whether path knows the key.
func (f fieldPaths) has(key string) bool {
	first, rest, nested := strings.Cut(f.withoutParent(key), ".")
	next, _, _ := strings.Cut(rest, ".")
	_, known := f.Names[first]
	return f.hasPrefix(key) || known && (!nested || isIndex(next) || slices.Contains(f.Maps, first))
}

func (f fieldPaths) hasPrefix(key string) bool {
	return f.Prefix != "" && strings.HasPrefix(key, f.Prefix)
}

// withoutParent returns the key without the field that holds the resource.
func (f fieldPaths) withoutParent(key string) string {
	rest, found := strings.CutPrefix(key, f.Parent)
	if found && f.Parent != "" && strings.HasPrefix(rest, ".") {
		return rest[1:]
	}
	return key
}

func isIndex(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
