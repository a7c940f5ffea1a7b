package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

// root is the root of the repository, seen from here.
const root = "../.."

// grpcurl and buf are the pinned tools. Where there is neither a network nor a filled module cache
// there are none.
var (
	grpcurl = pinned("grpcurl")
	buf     = pinned("buf")
)

// pinned returns a function that builds the tool as tools/NAME.mod has it, unless Go's cache has it,
// and returns its path.
func pinned(name string) func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		command := exec.Command("go", "tool", "-modfile=tools/"+name+".mod", "-n", name)
		command.Dir = root
		said, err := command.CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("go tool: %w: %s", err, said)
		}
		return strings.TrimSpace(string(said)), nil
	})
}

// mustHaveGrpcurl returns the path of grpcurl. Without it the test is skipped, or fails where tools
// are required.
func mustHaveGrpcurl(t *testing.T) string {
	t.Helper()
	path, err := grpcurl()
	switch {
	case err != nil && os.Getenv(requireTools) == "1":
		t.Fatalf("there is no grpcurl: %v", err)
	case err != nil:
		t.Skipf("there is no grpcurl: %v", err)
	}
	return path
}

// mustHaveBuf returns the path of buf. It takes minutes to build, so the test is skipped where tools
// are not required.
func mustHaveBuf(t *testing.T) string {
	t.Helper()
	if os.Getenv(requireTools) != "1" {
		t.Skipf("buf is used with %s=1 only", requireTools)
	}
	path, err := buf()
	if err != nil {
		t.Fatalf("there is no buf: %v", err)
	}
	return path
}

// called is a tool that has ended.
type called struct {
	exit int
	said string // standard output and standard error
}

func callGrpcurl(t *testing.T, args ...string) called {
	t.Helper()
	c := callTool(t, mustHaveGrpcurl(t), args...)
	// grpcurl prints this for a detail that it cannot decode.
	if strings.Contains(c.said, "is not recognized") {
		t.Errorf("grpcurl %v: %s", args, c.said)
	}
	return c
}

func callTool(t *testing.T, path string, args ...string) called {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Timeout)
	defer cancel()
	command := exec.CommandContext(ctx, path, args...)
	command.Dir = root
	said, err := command.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	c := called{said: string(said)}
	if exit != nil {
		c.exit = exit.ExitCode()
	}
	return c
}

// shell is a user of grpcurl with one program.
type shell struct{ address string }

// call calls an RPC with the request as JSON.
func (s shell) call(t *testing.T, rpc, request string) called {
	t.Helper()
	return callGrpcurl(t, "-plaintext", "-d", request, s.address, "pelcro.v1.CustomerService/"+rpc)
}

// customer calls an RPC that must return a customer.
func (s shell) customer(t *testing.T, rpc, request string) map[string]any {
	t.Helper()
	var response struct {
		Customer map[string]any `json:"customer"`
	}
	s.read(t, rpc, request, &response)
	return response.Customer
}

func (s shell) read(t *testing.T, rpc, request string, response any) {
	t.Helper()
	c := s.call(t, rpc, request)
	if c.exit != 0 {
		t.Fatalf("%s %s: exit code %d: %s", rpc, request, c.exit, c.said)
	}
	if err := json.Unmarshal([]byte(c.said), response); err != nil {
		t.Fatalf("%v in %s", err, c.said)
	}
}

// inSandbox starts a sandbox for a user of grpcurl.
func inSandbox(t *testing.T) shell {
	t.Helper()
	mustHaveGrpcurl(t)
	return shell{start(t, "--sandbox").address}
}

// TestGrpcurlReflection: grpcurl works without the proto files.
func TestGrpcurlReflection(t *testing.T) {
	s := inSandbox(t)
	listed := callGrpcurl(t, "-plaintext", s.address, "list")
	services := strings.Fields(listed.said)
	if listed.exit != 0 || !slices.Contains(services, "pelcro.v1.CustomerService") || !slices.Contains(services, "grpc.health.v1.Health") {
		t.Errorf("list: exit code %d: %s", listed.exit, listed.said)
	}
	described := callGrpcurl(t, "-plaintext", s.address, "describe", "pelcro.v1.CustomerService")
	for rpc := range rpcs {
		if want := fmt.Sprintf("rpc %s ( .pelcro.v1.%[1]sRequest ) returns ( .pelcro.v1.%[1]sResponse )", rpc); !strings.Contains(described.said, want) {
			t.Errorf("describe: no %q in %s", want, described.said)
		}
	}
}

