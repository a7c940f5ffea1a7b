package promises_test

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
)

// Every kind of caller calls every method of every service, and methods that do not exist,
// over each transport. A call that no line of the callers file allows is rejected with the
// right code and reason, and only allowed calls reach Pelcro.
func TestR18Matrix(t *testing.T) {
	ours, theirs := authority(t, "ours"), authority(t, "theirs")
	folder := t.TempDir()
	readerToken, reader := newToken("reader", "pelcro.v1.CustomerService/GetCustomer,pelcro.v1.CustomerService/ListCustomers")
	writerToken, writer := newToken("writer", "pelcro.v1.CustomerService/*")
	operatorToken, operator := newToken("operator", "*")
	proberToken, prober := newToken("prober", "grpc.reflection.v1.ServerReflection/*")
	unknownToken, _ := newToken("unknown", "*")
	putInPlace(t, folder, issue(t, ours, forServer).pair(t))
	putInPlace(t, folder, trusted(theirs))
	putInPlace(t, folder, map[string]string{callers: reader + writer + operator + prober +
		"crm spiffe://example.org/crm pelcro.v1.CustomerService/GetCustomer\n" +
		"crm spiffe://example.org/crm pelcro.v1.CustomerService/ListCustomers\n" +
		"batch dns:batch.example.org pelcro.v1.CustomerService/*\n" +
		"root spiffe://example.org/root *\n" +
		"twin dns:crm.example.org pelcro.v1.CustomerService/*\n"})

	bearer := func(token string) []string { return []string{"authorization", "Bearer " + token} }
	anonymous := issue(t, theirs, named("anonymous"))
	byToken := []callerCase{
		{name: "no token"},
		{name: "an unknown token", headers: bearer(unknownToken)},
		{name: "a token with one more letter", headers: bearer(operatorToken + "0")},
		{name: "a token with one letter less", headers: bearer(operatorToken[:len(operatorToken)-1])},
		{name: "a token in capitals", headers: bearer(strings.ToUpper(operatorToken))},
		{name: "a token with a space after it", headers: bearer(operatorToken + " ")},
		{name: "the hash of a token", headers: bearer(strings.TrimPrefix(strings.Fields(operator)[1], "sha256:"))},
		{name: "the name of a caller", headers: bearer("operator")},
		{name: "a token without its scheme", headers: []string{"authorization", operatorToken}},
		{name: "a token of another scheme", headers: []string{"authorization", "Basic " + operatorToken}},
		{name: "a scheme without a token", headers: []string{"authorization", "Bearer"}},
		{name: "a scheme and a space", headers: []string{"authorization", "Bearer "}},
		{name: "an empty header", headers: []string{"authorization", ""}},
		{name: "a token twice", headers: append(bearer(operatorToken), bearer(operatorToken)...)},
		{name: "two tokens", headers: append(bearer(readerToken), bearer(operatorToken)...)},
		{name: "an empty header before the token", headers: append([]string{"authorization", ""}, bearer(operatorToken)...)},
		{name: "two tokens in one header", headers: bearer(readerToken + ", Bearer " + operatorToken)},
		{name: "a token as binary metadata", headers: []string{"authorization-bin", "Bearer " + operatorToken}},
		{name: "a token in the header of --forward-credentials", headers: []string{"x-pelcro-grpc-token", operatorToken}},
		{name: "a token in other headers", headers: []string{
			"proxy-authorization", "Bearer " + operatorToken, "cookie", "authorization=Bearer " + operatorToken,
			"x-forwarded-client-cert", "URI=spiffe://example.org/root", "x-forwarded-for", "127.0.0.1", "caller", "operator",
		}},
		{name: "the reader", headers: bearer(readerToken), known: true, may: mayRead},
		{name: "the reader, in another case", headers: []string{"Authorization", "bEARER  " + readerToken}, known: true, may: mayRead},
		{name: "the writer", headers: bearer(writerToken), known: true, may: mayCustomers},
		{name: "the operator", headers: bearer(operatorToken), known: true, may: mayAll},
		{name: "the prober", headers: bearer(proberToken), known: true, may: func(method string) bool {
			name, ok := strings.CutPrefix(method, reflectionPath)
			return ok && isName(name)
		}},
	}
	byCertificate := []callerCase{
		{name: "a SPIFFE ID", own: issue(t, theirs, withURI("spiffe://example.org/crm")), known: true, may: mayRead},
		{name: "a host name", own: issue(t, theirs, withDNS("Batch.example.org")), known: true, may: mayCustomers},
		{name: "one of several host names", own: issue(t, theirs, withDNS("x.example.org", "batch.example.org")), known: true, may: mayCustomers},
		{name: "another SPIFFE ID", own: issue(t, theirs, withURI("spiffe://example.org/crm2"))},
		{name: "a longer SPIFFE ID", own: issue(t, theirs, withURI("spiffe://example.org/crm/root"))},
		{name: "another trust domain", own: issue(t, theirs, withURI("spiffe://example.com/root"))},
		{name: "a SPIFFE ID with a port", own: issue(t, theirs, withURI("spiffe://example.org:1/root"))},
		{name: "a SPIFFE ID with a query", own: issue(t, theirs, withURI("spiffe://example.org/root?x"))},
		{name: "another scheme", own: issue(t, theirs, withURI("https://example.org/root"))},
		{name: "two SPIFFE IDs", own: issue(t, theirs, withURI("spiffe://example.org/root", "spiffe://example.org/crm"))},
		{name: "another host name", own: issue(t, theirs, withDNS("example.org"))},
		{name: "a wildcard", own: issue(t, theirs, withDNS("*.example.org"))},
		{name: "a common name", own: issue(t, theirs, named("batch.example.org"))},
		{name: "the common name of a caller", own: issue(t, theirs, named("operator"))},
		{name: "the names of two callers", own: issue(t, theirs, withDNS("batch.example.org"), withURI("spiffe://example.org/root"))},
		{name: "a token and a certificate with more rights", headers: bearer(readerToken),
			own: issue(t, theirs, withURI("spiffe://example.org/root")), known: true, may: mayRead},
		{name: "a token and a certificate with fewer rights", headers: bearer(writerToken),
			own: issue(t, theirs, withURI("spiffe://example.org/crm")), known: true, may: mayCustomers},
		{name: "an unknown token and a good certificate", headers: bearer(unknownToken), own: issue(t, theirs, withURI("spiffe://example.org/root"))},
		{name: "a broken header and a good certificate", headers: []string{"authorization", "Basic x"}, own: issue(t, theirs, withURI("spiffe://example.org/root"))},
		{name: "an empty header and a good certificate", headers: []string{"authorization", ""}, own: issue(t, theirs, withURI("spiffe://example.org/root"))},
		{name: "no certificate, good token", headers: bearer(operatorToken), cut: true},
		{name: "a certificate of another CA, good token", headers: bearer(operatorToken), own: issue(t, ours, withURI("spiffe://example.org/root")), cut: true},
	}
	// Over TLS without client CAs a client certificate has no effect.
	ignored := callerCase{name: "a certificate that was not asked for", own: issue(t, theirs, withURI("spiffe://example.org/root"))}

	methods := append(slices.Sorted(maps.Keys(requests)), append(unknownMethods, openUnknown...)...)
	for _, way := range []struct {
		name  string
		flags []string
		secure,
		mutual bool
	}{
		{"plain text", nil, false, false},
		{"TLS", tlsFlags(folder), true, false},
		{"mTLS", mutualFlags(folder), true, true},
	} {
		t.Run(way.name, func(t *testing.T) {
			pelcro, url := startKeyUpstream(t)
			p := run(t, url, append(way.flags, callersFlag(folder), withKey)...)
			conns := map[*issued]*grpc.ClientConn{}
			connOf := func(w callerCase) *grpc.ClientConn {
				own := w.own
				if way.mutual && own == nil && !w.cut {
					own = anonymous
				}
				if conns[own] == nil {
					transport := plainText
					if way.secure {
						transport = secured(ours, own)
					}
					conns[own] = p.dial(t, transport)
				}
				return conns[own]
			}
			cases := slices.Clone(byToken)
			switch {
			case way.mutual:
				cases = append(cases, byCertificate...)
			case way.secure:
				cases = append(cases, ignored)
			}
			if has := methodsOf(t, connOf(callerCase{}), operatorToken); !slices.Equal(has, slices.Sorted(maps.Keys(requests))) {
				t.Fatalf("the service has %q, the table %q", has, slices.Sorted(maps.Keys(requests)))
			}
			cells, reached := 0, 0
			for _, w := range cases {
				for _, method := range methods {
					want := w.expect(method)
					if w.cut {
						want = noConnection
					}
					if got := invoke(t, connOf(w), method, w.headers...); got != want {
						t.Errorf("%s calls %s: %v, want %v", w.name, method, got, want)
					}
					cells++
					if want == succeeded && strings.HasPrefix(method, customersPath) {
						reached++
					}
				}
			}
			t.Logf("%d callers x %d methods = %d cells; %d calls reached Pelcro", len(cases), len(methods), cells, pelcro.uses("key"))
			if uses := pelcro.uses("key"); uses != reached {
				t.Errorf("%d calls reached Pelcro, want %d", uses, reached)
			}
			for _, secret := range []string{readerToken, writerToken, operatorToken, proberToken, unknownToken} {
				if strings.Contains(strings.ToLower(p.log.String()), secret[:70]) {
					t.Errorf("a token is in the log")
				}
			}
		})
	}
}

