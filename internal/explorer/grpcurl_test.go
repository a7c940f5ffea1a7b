package explorer

import (
	"strings"
	"testing"
)

// TestGrpcurl: the lines to try.
func TestGrpcurl(t *testing.T) {
	failure := func(id int, capture string) Failure {
		reply, err := ParseCapture([]byte(capture))
		if err != nil {
			t.Fatal(err)
		}
		return Failure{ID: id, Reply: reply}
	}
	const busy, page = "HTTP/1.1 429 X\nRetry-After: 30\n\n{}", "HTTP/1.1 200 X\nContent-Type: text/html\n\n<p>"
	e := &explorer{Config{Gateway: gateway, Address: "127.0.0.1:1", Sandbox: true, Failures: []Failure{failure(429, busy), failure(604, page)}}}
	for _, test := range []struct {
		name          string
		asked         asked
		line, noteHas string
	}{
		{"the sandbox's own", asked{Operation: "GetCustomer", ID: "429", Capture: new(busy)},
			`grpcurl -plaintext -d '{"id": 429}' 127.0.0.1:1 pelcro.v1.CustomerService/GetCustomer`, "Prints this error."},
		{"with a deadline", asked{Operation: "DeleteCustomer", ID: "429", Capture: new(busy), Deadline: "1.5"},
			`grpcurl -plaintext -max-time 1.5 -d '{"id": 429}' 127.0.0.1:1 pelcro.v1.CustomerService/DeleteCustomer`, "Prints this error."},
		{"another delay", asked{Operation: "UpdateCustomer", Capture: new("HTTP/1.1 429 X\nRetry-After: 31\n\n{}")},
			`grpcurl -plaintext -d '{"customer": {"id": 429, "title": "Editor"}}' 127.0.0.1:1 pelcro.v1.CustomerService/UpdateCustomer`, "not quite the reply here"},
		{"create", asked{Operation: "CreateCustomer", Capture: new(busy)},
			`grpcurl -plaintext -d '{"customer": {"email": "http-429@example.com"}}' 127.0.0.1:1 pelcro.v1.CustomerService/CreateCustomer`, "Prints this error."},
		{"a page", asked{Operation: "GetCustomer", ID: "604", Capture: new(page)},
			`grpcurl -plaintext -d '{"id": 604}' 127.0.0.1:1 pelcro.v1.CustomerService/GetCustomer`, "Prints this error."},
		{"success", asked{Operation: "GetCustomer", Capture: new("HTTP/1.1 200 X\n\n" + `{"data":{}}`)},
			`grpcurl -plaintext -d '{"id": 1001}' 127.0.0.1:1 pelcro.v1.CustomerService/GetCustomer`, "answers with success"},
		{"success of a create", asked{Operation: "CreateCustomer", Capture: new("HTTP/1.1 200 X\n\n" + `{"data":{}}`)},
			`grpcurl -plaintext -d '{"customer": {"email": "new@example.com"}}' 127.0.0.1:1 pelcro.v1.CustomerService/CreateCustomer`, "answers with success"},
		{"success of a list", asked{Operation: "ListCustomers", Capture: new("HTTP/1.1 200 X\n\n" + `{"data":[]}`)},
			`grpcurl -plaintext -d '{"page_size": 10}' 127.0.0.1:1 pelcro.v1.CustomerService/ListCustomers`, "answers with success"},
		{"list", asked{Operation: "ListCustomers", Capture: new(busy)}, "", "Choose another operation"},
		{"a status that is not played", asked{Operation: "GetCustomer", Capture: new("HTTP/1.1 700 X\n\n")}, "", "from 300 to 599"},
		{"reset", asked{Operation: "GetCustomer", NoReply: "reset"},
			`grpcurl -plaintext -d '{"id": 601}' 127.0.0.1:1 pelcro.v1.CustomerService/GetCustomer`, "Prints this error."},
		{"the caller's deadline", asked{Operation: "GetCustomer", NoReply: "deadline"},
			`grpcurl -plaintext -max-time 2 -d '{"id": 602}' 127.0.0.1:1 pelcro.v1.CustomerService/GetCustomer`, "Prints this error; the details perhaps undecoded"},
		{"refused", asked{Operation: "GetCustomer", NoReply: "refused"}, "", "cannot show this"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.asked.Credential = "gateway"
			got, err := e.show(test.asked)
			if err != nil || got.Problem != nil {
				t.Fatal(got.Problem, err)
			}
			if got.Grpcurl.Line != test.line || !strings.Contains(got.Grpcurl.Note, test.noteHas) {
				t.Errorf("%q\n%q", got.Grpcurl.Line, got.Grpcurl.Note)
			}
		})
	}
	e.Sandbox = false
	got, err := e.show(asked{Operation: "GetCustomer", Credential: "gateway", ID: "429", Capture: new(busy)})
	if err != nil || !strings.Contains(got.Grpcurl.Note, "serve --sandbox") {
		t.Errorf("%+v, %v", got.Grpcurl, err)
	}
}
