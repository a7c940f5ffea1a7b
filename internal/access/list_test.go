package access_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/access"
)

// canary is a secret in the wrong place of the file.
const canary = "canary-token-4711"

const (
	threeParts = "a line has three parts, NAME CREDENTIAL METHODS, with whitespace between them and none between METHODs"
	badName    = "NAME must be 1 to 64 letters A-Z a-z, digits or the characters . _ -"
	badHash    = "after sha256: write the 64 hexadecimal digits of the token's hash; pelcro-grpc token prints them"
	badDigits  = "after sha256: write hexadecimal digits only; pelcro-grpc token prints them"
	badSPIFFE  = "a SPIFFE ID is spiffe://TRUST-DOMAIN/PATH, the domain in lower case, without escapes, wildcards and a slash at the end"
	badDNS     = "after dns: write a whole host name as it is in the certificate, without wildcards (not an address, no port)"
	badKind    = "the second part must be sha256:HEX, spiffe://TRUST-DOMAIN/PATH or dns:NAME"
	badMethod  = "METHOD %d must be *, package.Service/* or package.Service/Method (for example pelcro.v1.CustomerService/GetCustomer, without a leading slash)"
	plainToken = "it holds a token itself, which everyone who reads the file can use; make another one with pelcro-grpc token NAME METHODS and add the line that it prints, which has the hash only"
	control    = "it holds a control character; write plain text"
	noCaller   = "it names no caller, so every call would be rejected; pelcro-grpc token NAME METHODS makes a line"
)