// Without a callers file every call is allowed; that is possible only on loopback.
func TestR18Open(t *testing.T) {
	ours := authority(t, "ours")
	folder := t.TempDir()
	putInPlace(t, folder, issue(t, ours, forServer).pair(t))
	_, url := startKeyUpstream(t)
	for name, flags := range map[string][]string{"plain text": nil, "TLS": tlsFlags(folder)} {
		t.Run(name, func(t *testing.T) {
			p := run(t, url, append(flags, withKey)...)
			transport := plainText
			if flags != nil {
				transport = secured(ours, nil)
			}
			conn := p.dial(t, transport)
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
		})
	}
}

// Changes of the callers file apply to open connections.
func TestR18ChangedLines(t *testing.T) {
	_, url := startKeyUpstream(t)
	ours, theirs := authority(t, "ours"), authority(t, "theirs")
	folder := t.TempDir()
	putInPlace(t, folder, issue(t, ours, forServer).pair(t))
	putInPlace(t, folder, trusted(theirs))
	putInPlace(t, folder, map[string]string{callers: "crm spiffe://example.org/crm *\n"})
	p := run(t, url, append(mutualFlags(folder), "--auth-tokens-file="+filepath.Join(folder, callers), withKey)...)
	conn := p.dial(t, secured(ours, issue(t, theirs, withURI("spiffe://example.org/crm"))))
	for _, step := range []struct {
		line string
		want outcome
	}{
		{"crm spiffe://example.org/crm pelcro.v1.CustomerService/DeleteCustomer", forbidden},
		{"crm spiffe://example.org/crm pelcro.v1.CustomerService/GetCustomer", succeeded},
		{"crm spiffe://example.org/other *", unauthenticated},
		{"crm2 spiffe://example.org/crm *", succeeded},
	} {
		putByRename(t, folder, map[string]string{callers: step.line + "\n"})
		eventually(t, step.line+" applies", func() bool { return invoke(t, conn, customersPath+"GetCustomer") == step.want })
	}
}
