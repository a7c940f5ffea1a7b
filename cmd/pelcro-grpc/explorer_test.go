package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

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

// TestExplorer: with a sandbox the page is there, for this machine and its own origin
// only, and what is pasted is in no log.
func TestExplorer(t *testing.T) {
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

// TestExplorerElsewhere: where the page is, and where it is not.
func TestExplorerElsewhere(t *testing.T) {
	for _, test := range []struct {
		name    string
		command serveCommand
		want    string
	}{
		{"sandbox", serveCommand{Sandbox: true, AdminListen: "127.0.0.1:9095"}, "http://127.0.0.1:9095/"},
		{"asked for", serveCommand{Explorer: true, AdminListen: "[::1]:9095"}, "http://[::1]:9095/"},
		{"by name", serveCommand{Explorer: true, AdminListen: "localhost:9095"}, "http://localhost:9095/"},
		{"not asked for", serveCommand{AdminListen: "127.0.0.1:9095"}, ""},
		{"no admin address", serveCommand{Sandbox: true}, ""},
		{"every address", serveCommand{Sandbox: true, AdminListen: ":9095"}, ""},
		{"another address", serveCommand{Sandbox: true, AdminListen: "10.0.0.1:9095"}, ""},
		{"another name", serveCommand{Sandbox: true, AdminListen: "example.com:9095"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			page, err := test.command.page()
			if got := test.command.pageURL(); got != test.want || err != nil || (page != nil) != (test.want != "") {
				t.Errorf("%q, %v, %v", got, page, err)
			}
		})
	}
}

// TestExplorerFlag: it is refused where the page could not be shown, and shows it in
// front of any Pelcro.
func TestExplorerFlag(t *testing.T) {
	const refused = "--explorer is shown on loopback only; set --admin-listen to an address like 127.0.0.1:9095, or leave out --explorer"
	for _, admin := range []string{"", "0.0.0.0:0", ":0", "example.com:9095"} {
		runWith(t, "", "serve", "--sandbox", "--explorer", "--admin-listen="+admin).mustReject(t, refused)
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

// TestFailures: what the page offers as the sandbox's failures is what the service
// gets from it.
func TestFailures(t *testing.T) {
	p := start(t, "--sandbox")
	customers := pelcrov1.NewCustomerServiceClient(p.conn)
	get, _ := mapping.CustomerOperation("GetCustomer")
	list := failures(time.Now())
	if len(list) != lastFailure-firstFailure+2 {
		t.Fatalf("%d failures", len(list))
	}
	named := 0
	for _, f := range list {
		if f.Name == "" {
			continue
		}
		named++
		if f.ID != htmlFailure && f.Reply.Status != f.ID || f.Reply.Header.Get("Date") == "" {
			t.Errorf("%d is %+v", f.ID, f.Reply)
		}
		answer, err := gateway.Explain(explorer.Question{
			Operation: get, CustomerID: int64(f.ID), Credential: mapping.CredentialGateway, Remaining: mapping.NoDeadline, Reply: f.Reply,
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = customers.GetCustomer(t.Context(), &pelcrov1.GetCustomerRequest{Id: int64(f.ID)})
		if got := answer.Trailers[mapping.TrailerReason]; got != reasonOf(err) {
			t.Errorf("%d: the page says %s, the service %s", f.ID, got, reasonOf(err))
		}
	}
	if named < 60 {
		t.Errorf("%d have a name", named)
	}
	if text := fmt.Sprint(list[429-firstFailure].Name, list[530-firstFailure].Name); text != "Too Many RequestsOrigin DNS error" {
		t.Error(text)
	}
	if raw, err := json.Marshal(list); err != nil || len(raw) > 1<<20 {
		t.Errorf("%d bytes, %v", len(raw), err)
	}
}

// TestExplorerLines runs the lines to try: where the page says that one prints the
// error, it does.
func TestExplorerLines(t *testing.T) {
	mustHaveGrpcurl(t)
	p := start(t, "--sandbox", "--admin-listen=127.0.0.1:0")
	status, said := browse(t, p, "GET", "/api/samples", "", nil, "")
	var offered struct {
		Groups []struct {
			Name    string
			Samples []struct {
				Key, ID, NoReply string
				Reply            json.RawMessage
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
				reply := `"reply":` + string(sample.Reply)
				if sample.NoReply != "" {
					reply = `"noReply":"` + sample.NoReply + `"`
				}
				_, said := browse(t, p, "POST", "/api/explain", "", http.Header{"Content-Type": {"application/json"}},
					`{"operation":"`+operation+`","credential":"gateway","id":"`+sample.ID+`",`+reply+`}`)
				var answer struct {
					Number          codes.Code
					Reason, Message string
					Grpcurl         struct{ Line, Note string }
				}
				if err := json.Unmarshal([]byte(said), &answer); err != nil {
					t.Fatal(err)
				}
				// A few of the sandbox's failures stand for the others; TestFailures has all.
				stands := group.Name != "The sandbox's failures" || slices.Contains([]string{"404", "429", "502", "604"}, sample.Key)
				if answer.Grpcurl.Note != "Prints this error." || !stands {
					continue
				}
				ran++
				t.Run(sample.Key+operation, func(t *testing.T) {
					args, err := words(answer.Grpcurl.Line)
					if err != nil || args[0] != "grpcurl" {
						t.Fatal(answer.Grpcurl.Line, err)
					}
					c := callGrpcurl(t, args[1:]...)
					if c.exit != 64+int(answer.Number) || !strings.Contains(c.said, `"`+answer.Reason+`"`) || !strings.Contains(c.said, "Message: "+answer.Message+"\n") {
						t.Errorf("%s\nwant %s %s: %s\ngot %d %s", answer.Grpcurl.Line, answer.Number, answer.Reason, answer.Message, c.exit, c.said)
					}
				})
			}
		}
	}
	if ran < 24 {
		t.Errorf("%d lines ran", ran)
	}
}