// TestProblems: each problem is reported, with its line and without quoting the file.
func TestProblems(t *testing.T) {
	hash := hashOf("a token")
	method := func(n int) string { return fmt.Sprintf(badMethod, n) }
	for _, test := range []struct{ name, file, want string }{
		{"empty", "", noCaller},
		{"comments only", "# a\n\n \t\n #b", noCaller},
		{"one part", canary, "line 1: " + threeParts},
		{"two parts", "a " + hash, "line 1: " + threeParts},
		{"four parts", "a " + hash + " * " + canary, "line 1: " + threeParts},
		{"a space between methods", "a " + hash + " a.B/C, a.B/D", "line 1: " + threeParts},
		{"a comment in the middle", "a " + hash + " # *", "line 1: " + threeParts},
		{"a space that only looks like one", "a\u00a0" + hash + " *", "line 1: " + threeParts},
		{"a name of other letters", canary + "é " + hash + " *", "line 1: " + badName},
		{"a name with other characters", canary + "/x " + hash + " *", "line 1: " + badName},
		{"a long name", strings.Repeat("a", 65) + " " + hash + " *", "line 1: " + badName},
		{"a token instead of its hash", "a pelcro_grpc_" + canary + " *", "line 1: " + plainToken},
		{"a token instead of the name", "pelcro_grpc_" + canary + " " + hash + " *", "line 1: " + plainToken},
		{"a token alone", "pelcro_grpc_" + canary, "line 1: " + plainToken},
		{"a token of another form", "a " + canary + " *", "line 1: " + badKind},
		{"a hash without its kind", "a " + hash[7:] + " *", "line 1: " + badKind},
		{"another kind", "a SHA256:" + hash[7:] + " *", "line 1: " + badKind},
		{"a short hash", "a " + hash[:70] + " *", "line 1: " + badHash},
		{"a long hash", "a " + hash + "0 *", "line 1: " + badHash},
		{"a token after sha256:", "a sha256:" + canary + " *", "line 1: " + badHash},
		{"no digits", "a sha256:" + strings.Repeat("g", 64) + " *", "line 1: " + badDigits},
		{"the hash of an empty text", "a " + hashOf("") + " *", "line 1: it has the hash of an empty text; make a token with pelcro-grpc token NAME METHODS"},
		{"SPIFFE without a path", "a spiffe://example.org *", "line 1: " + badSPIFFE},
		{"SPIFFE with a slash at the end", "a spiffe://example.org/a/ *", "line 1: " + badSPIFFE},
		{"SPIFFE with dots", "a spiffe://example.org/a/../b *", "line 1: " + badSPIFFE},
		{"SPIFFE with a dot at the end", "a spiffe://example.org/a/. *", "line 1: " + badSPIFFE},
		{"SPIFFE in upper case", "a spiffe://Example.org/a *", "line 1: " + badSPIFFE},
		{"SPIFFE with a wildcard", "a spiffe://example.org/* *", "line 1: " + badSPIFFE},
		{"SPIFFE with a fragment", "a spiffe://example.org/a#b *", "line 1: " + badSPIFFE},
		{"SPIFFE with an escape", "a spiffe://example.org/%61 *", "line 1: " + badSPIFFE},
		{"SPIFFE, endless", "a spiffe://example.org/" + strings.Repeat("a", 2048) + " *", "line 1: " + badSPIFFE},
		{"another scheme", "a https://example.org/a *", "line 1: " + badKind},
		{"no host", "a dns: *", "line 1: " + badDNS},
		{"a host with a wildcard", "a dns:*.example.org *", "line 1: " + badDNS},
		{"a host with a port", "a dns:example.org:1 *", "line 1: " + badDNS},
		{"a host with a dot at the end", "a dns:example.org. *", "line 1: " + badDNS},
		{"a host of other letters", "a dns:ex\u212Ample.org *", "line 1: " + badDNS},
		{"an address", "a dns:127.0.0.1 *", "line 1: " + badDNS},
		{"a long host", "a dns:" + strings.Repeat("a.", 127) + "b *", "line 1: " + badDNS},
		{"no method in the middle", "a " + hash + " a.B/C,,a.B/D", "line 1: " + method(2)},
		{"no method at the end", "a " + hash + " a.B/C,", "line 1: " + method(2)},
		{"a leading slash", "a " + hash + " /a.B/C", "line 1: " + method(1)},
		{"no package", "a " + hash + " B/C", "line 1: " + method(1)},
		{"no service", "a " + hash + " C", "line 1: " + method(1)},
		{"a part of a name", "a " + hash + " a.B/Get*", "line 1: " + method(1)},
		{"any service of a package", "a " + hash + " a.*/*", "line 1: " + method(1)},
		{"any and any", "a " + hash + " */*", "line 1: " + method(1)},
		{"three parts of a method", "a " + hash + " a.B/C/D", "line 1: " + method(1)},
		{"an empty part", "a " + hash + " a..B/C", "line 1: " + method(1)},
		{"a digit first", "a " + hash + " a.B/1", "line 1: " + method(1)},
		{"a semicolon", "a " + hash + " a.B/C;a.B/D", "line 1: " + method(1)},
		{"a null", "a " + hash + " *\x00", "line 1: " + control},
		{"a line of old Macs", "a " + hash + " *\rb " + hash + " *", "line 1: " + control},
		{"an escape in a comment", "a " + hash + " *\n# \x1b[2K", "line 2: " + control},
		{"one hash, two names", "# c\na " + hash + " *\nb sha256:" + strings.ToUpper(hash[7:]) + " *",
			"line 3: it has the hash of line 2 under another NAME; a token belongs to one caller, so make another one with pelcro-grpc token"},
		{"one host, two names", "a dns:example.org *\nb dns:EXAMPLE.org *", "line 2: it has the certificate of line 1 under another NAME; a certificate belongs to one caller"},
		{"all problems together", "a! " + canary + " Get\n\nb " + hash + " *\nc sha256:0 *,C",
			"line 1: " + badName + "\nline 1: " + method(1) + "\nline 1: " + badKind + "\nline 4: " + method(2) + "\nline 4: " + badHash},
		{"a file of another kind", strings.Repeat(canary+"\n", 22), strings.TrimSpace(strings.Join(lines(20, "line %d: "+threeParts), "\n")) + "\n2 more problems"},
		{"too large", "# " + strings.Repeat("x", 1<<20), "it is larger than 1024 KiB, so it is not a list of callers"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l, err := access.Parse([]byte(test.file))
			if err == nil || l != nil {
				t.Fatalf("%v, %v", l, err)
			}
			if err.Error() != test.want {
				t.Errorf("got:\n%v\nwant:\n%s", err, test.want)
			}
			if strings.Contains(err.Error(), canary) {
				t.Error("the secret is quoted")
			}
		})
	}
}

func lines(n int, format string) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf(format, i+1))
	}
	return all
}

