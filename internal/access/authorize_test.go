package access_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"net/url"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/access"
)

const (
	get    = "/pelcro.v1.CustomerService/GetCustomer"
	create = "/pelcro.v1.CustomerService/CreateCustomer"
	list   = "/pelcro.v1.CustomerService/ListCustomers"
	info   = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
)

// The results of a decision.
var (
	allowed error
	unknown = access.ErrUnauthenticated
	denied  = access.ErrPermissionDenied
)

// hashOf is a token's hash as in the file, computed by the test itself.
func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func parse(t testing.TB, file string) *access.List {
	t.Helper()
	l, err := access.Parse([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// named is a certificate with these names: URIs, and host names.
func named(names ...string) *x509.Certificate {
	c := &x509.Certificate{}
	for _, name := range names {
		if uri, err := url.Parse(name); err == nil && uri.Scheme != "" {
			c.URIs = append(c.URIs, uri)
		} else {
			c.DNSNames = append(c.DNSNames, name)
		}
	}
	return c
}

func chain(names ...string) []*x509.Certificate {
	return []*x509.Certificate{named(names...), named("spiffe://example.org/issuer", "issuer.example.org")}
}

var callers = "# the callers of these tests\r\n" +
	"reader " + hashOf("token-read") + " pelcro.v1.CustomerService/GetCustomer,pelcro.v1.CustomerService/ListCustomers # until May\r\n" +
	"service\t" + hashOf("token-service") + "\tpelcro.v1.CustomerService/*\n" +
	"all " + hashOf("token-all") + " *\n\n" +
	"rotating " + hashOf("token-old") + " pelcro.v1.CustomerService/GetCustomer\n" +
	"rotating " + hashOf("token-new") + " pelcro.v1.CustomerService/CreateCustomer\n" +
	"twice " + hashOf("token-twice") + " pelcro.v1.CustomerService/GetCustomer\n" +
	"twice " + hashOf("token-twice") + " pelcro.v1.CustomerService/CreateCustomer\n" +
	"crm spiffe://example.org/crm pelcro.v1.CustomerService/*\n" +
	"crm dns:crm.example.org pelcro.v1.CustomerService/GetCustomer\n" +
	"crm dns:CRM-2.example.org pelcro.v1.CustomerService/CreateCustomer\n" +
	"probe dns:probe.example.org *\n" +
	"issuer spiffe://example.org/issuer *\n"

func TestAuthorize(t *testing.T) {
	l := parse(t, callers)
	for _, test := range []struct {
		name   string
		token  string
		chain  []*x509.Certificate
		method string
		caller string
		want   error
	}{
		{"nothing", "", nil, get, "", unknown},
		{"an unknown token", "token-reader", nil, get, "", unknown},
		{"a hash as the token", hashOf("token-all"), nil, get, "", unknown},
		{"one method of two", "token-read", nil, list, "reader", allowed},
		{"another method", "token-read", nil, create, "reader", denied},
		{"any method of the service", "token-service", nil, create, "service", allowed},
		{"another service", "token-service", nil, info, "service", denied},
		{"any method", "token-all", nil, info, "all", allowed},
		{"an unknown method, with any", "token-all", nil, "/a.B/C", "all", allowed},
		{"an unknown method", "token-read", nil, "/a.B/C", "reader", denied},
		{"an unknown token and an unknown method", "x", nil, "/a.B/C", "", unknown},

		{"the old token's right", "token-old", nil, get, "rotating", allowed},
		{"the new token's right, with the old one", "token-old", nil, create, "rotating", denied},
		{"the new token's right", "token-new", nil, create, "rotating", allowed},
		{"the first line of a token", "token-twice", nil, get, "twice", allowed},
		{"the second line of a token", "token-twice", nil, create, "twice", allowed},
		{"neither line", "token-twice", nil, list, "twice", denied},

		{"SPIFFE", "", chain("spiffe://example.org/crm"), create, "crm", allowed},
		{"SPIFFE without the right", "", chain("spiffe://example.org/crm"), info, "crm", denied},
		{"SPIFFE, below", "", chain("spiffe://example.org/crm/x"), get, "", unknown},
		{"SPIFFE, above", "", chain("spiffe://example.org/cr"), get, "", unknown},
		{"SPIFFE, a slash at the end", "", chain("spiffe://example.org/crm/"), get, "", unknown},
		{"SPIFFE, another domain", "", chain("spiffe://example.com/crm"), get, "", unknown},
		{"SPIFFE, another case", "", chain("spiffe://example.org/CRM"), get, "", unknown},
		{"SPIFFE with a query", "", chain("spiffe://example.org/crm?a=b"), get, "", unknown},
		{"SPIFFE with an empty query", "", chain("spiffe://example.org/crm?"), get, "", unknown},
		{"SPIFFE with a fragment", "", chain("spiffe://example.org/crm#a"), get, "", unknown},
		{"SPIFFE with a port", "", chain("spiffe://example.org:1/crm"), get, "", unknown},
		{"SPIFFE with a user", "", chain("spiffe://a@example.org/crm"), get, "", unknown},
		{"SPIFFE with escapes", "", chain("spiffe://example.org/%63rm"), get, "", unknown},
		{"another scheme", "", chain("https://example.org/crm"), get, "", unknown},
		{"two URIs", "", chain("spiffe://example.org/crm", "spiffe://example.org/x"), get, "", unknown},
		{"the issuer's name", "", chain("spiffe://example.org/other"), get, "", unknown},

		{"a host", "", chain("crm.example.org"), get, "crm", allowed},
		{"a host, in another case", "", chain("Crm.Example.ORG"), get, "crm", allowed},
		{"a host in upper case in the file", "", chain("crm-2.example.org"), create, "crm", allowed},
		{"a host below", "", chain("a.crm.example.org"), get, "", unknown},
		{"a wildcard", "", chain("*.example.org"), get, "", unknown},
		{"a host with a dot at the end", "", chain("crm.example.org."), get, "", unknown},
		{"a letter that folds to k", "", chain("\u212Arm.example.org"), get, "", unknown},
		{"one of two hosts", "", chain("www.example.org", "probe.example.org"), info, "probe", allowed},
		{"two names of one caller", "", chain("spiffe://example.org/crm", "crm.example.org"), create, "crm", allowed},
		{"two hosts of one caller", "", chain("crm.example.org", "crm-2.example.org"), create, "crm", allowed},
		{"the names of two callers", "", chain("crm.example.org", "probe.example.org"), get, "", unknown},
		{"no name", "", chain(), get, "", unknown},

		{"a token before a certificate", "token-read", chain("probe.example.org"), info, "reader", denied},
		{"an unknown token, a good certificate", "x", chain("probe.example.org"), get, "", unknown},
		{"a token, an unknown certificate", "token-read", chain("x.example.org"), get, "reader", allowed},

		{"no slash", "token-all", nil, "pelcro.v1.CustomerService/GetCustomer", "all", denied},
		{"two slashes", "token-all", nil, "//pelcro.v1.CustomerService/GetCustomer", "all", denied},
		{"a slash at the end", "token-all", nil, get + "/", "all", denied},
		{"a third part", "token-all", nil, get + "/x", "all", denied},
		{"no method", "token-all", nil, "/pelcro.v1.CustomerService/", "all", denied},
		{"no service", "token-all", nil, "//GetCustomer", "all", denied},
		{"no package", "token-all", nil, "/CustomerService/GetCustomer", "all", denied},
		{"an asterisk", "token-all", nil, "/pelcro.v1.CustomerService/*", "all", denied},
		{"an escape", "token-all", nil, "/pelcro.v1.CustomerService/%47etCustomer", "all", denied},
		{"a control character", "token-all", nil, get + "\n", "all", denied},
		{"another case", "token-read", nil, "/pelcro.v1.customerservice/getcustomer", "reader", denied},
		{"an empty method", "token-all", nil, "", "all", denied},
		{"an invalid method of an unknown client", "", nil, "", "", unknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			caller, err := l.Authorize(test.token, test.chain, test.method)
			if caller.Name != test.caller || err != test.want {
				t.Errorf("%q %v, want %q %v", caller.Name, err, test.caller, test.want)
			}
		})
	}
}

// A certificate that can sign others is not a SPIFFE identity.
func TestSigner(t *testing.T) {
	signer := named("spiffe://example.org/crm")
	signer.IsCA = true
	if caller, err := parse(t, callers).Authorize("", []*x509.Certificate{signer}, get); err != unknown {
		t.Errorf("%q %v", caller.Name, err)
	}
}

// Without a list every caller is unknown.
func TestNoList(t *testing.T) {
	var none *access.List
	for _, l := range []*access.List{none, {}} {
		for _, token := range []string{"", "token-all"} {
			if caller, err := l.Authorize(token, chain("probe.example.org"), get); caller.Name != "" || err != unknown {
				t.Errorf("%q %v", caller.Name, err)
			}
		}
	}
}
