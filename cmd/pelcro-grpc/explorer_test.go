package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/explorer"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// browse sends a request to the admin address, to another Host if one is given.
func browse(t *testing.T, p *program, method, path, host string, header http.Header, body string) (status int, said string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+adminOf(t, p)+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	r.Header = header
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(raw)
}

// TestExplorer: with a sandbox there is the page, for this machine and its own origin only. Pasted
// texts are not logged.
func TestExplorer(t *testing.T) {
	t.Parallel()
	p := start(t, "--sandbox", "--admin-listen=127.0.0.1:0", "--log-level=debug")
	asJSON := http.Header{"Content-Type": {"application/json"}}
	foreign := http.Header{"Content-Type": {"application/json"}, "Origin": {"https://example.com"}}
	const question = `{"operation":"GetCustomer","credential":"gateway","capture":"HTTP/1.1 404 X\n\n{\"message\":\"` + canaryKey + `\"}"}`
	for _, test := range []struct {
		name, method, path, host string
		header                   http.Header
		status                   int
		says                     string
	}{
		{"the page", "GET", "/", "", nil, 200, "<title>pelcro-grpc: error explorer</title>"},
		{"by name", "GET", "/", "localhost:1", nil, 200, "<title>"},
		{"a question", "POST", "/api/explain", "", asJSON, 200, `"code":"NOT_FOUND"`},
		{"its neighbours", "GET", "/livez", "", nil, 200, "alive"},
		{"a foreign Host", "GET", "/", "example.com", nil, 403, "localhost"},
		{"a question to a foreign Host", "POST", "/api/explain", "example.com", asJSON, 403, "localhost"},
		{"samples from a foreign Host", "GET", "/api/samples", "example.com", nil, 403, "localhost"},
		{"a cross-origin question", "POST", "/api/explain", "", foreign, 403, "other origins"},
	} {
		t.Run(test.name, func(t *testing.T) {
			body := ""
			if test.method == "POST" {
				body = question
			}
			status, said := browse(t, p, test.method, test.path, test.host, test.header, body)
			if status != test.status || !strings.Contains(said, test.says) {
				t.Errorf("%d %s", status, said)
			}
		})
	}
}

// TestExplorerURL: where the page is.
func TestExplorerURL(t *testing.T) {
	for _, test := range []struct {
		name    string
		command serveCommand
		want    string
	}{
		{"sandbox", serveCommand{upstreamFlags: upstreamFlags{Sandbox: true}, AdminListen: "127.0.0.1:9095"}, "http://127.0.0.1:9095/"},
		{"with the flag", serveCommand{Explorer: true, AdminListen: "[::1]:9095"}, "http://[::1]:9095/"},
		{"by name", serveCommand{Explorer: true, AdminListen: "localhost:9095"}, "http://localhost:9095/"},
		{"without the flag", serveCommand{AdminListen: "127.0.0.1:9095"}, ""},
		{"no admin address", serveCommand{upstreamFlags: upstreamFlags{Sandbox: true}}, ""},
		{"every address", serveCommand{upstreamFlags: upstreamFlags{Sandbox: true}, AdminListen: ":9095"}, ""},
		{"another address", serveCommand{upstreamFlags: upstreamFlags{Sandbox: true}, AdminListen: "10.0.0.1:9095"}, ""},
		{"another name", serveCommand{upstreamFlags: upstreamFlags{Sandbox: true}, AdminListen: "example.com:9095"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			page, err := test.command.page()
			if got := test.command.pageURL(); got != test.want || err != nil || (page != nil) != (test.want != "") {
				t.Errorf("%q, %v, %v", got, page, err)
			}
		})
	}
}

// TestExplorerFlag: the flag is rejected where the page cannot be shown, and shows the page in front of
// any Pelcro.
func TestExplorerFlag(t *testing.T) {
	const rejected = "--explorer is shown on loopback only; set --admin-listen to an address like 127.0.0.1:9095, or leave out --explorer"
	for _, admin := range []string{"", "0.0.0.0:0", ":0", "example.com:9095"} {
		runWith(t, "", "serve", "--sandbox", "--explorer", "--admin-listen="+admin).mustReject(t, rejected)
	}
	t.Setenv(keyEnv, canaryKey)
	args := []string{"--site-id=7", "--pelcro-url=http://127.0.0.1:1/api", "--admin-listen=127.0.0.1:0"}
	if status, _ := browse(t, start(t, args...), "GET", "/", "", nil, ""); status != 404 {
		t.Errorf("without the flag: %d", status)
	}
	p := start(t, append(args, "--explorer")...)
	if status, said := browse(t, p, "GET", "/", "", nil, ""); status != 200 || !strings.Contains(said, "<title>") {
		t.Errorf("%d %s", status, said)
	}
	status, said := browse(t, p, "GET", "/api/samples", "", nil, "")
	if status != 200 || !strings.Contains(said, `"429 Too Many Requests"`) {
		t.Errorf("%d %s", status, said)
	}
}