// TestForms: the forms that a valid line may have.
func TestForms(t *testing.T) {
	hash := hashOf("a token")
	for _, test := range []struct{ name, file string }{
		{"no newline at the end", "a " + hash + " *"},
		{"newlines of Windows", "a " + hash + " *\r\n# c\r\n"},
		{"whitespace around", " \ta   " + hash + "\t*  \n"},
		{"a comment behind", "a " + hash + " * # Zoë's\n"},
		{"hexadecimal digits in upper case", "a sha256:" + strings.ToUpper(hash[7:]) + " *"},
		{"the longest name", strings.Repeat("a", 64) + " " + hash + " *"},
		{"any name", "0._-Z " + hash + " *"},
		{"the same line twice", "a " + hash + " *\na " + hash + " *"},
		{"many lines", strings.Repeat("a "+hash+" *\n", 2000)},
	} {
		t.Run(test.name, func(t *testing.T) {
			if caller, err := parse(t, test.file).Authorize("a token", nil, get); caller.Name == "" || err != allowed {
				t.Errorf("%q %v", caller.Name, err)
			}
		})
	}
}

// TestNewToken: a new token has the rights of its line, which holds its hash only, and is unique.
func TestNewToken(t *testing.T) {
	const methods = "pelcro.v1.CustomerService/GetCustomer,a.B/*"
	token, line, err := access.NewToken("billing", methods)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^pelcro_grpc_[0-9a-f]{64}$`).MatchString(token) {
		t.Errorf("a token of another form, of %d bytes", len(token))
	}
	if want := "billing " + hashOf(token) + " " + methods; line != want {
		t.Errorf("got  %s\nwant %s", line, want)
	}
	l := parse(t, line)
	for method, want := range map[string]error{get: allowed, "/a.B/C": allowed, create: denied} {
		if caller, err := l.Authorize(token, nil, method); caller.Name != "billing" || err != want {
			t.Errorf("%s: %q %v", method, caller.Name, err)
		}
	}
	if another, _, _ := access.NewToken("billing", methods); another == token {
		t.Error("the same token twice")
	}
}

func TestNewTokenProblems(t *testing.T) {
	for _, test := range []struct{ name, caller, methods, want string }{
		{"no name", "", "*", badName},
		{"a name with a space", "a b", "*", badName},
		{"a name with a newline", "a\nb", "*", badName},
		{"a comment", "#a", "*", badName},
		{"a space between methods", "a", "a.B/C, a.B/D", fmt.Sprintf(badMethod, 2)},
		{"no method", "a", "", fmt.Sprintf(badMethod, 1)},
		{"a method with a newline", "a", "*\nb", fmt.Sprintf(badMethod, 1)},
		{"both", "a/b", "C,*,D", badName + "\n" + fmt.Sprintf(badMethod, 1) + "\n" + fmt.Sprintf(badMethod, 3)},
	} {
		t.Run(test.name, func(t *testing.T) {
			token, line, err := access.NewToken(test.caller, test.methods)
			if token != "" || line != "" || err == nil || err.Error() != test.want {
				t.Errorf("%q %q\ngot:\n%v\nwant:\n%s", token, line, err, test.want)
			}
		})
	}
}

// The line ends and byte order marks of editors on Windows change nothing.
func TestWindows(t *testing.T) {
	for name, file := range map[string]string{
		"line ends":                    "# callers\r\n\r\na " + hashOf("a token") + " *\r\n",
		"byte order mark":              "\ufeffa " + hashOf("a token") + " *\r\n",
		"byte order mark, and comment": "\ufeff# callers\r\na " + hashOf("a token") + " *",
	} {
		t.Run(name, func(t *testing.T) {
			list, err := access.Parse([]byte(file))
			if err != nil {
				t.Fatal(err)
			}
			if caller, err := list.Authorize("a token", nil, "/a.B/C"); caller.Name != "a" || err != allowed {
				t.Errorf("%q, %v", caller.Name, err)
			}
		})
	}
	if _, err := access.Parse([]byte("a " + hashOf("a token") + " *\n\ufeffb " + hashOf("b token") + " *")); err == nil {
		t.Error("a byte order mark in the middle is part of a name")
	}
}
