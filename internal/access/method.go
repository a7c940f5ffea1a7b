package access

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// rights are what one credential may do.
type rights []methods

// methods are one METHOD of the file; an empty text means any.
type methods struct{ service, method string }

func (r rights) allow(service, method string) bool {
	for _, m := range r {
		if (m.service == "" || m.service == service) && (m.method == "" || m.method == method) {
			return true
		}
	}
	return false
}

const wildcard = "*"

// parseRights reads METHOD[,METHOD] and returns what is wrong with it.
func parseRights(list string) (r rights, problems []string) {
	number := 0
	for text := range strings.SplitSeq(list, ",") {
		number++
		m, ok := parseMethods(text)
		if !ok {
			problems = append(problems, fmt.Sprintf("METHOD %d must be *, package.Service/* or package.Service/Method "+
				"(for example pelcro.v1.CustomerService/GetCustomer, without a leading slash)", number))
			continue
		}
		r = append(r, m)
	}
	return r, problems
}

func parseMethods(text string) (methods, bool) {
	if text == wildcard {
		return methods{}, true
	}
	service, method, found := strings.Cut(text, "/")
	if !found || !isService(service) {
		return methods{}, false
	}
	if method == wildcard {
		return methods{service: service}, true
	}
	return methods{service, method}, protoreflect.Name(method).IsValid()
}

// splitMethod splits "/package.Service/Method". Any other form is rejected: grpc-go once served a
// path without its slash, which rules written for the path with it did not match (CVE-2026-33186).
func splitMethod(full string) (service, method string, ok bool) {
	rest, ok := strings.CutPrefix(full, "/")
	if !ok {
		return "", "", false
	}
	service, method, _ = strings.Cut(rest, "/")
	return service, method, isService(service) && protoreflect.Name(method).IsValid()
}

// isService reports whether the text is a protobuf service with its package. One without its
// package is a mistake that would match nothing.
func isService(text string) bool {
	return strings.Contains(text, ".") && protoreflect.FullName(text).IsValid()
}
