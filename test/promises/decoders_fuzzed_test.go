package promises_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each decoder of foreign data has a fuzz target; `make fuzz` runs them all. Add new
// decoders here.
func TestR28DecodersAreFuzzed(t *testing.T) {
	want := map[string]string{
		"FuzzFromResponse":    "mapping",            // a response becomes a status
		"FuzzExamine":         "mapping",            // bodies
		"FuzzFieldErrors":     "mapping",            // field errors are read or counted
		"FuzzParse":           "internal/rawjson",   // JSON as PHP writes it
		"FuzzFieldPath":       "mapping",            // keys of field errors
		"FuzzReadCustomer":    "internal/customers", // a customer
		"FuzzReadCustomers":   "internal/customers", // a list of customers
		"FuzzPageToken":       "internal/customers", // page tokens and the paging of a list
		"FuzzParseCapture":    "cmd/pelcro-grpc",    // what explain reads
		"FuzzRequestToPelcro": "test/promises",      // requests of clients
	}
	for target, directory := range want {
		files, err := filepath.Glob(filepath.Join("../..", directory, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, name := range files {
			source, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(source), target) {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, declaration := range file.Decls {
				function, ok := declaration.(*ast.FuncDecl)
				found = found || ok && function.Recv == nil && function.Name.Name == target
			}
		}
		if !found {
			t.Errorf("%s has no %s", directory, target)
		}
	}
}
