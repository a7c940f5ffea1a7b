package explorer

import (
	"strings"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// failure is a failure of the sandbox with one response to a create and another to the others.
func failure(t testing.TB, id int, toCreate, toOthers string) Failure {
	t.Helper()
	responses := map[bool]Capture{}
	for isCreate, capture := range map[bool]string{true: toCreate, false: toOthers} {
		response, err := ParseCapture([]byte(capture))
		if err != nil {
			t.Fatal(err)
		}
		responses[isCreate] = response
	}
	return Failure{ID: id, Response: func(o mapping.Operation) Capture { return responses[o.Kind == mapping.Create] }}
}

// TestGrpcurl: the commands to try.
func TestGrpcurl(t *testing.T) {
	const (
		busy    = "HTTP/1.1 429 X\nRetry-After: 30\n\n{}"
		page    = "HTTP/1.1 200 X\nContent-Type: text/html\n\n<p>"
		ofEmail = "HTTP/1.1 400 X\n\n" + `{"errors":{"email":["No."]}}`
		ofID    = "HTTP/1.1 400 X\n\n" + `{"errors":{"id":["No."]}}`
	)
	e := newTestExplorer(t, failure(t, 429, busy, busy), failure(t, 604, page, page), failure(t, 400, ofEmail, ofID))
	for _, test := range []struct {
		name          string
		form          form
		line, noteHas string
	}{
		{"the sandbox's own", form{Operation: "GetCustomer", ID: "429", Capture: new(busy)},
			`grpcurl -plaintext -d '{"id": 429}' 127.0.0.1:1 pelcro.v1.CustomerService/GetCustomer`, "Prints this error."},
		{"with a deadline", form{Operation: "DeleteCustomer", ID: "429", Capture: new(busy), Deadline: "1.5"},
			`grpcurl -plaintext -max-time 1.5 -d '{"id": 429}' 127.0.0.1:1 pelcro.v1.CustomerService/DeleteCustomer`, "Prints this error."},
		{"another delay", form{Operation: "UpdateCustomer", Capture: new("HTTP/1.1 429 X\nRetry-After: 31\n\n{}")},
			`grpcurl -plaintext -d '{"customer": {"id": 429, "title": "Editor"}}' 127.0.0.1:1 pelcro.v1.CustomerService/UpdateCustomer`, "differs from the response here"},
		{"create", form{Operation: "CreateCustomer", Capture: new(busy)},
			`grpcurl -plaintext -d '{"customer": {"email": "http-429@example.com"}}' 127.0.0.1:1 pelcro.v1.CustomerService/CreateCustomer`, "Prints this error."},
		{"a page", form{Operation: "GetCustomer", ID: "604", Capture: new(page)},
			`grpcurl -plaintext -d '{"id": 604}' 127.0.0.1:1 pelcro.v1.CustomerService/GetCustomer`, "Prints this error."},
		{"success", form{Operation: "GetCustomer", Capture: new("HTTP/1.1 200 X\n\n" + `{"data":{"id":1}}`)},
			`grpcurl -plaintext -d '{"id": 1001}' 127.0.0.1:1 pelcro.v1.CustomerService/GetCustomer`, "which succeeds"},
		{"success of a create", form{Operation: "CreateCustomer", Capture: new("HTTP/1.1 200 X\n\n" + `{"data":{"id":1}}`)},
			`grpcurl -plaintext -d '{"customer": {"email": "new@example.com"}}' 127.0.0.1:1 pelcro.v1.CustomerService/CreateCustomer`, "which succeeds"},
		{"success of a list", form{Operation: "ListCustomers", Capture: new("HTTP/1.1 200 X\n\n" + `{"data":[]}`)},
			`grpcurl -plaintext -d '{"page_size": 10}' 127.0.0.1:1 pelcro.v1.CustomerService/ListCustomers`, "which succeeds"},
		{"list", form{Operation: "ListCustomers", Capture: new(busy)}, "", "Choose another operation"},
		{"a failure of the operation", form{Operation: "CreateCustomer", Capture: new(ofEmail)},
			`grpcurl -plaintext -d '{"customer": {"email": "http-400@example.com"}}' 127.0.0.1:1 pelcro.v1.CustomerService/CreateCustomer`, "Prints this error."},
		{"a failure of another operation", form{Operation: "GetCustomer", Capture: new(ofEmail)},
			`grpcurl -plaintext -d '{"id": 400}' 127.0.0.1:1 pelcro.v1.CustomerService/GetCustomer`, "differs from the response here"},
		{"a status that the sandbox does not have", form{Operation: "GetCustomer", Capture: new("HTTP/1.1 700 X\n\n")}, "", "from 300 to 599"},
		{"reset", form{Operation: "GetCustomer", NoResponse: "reset"},
			`grpcurl -plaintext -d '{"id": 601}' 127.0.0.1:1 pelcro.v1.CustomerService/GetCustomer`, "Prints this error."},
		{"the caller's deadline", form{Operation: "GetCustomer", NoResponse: "deadline"},
			`grpcurl -plaintext -max-time 2 -d '{"id": 602}' 127.0.0.1:1 pelcro.v1.CustomerService/GetCustomer`, "Prints this error; perhaps without details"},
		{"refused", form{Operation: "GetCustomer", NoResponse: "refused"}, "", "no failure of this kind"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.form.Credential = "gateway"
			got, err := e.show(test.form)
			if err != nil || got.Problem != nil {
				t.Fatal(got.Problem, err)
			}
			if got.Grpcurl.Line != test.line || !strings.Contains(got.Grpcurl.Note, test.noteHas) {
				t.Errorf("%q\n%q", got.Grpcurl.Line, got.Grpcurl.Note)
			}
		})
	}
	e.Sandbox = false
	got, err := e.show(form{Operation: "GetCustomer", Credential: "gateway", ID: "429", Capture: new(busy)})
	if err != nil || !strings.Contains(got.Grpcurl.Note, "serve --sandbox") {
		t.Errorf("%+v, %v", got.Grpcurl, err)
	}
}
