package promises_test

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// caller is a kind of caller of every method.
type caller struct {
	name    string
	headers []string
	own     *testkit.Certificate
	// known means that the callers file names the caller; cut that it gets no connection where
	// certificates are required.
	known, cut bool
	may        func(method string) bool
}

func (c caller) expect(method string, mutual bool) outcome {
	exists := requests[method] != nil
	switch {
	case c.cut && mutual:
		return noConnection
	case strings.HasPrefix(method, healthPath) && exists:
		return succeeded
	case strings.HasPrefix(method, healthPath):
		return unknownMethod
	case !c.known:
		return unauthenticated
	case !c.may(method):
		return forbidden
	case !exists:
		return unknownMethod
	}
	return succeeded
}

func mayGet(method string) bool { return method == customersPath+"GetCustomer" }

// mayAll is what * allows: every valid method name.
func mayAll(method string) bool {
	service, name, _ := strings.Cut(strings.TrimPrefix(method, "/"), "/")
	return strings.Contains(service, ".") && name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}

// Each kind of caller calls every method of every service, and methods that do not exist, over each
// transport. A call that no line of the callers file allows is rejected with the right code and
// reason, and only allowed calls reach Pelcro. internal/access has every form of a credential.
func TestR18EveryMethod(t *testing.T) {
	parallelUnlessSoaking(t)
	ours, theirs := testkit.NewAuthority(t, "ours"), testkit.NewAuthority(t, "theirs")
	folder := t.TempDir()
	reader, readerLine := testkit.Caller("reader", "pelcro.v1.CustomerService/GetCustomer")
	operator, operatorLine := testkit.Caller("operator", "*")
	unknown, _ := testkit.Caller("unknown", "*")
	putInPlace(t, folder, pair(t, testkit.Issue(t, ours, testkit.ForHost)))
	putInPlace(t, folder, trusted(theirs))
	putInPlace(t, folder, map[string]string{callers: readerLine + operatorLine +
		"crm " + crm + " pelcro.v1.CustomerService/GetCustomer\nroot spiffe://example.org/root *\n"})
	bearer := func(token string) []string { return []string{"authorization", "Bearer " + token} }
	anonymous, root := testkit.Issue(t, theirs), testkit.Issue(t, theirs, withURI("spiffe://example.org/root"))
	tokens := []caller{
		{name: "no token", own: anonymous},
		{name: "an unknown token", headers: bearer(unknown), own: anonymous},
		{name: "a token twice", headers: append(bearer(operator), bearer(operator)...), own: anonymous},
		{name: "the reader", headers: bearer(reader), own: anonymous, known: true, may: mayGet},
		{name: "the operator", headers: bearer(operator), own: anonymous, known: true, may: mayAll},
		{name: "the operator without a certificate", headers: bearer(operator), known: true, may: mayAll, cut: true},
	}
	certificates := []caller{
		{name: "a SPIFFE ID", own: testkit.Issue(t, theirs, withURI(crm)), known: true, may: mayGet},
		{name: "all rights", own: root, known: true, may: mayAll},
		{name: "an unknown SPIFFE ID", own: testkit.Issue(t, theirs, withURI(crm+"2"))},
		{name: "an unknown token and a good certificate", headers: bearer(unknown), own: root},
		{name: "a token with fewer rights than the certificate", headers: bearer(reader), own: root, known: true, may: mayGet},
		{name: "a certificate of another CA", own: testkit.Issue(t, ours, withURI(crm)), cut: true},
	}
	for _, way := range []struct {
		name           string
		flags          []string
		secure, mutual bool
		callers        []caller
	}{
		{"plain text", nil, false, false, tokens},
		{"TLS", tlsFlags(folder), true, false, append(slices.Clone(tokens), caller{name: "a certificate that was not asked for", own: root})},
		{"mTLS", append(tlsFlags(folder), clientCAFlag(folder)), true, true, slices.Concat(tokens, certificates)},
	} {
		t.Run(way.name, func(t *testing.T) {
			parallelUnlessSoaking(t)
			pelcro, url := startKeyUpstream(t)
			p := run(t, url, append(way.flags, callersFlag(folder), "--reflection", withKey)...)
			reached := 0
			for _, c := range way.callers {
				conn := gatewaytest.Dial(t, p.Address)
				if way.secure {
					conn = dialTLS(t, p, ours, c.own)
				}
				if c.name == "the operator" {
					mustHaveMethods(t, conn, operator)
				}
				for _, method := range slices.Concat(slices.Sorted(maps.Keys(requests)), unknownMethods, openUnknown) {
					want := c.expect(method, way.mutual)
					if got := invoke(t, conn, method, c.headers...); got != want {
						t.Errorf("%s calls %s: %v, want %v", c.name, method, got, want)
					}
					if want == succeeded && strings.HasPrefix(method, customersPath) {
						reached++
					}
				}
			}
			if uses := pelcro.uses("key"); uses != reached {
				t.Errorf("%d calls reached Pelcro, want %d", uses, reached)
			}
			for _, token := range []string{reader, operator, unknown} {
				if strings.Contains(p.Log.String(), token) {
					t.Error("a token is in the log")
				}
			}
		})
	}
}

// mustHaveMethods checks that requests has every method of the service, as reflection lists them.
func mustHaveMethods(t *testing.T, conn *grpc.ClientConn, token string) {
	t.Helper()
	if has, want := methodsOf(t, conn, token), slices.Sorted(maps.Keys(requests)); !slices.Equal(has, want) {
		t.Errorf("the service has %q, the table %q", has, want)
	}
}

// Without a callers file every call is allowed; that is possible only on loopback.
func TestR18Open(t *testing.T) {
	parallelUnlessSoaking(t)
	_, url := startKeyUpstream(t)
	conn := gatewaytest.Dial(t, run(t, url, withKey).Address)
	for method := range requests {
		if got := invoke(t, conn, method); got != succeeded {
			t.Errorf("%s: %v", method, got)
		}
	}
	for _, method := range append(unknownMethods, openUnknown...) {
		if got := invoke(t, conn, method); got != unknownMethod {
			t.Errorf("%s: %v", method, got)
		}
	}
}

// Changes of the callers file apply to open connections.
func TestR18ChangedLines(t *testing.T) {
	parallelUnlessSoaking(t)
	_, url := startKeyUpstream(t)
	folder := t.TempDir()
	token, line := testkit.Caller("crm", "*")
	putInPlace(t, folder, map[string]string{callers: line})
	p := run(t, url, callersFlag(folder), withKey)
	conn := gatewaytest.Dial(t, p.Address)
	const method = customersPath + "GetCustomer"
	call := func() outcome { return invoke(t, conn, method, "authorization", "Bearer "+token) }
	if got := call(); got != succeeded {
		t.Errorf("before the change: %v", got)
	}
	testkit.Replace(t, filepath.Join(folder, callers), strings.Replace(line, "*", "pelcro.v1.CustomerService/DeleteCustomer", 1))
	p.Log.Next(t, "reloaded")
	if got := call(); got != forbidden {
		t.Errorf("after the change: %v", got)
	}
}
