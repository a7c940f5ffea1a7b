//go:build e2e

package promises_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pelcro-grpc/pelcro-grpc/client"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

// The same with the retries of @grpc/grpc-js and of grpcio. make conformance builds the programs.
func TestR37InOtherLanguages(t *testing.T) {
	for _, test := range []struct {
		name  string
		redis bool
	}{{"with Redis", true}, {"without Redis", false}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel() // they mostly wait
			oneCustomerForEachID(t, test.redis, inOtherLanguages)
		})
	}
}

func inOtherLanguages(t *testing.T, replicas ...string) []sendCreate {
	t.Helper()
	config := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(config, []byte(client.ServiceConfigRequestID()), 0o600); err != nil {
		t.Fatal(err)
	}
	address := "ipv4:" + strings.Join(replicas, ",")
	return []sendCreate{
		startProgram(t, "../../examples/python", "/usr/bin/python3", "creates.py", address, config),
		startProgram(t, "../../examples/node", "node", "dist/creates.js", address, config),
	}
}

// created is a line of the program about a create.
type created struct {
	RequestID, Code, Reason, Message string
	ID                               int64
}

func (c created) err() error {
	var code codes.Code
	if err := code.UnmarshalJSON([]byte(`"` + c.Code + `"`)); err != nil {
		return err
	}
	if code == codes.OK {
		return nil
	}
	failed, err := status.New(code, c.Message).WithDetails(&errdetails.ErrorInfo{Domain: "pelcro-grpc", Reason: c.Reason})
	if err != nil {
		return err
	}
	return failed.Err()
}

// startProgram starts a program that creates a customer for each line, until the test ends.
func startProgram(t *testing.T, directory, name string, arguments ...string) sendCreate {
	t.Helper()
	command := exec.Command(name, arguments...)
	command.Dir = directory
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, output := io.Pipe()
	command.Stdout = output
	testkit.Start(t, command)
	var mu sync.Mutex
	waiting := map[string]chan created{}
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			var c created
			if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
				t.Errorf("%s printed %q", name, lines.Text())
				break
			}
			mu.Lock()
			waiting[c.RequestID] <- c
			delete(waiting, c.RequestID)
			mu.Unlock()
		}
		mu.Lock()
		defer mu.Unlock()
		for _, result := range waiting {
			result <- created{Code: "UNKNOWN", Message: name + " has ended"}
		}
	}()
	t.Cleanup(func() { _ = output.Close() })
	return func(ctx context.Context, id string) (int64, error) {
		result := make(chan created, 1)
		mu.Lock()
		waiting[id] = result
		_ = json.NewEncoder(in).Encode(map[string]string{"requestId": id})
		mu.Unlock()
		select {
		case c := <-result:
			return c.ID, c.err()
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}
