package main

import (
	"os"
	"strings"
	"testing"

	"google.golang.org/grpc"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
)

// TestStartLine: the line serving says what is on.
func TestStartLine(t *testing.T) {
	t.Parallel()
	f := newSecureFiles(t)
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"the sandbox", nil, `["reflection"]`},
		{"an admin address", []string{"--admin-listen=127.0.0.1:0"}, `["reflection","explorer"]`},
		{"nothing", []string{"--no-reflection"}, `null`},
		{
			"everything", append(append([]string{"--tls-client-ca=" + f.ca, "--circuit-breaker", "--rate-limit=auto", "--forward-credentials"}, f.tls()...), f.known()...),
			`["tls","client-certificates","callers-file","forward-credentials","circuit-breaker","quota","reflection"]`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := start(t, append(test.args, "--sandbox")...)
			if on := p.err.Match(t, `"msg":"serving".*"on":(\[[^]]*\]|null)`)[1]; on != test.want {
				t.Errorf("on is %s, want %s", on, test.want)
			}
		})
	}
}

// TestOpenAdminAddress: an admin address that other machines reach is a warning.
func TestOpenAdminAddress(t *testing.T) {
	t.Parallel()
	const warning = `"level":"WARN","msg":"--admin-listen [::]:`
	for address, want := range map[string]int{"127.0.0.1:0": 0, "": 0, "[::]:0": 1} {
		if p := start(t, "--sandbox", "--admin-listen="+address); strings.Count(p.err.String(), warning) != want {
			t.Errorf("%s: %s", address, p.err)
		}
	}
}

// TestUnknownMethods: a callers file that names methods which do not exist is in use, and a warning
// says which line is meant, at the start, after a change, and with --check.
func TestUnknownMethods(t *testing.T) {
	t.Parallel()
	f := newSecureFiles(t)
	content, err := os.ReadFile(f.callers)
	if err != nil {
		t.Fatal(err)
	}
	add := func(line string) {
		if err := os.WriteFile(f.callers, append(content, line...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	add("a dns:a.example.org pelcro.v1.CustomerService/Getcustomer\n")
	const sentence = "line 3: METHOD 1 does not exist in this version of the service and allows nothing; the closest name is pelcro.v1.CustomerService/"
	r := runWith(t, "", append([]string{"serve", "--check", "--sandbox"}, f.known()...)...)
	if r.code != exitOK || r.err != "pelcro-grpc: "+sentence+"GetCustomer\n" {
		t.Errorf("exit code %d, %s", r.code, r.err)
	}
	p := start(t, append(f.known(), "--sandbox")...)
	p.err.Match(t, `("file":"callers","cause":"`+sentence+`GetCustomer")`)
	add("a dns:a.example.org pelcro.v1.CustomerService/CreateCostumer\n")
	p.err.Match(t, `("file":"callers","cause":"`+sentence+`CreateCustomer")`)
}

// TestServedMethods: the methods that a callers file may name are those that the service has.
func TestServedMethods(t *testing.T) {
	t.Parallel()
	p := start(t, "--sandbox")
	names := map[string]bool{}
	for _, service := range served {
		names[service.ServiceName] = true
	}
	stream, err := reflectionpb.NewServerReflectionClient(p.conn).ServerReflectionInfo(t.Context(), grpc.WaitForReady(true))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}}); err != nil {
		t.Fatal(err)
	}
	response, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	for _, service := range response.GetListServicesResponse().GetService() {
		if !names[service.GetName()] {
			t.Errorf("%s is missing in served", service.GetName())
		}
		delete(names, service.GetName())
	}
	if len(names) > 0 {
		t.Errorf("not served: %v", names)
	}
}