// TestGrpcurlLife is a customer's life.
func TestGrpcurlLife(t *testing.T) {
	s := inSandbox(t)
	created := s.customer(t, "CreateCustomer", `{"customer": {
		"email": "new@example.com", "firstName": "Nova", "title": "Dr.", "metadata": {"color": "green", "plan": "gold"}}}`)
	id, _ := created["id"].(string)
	if id != "1009" || created["email"] != "new@example.com" || created["createdAt"] == nil {
		t.Fatalf("created %v", created)
	}
	s.customer(t, "UpdateCustomer", `{"customer": {
		"id": "`+id+`", "lastName": "Star", "metadata": {"color": null, "seats": 3}},
		"updateMask": {"paths": ["last_name", "title", "metadata"]}}`)
	got := s.customer(t, "GetCustomer", `{"id": "`+id+`"}`)
	metadata, _ := got["metadata"].(map[string]any)
	_, hasTitle := got["title"]
	if got["firstName"] != "Nova" || got["lastName"] != "Star" || hasTitle ||
		len(metadata) != 2 || metadata["plan"] != "gold" || metadata["seats"] != 3.0 {
		t.Errorf("after the update: %v", got)
	}
	if c := s.call(t, "DeleteCustomer", `{"id": "`+id+`"}`); c.exit != 0 || strings.TrimSpace(c.said) != "{}" {
		t.Errorf("deleted: exit code %d: %s", c.exit, c.said)
	}
	for _, rpc := range []string{"GetCustomer", "DeleteCustomer"} {
		s.mustFail(t, rpc, `{"id": "`+id+`"}`, codes.NotFound, "PELCRO_NOT_FOUND", `"resourceName": "`+id+`"`)
	}
	s.mustFail(t, "GetCustomer", `{}`, codes.InvalidArgument, "GATEWAY_INVALID_REQUEST", `"field": "id"`)
}

// TestGrpcurlPages: all customers, none twice.
func TestGrpcurlPages(t *testing.T) {
	s := inSandbox(t)
	var ids []string
	for token, pages := "", 0; pages == 0 || token != ""; pages++ {
		var list struct {
			Customers []struct {
				ID string `json:"id"`
			} `json:"customers"`
			NextPageToken string `json:"nextPageToken"`
			TotalSize     int    `json:"totalSize"`
		}
		s.read(t, "ListCustomers", `{"page_size": 3, "order_by": "id desc", "page_token": "`+token+`"}`, &list)
		for _, customer := range list.Customers {
			ids = append(ids, customer.ID)
		}
		if list.TotalSize != 8 || len(list.Customers) > 3 || pages > 2 {
			t.Fatalf("page %d: %+v", pages, list)
		}
		token = list.NextPageToken
	}
	if want := "1008 1007 1006 1005 1004 1003 1002 1001"; strings.Join(ids, " ") != want {
		t.Errorf("got %v", ids)
	}
}

// mustFail calls an RPC that must fail so. grpcurl's exit code is 64 and the code.
func (s shell) mustFail(t *testing.T, rpc, request string, code codes.Code, texts ...string) {
	t.Helper()
	c := s.call(t, rpc, request)
	if c.exit != 64+int(code) {
		t.Errorf("%s %s: exit code %d, want %d", rpc, request, c.exit, 64+int(code))
	}
	for _, text := range append(texts, "Code: "+code.String(), `"requestId"`) {
		if !strings.Contains(c.said, text) {
			t.Errorf("%s %s: no %s in %s", rpc, request, text, c.said)
		}
	}
}

// TestGrpcurlFailures: any failure can be seen with one call.
func TestGrpcurlFailures(t *testing.T) {
	s := inSandbox(t)
	for _, test := range []struct {
		id     int
		code   codes.Code
		reason string
		more   []string
	}{
		{400, codes.InvalidArgument, "PELCRO_VALIDATION_FAILED", []string{"google.rpc.BadRequest", `"field": "expand"`, `"reason": "FIELD_INVALID_VALUE"`}},
		{401, codes.Unauthenticated, "PELCRO_UNAUTHENTICATED", []string{`"credential": "gateway"`}},
		{402, codes.FailedPrecondition, "PELCRO_PAYMENT_REQUIRED", nil},
		{403, codes.PermissionDenied, "PELCRO_PERMISSION_DENIED", nil},
		{404, codes.NotFound, "PELCRO_NOT_FOUND", []string{"google.rpc.ResourceInfo"}},
		{405, codes.Unimplemented, "PELCRO_METHOD_NOT_ALLOWED", nil},
		{409, codes.Aborted, "PELCRO_CONFLICT", nil},
		{422, codes.InvalidArgument, "PELCRO_VALIDATION_FAILED", []string{`"field": "expand"`}},
		{429, codes.ResourceExhausted, "PELCRO_RATE_LIMITED", []string{`"retryDelay": "30s"`, "google.rpc.QuotaFailure"}},
		{500, codes.Internal, "PELCRO_INTERNAL_ERROR", nil},
		{501, codes.Internal, "PELCRO_INTERNAL_ERROR", nil},
		{502, codes.Unavailable, "PELCRO_UNAVAILABLE", []string{`"contentType": "text/html"`}},
		{503, codes.Unavailable, "PELCRO_UNAVAILABLE", []string{`"retryDelay": "60s"`}},
		{504, codes.Unavailable, "PELCRO_TIMEOUT", nil},
	} {
		t.Run(fmt.Sprint(test.id), func(t *testing.T) {
			texts := append([]string{`"reason": "` + test.reason + `"`, fmt.Sprintf(`"httpStatus": "%d"`, test.id)}, test.more...)
			s.mustFail(t, "GetCustomer", fmt.Sprintf(`{"id": %d}`, test.id), test.code, texts...)
		})
	}
}