// TestFailures: the page's explanation of a sandbox's failure is what the service returns.
func TestFailures(t *testing.T) {
	t.Parallel()
	p := start(t, "--sandbox", "--upstream-retries=0")
	customers := pelcrov1.NewCustomerServiceClient(p.conn)
	list := failures(time.Now())
	if first, last := list[0], list[len(list)-1]; len(list) != 301 || first.ID != 300 || last.ID != 604 {
		t.Fatalf("%d failures from %d to %d", len(list), first.ID, last.ID)
	}
	named := 0
	for _, f := range list {
		if f.Name == "" {
			continue
		}
		named++
		for name, call := range map[string]func() error{
			"GetCustomer": func() error {
				_, err := customers.GetCustomer(t.Context(), &pelcrov1.GetCustomerRequest{Id: int64(f.ID)})
				return err
			},
			"CreateCustomer": func() error {
				_, err := customers.CreateCustomer(t.Context(), &pelcrov1.CreateCustomerRequest{
					Customer: &pelcrov1.Customer{Email: new(fmt.Sprintf("http-%d@example.com", f.ID))},
				})
				return err
			},
			"UpdateCustomer": func() error {
				_, err := customers.UpdateCustomer(t.Context(), &pelcrov1.UpdateCustomerRequest{
					Customer: &pelcrov1.Customer{Id: int64(f.ID), Title: new("Editor")},
				})
				return err
			},
			"DeleteCustomer": func() error {
				_, err := customers.DeleteCustomer(t.Context(), &pelcrov1.DeleteCustomerRequest{Id: int64(f.ID)})
				return err
			},
		} {
			operation, _ := mapping.CustomerOperation(name)
			explanation, err := gateway.Explain(explorer.Question{
				Operation: operation, CustomerID: int64(f.ID),
				Response: f.Response(operation),
			})
			if err != nil {
				t.Fatal(err)
			}
			explained := &spb.Status{}
			if err := protojson.Unmarshal(explanation.Status, explained); err != nil {
				t.Fatal(err)
			}
			returned := &spb.Status{} // success: a 604 of a Delete
			if err := call(); err != nil {
				returned = status.Convert(err).Proto()
			}
			if got, want := withoutID(explained), withoutID(returned); !proto.Equal(got, want) {
				t.Errorf("%s %d: the page says\n%s\nthe service returns\n%s", name, f.ID, protojson.Format(got), protojson.Format(want))
			}
		}
	}
	if named < 60 {
		t.Errorf("%d have a name", named)
	}
	if text := fmt.Sprint(list[429-300].Name, list[530-300].Name, list[300].Name); text != "Too Many RequestsOrigin DNS error(HTTP 200 with a page)" {
		t.Error(text)
	}
}

// TestExplorerLines runs the commands to try: a command of which the page says that it prints the
// error does.
func TestExplorerLines(t *testing.T) {
	t.Parallel()
	mustHaveGrpcurl(t)
	p := start(t, "--sandbox", "--admin-listen=127.0.0.1:0")
	status, said := browse(t, p, "GET", "/api/samples", "", nil, "")
	var offered struct {
		Groups []struct {
			Name    string
			Samples []struct {
				Key, ID, NoResponse string
				Response            json.RawMessage
				Others              map[string]json.RawMessage
			}
		}
	}
	if err := json.Unmarshal([]byte(said), &offered); err != nil || status != 200 {
		t.Fatal(status, err)
	}
	ran := 0
	for _, group := range offered.Groups {
		for _, sample := range group.Samples {
			for _, operation := range []string{"GetCustomer", "CreateCustomer", "UpdateCustomer", "DeleteCustomer"} {
				// A few are enough, because each line is a process; TestFailures has all of the sandbox's.
				if (operation != "GetCustomer" || group.Name == "The sandbox's failures") && sample.Key != "400" {
					continue
				}
				response := sample.Response
				if other, differs := sample.Others[operation]; differs {
					response = other
				}
				happened := `"response":` + string(response)
				if sample.NoResponse != "" {
					happened = `"noResponse":"` + sample.NoResponse + `"`
				}
				_, said := browse(t, p, "POST", "/api/explain", "", http.Header{"Content-Type": {"application/json"}},
					`{"operation":"`+operation+`","credential":"gateway","id":"`+sample.ID+`",`+happened+`}`)
				var explained struct {
					Number          codes.Code
					Reason, Message string
					Grpcurl         struct{ Line, Note string }
				}
				if err := json.Unmarshal([]byte(said), &explained); err != nil {
					t.Fatal(err)
				}
				if explained.Grpcurl.Note != "Prints this error." {
					continue
				}
				ran++
				t.Run(sample.Key+operation, func(t *testing.T) {
					args, err := words(explained.Grpcurl.Line)
					if err != nil || args[0] != "grpcurl" {
						t.Fatal(explained.Grpcurl.Line, err)
					}
					c := callGrpcurl(t, args[1:]...)
					if c.exit != 64+int(explained.Number) || !strings.Contains(c.said, `"`+explained.Reason+`"`) || !strings.Contains(c.said, "Message: "+explained.Message+"\n") {
						t.Errorf("%s\nwant %s %s: %s\ngot %d %s", explained.Grpcurl.Line, explained.Number, explained.Reason, explained.Message, c.exit, c.said)
					}
				})
			}
		}
	}
	if ran < 10 {
		t.Errorf("%d lines ran", ran)
	}
}
