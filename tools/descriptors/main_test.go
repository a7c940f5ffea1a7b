package main

import (
	"bytes"
	"os"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

func TestCommitted(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := write(&out); err != nil {
		t.Fatal(err)
	}
	committed, err := os.ReadFile("../../proto/pelcro.protoset")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(committed, out.Bytes()) {
		t.Error("proto/pelcro.protoset is stale; run make generate and commit")
	}
}

// The committed file has all imports, each before the file that needs it, and the service file
// imports the error details.
func TestFiles(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../proto/pelcro.protoset")
	if err != nil {
		t.Fatal(err)
	}
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(raw, set); err != nil {
		t.Fatal(err)
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		t.Fatal(err)
	}
	// The second is missing in Debian's Ruby.
	for _, name := range []protoreflect.FullName{"pelcro.v1.CustomerService", "google.rpc.BadRequest.FieldViolation.reason", "pelcro.v1.ErrorReason", "google.rpc.Status", "google.rpc.Code"} {
		if _, err := files.FindDescriptorByName(name); err != nil {
			t.Error(err)
		}
	}
	seen := map[string]bool{}
	for _, file := range set.GetFile() {
		for _, dependency := range file.GetDependency() {
			if !seen[dependency] {
				t.Errorf("%s comes before its import %s", file.GetName(), dependency)
			}
		}
		seen[file.GetName()] = true
		if file.GetName() == "pelcro/v1/customer_service.proto" && !slices.Contains(file.GetDependency(), "google/rpc/error_details.proto") {
			t.Errorf("the service file imports %v", file.GetDependency())
		}
	}
}
