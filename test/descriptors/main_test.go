package main

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
)

// The output has all imports, and the field that is missing in Debian's Ruby.
func TestWrite(t *testing.T) {
	var out bytes.Buffer
	if err := write(&out); err != nil {
		t.Fatal(err)
	}
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(out.Bytes(), set); err != nil {
		t.Fatal(err)
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"google/rpc/error_details.proto", "google/rpc/status.proto", "google/rpc/code.proto", "google/protobuf/any.proto", "google/protobuf/duration.proto"} {
		if _, err := files.FindFileByPath(name); err != nil {
			t.Error(err)
		}
	}
	if _, err := files.FindDescriptorByName("google.rpc.BadRequest.FieldViolation.reason"); err != nil {
		t.Error(err)
	}
	seen := map[string]bool{}
	for _, file := range set.GetFile() {
		for _, dependency := range file.GetDependency() {
			if !seen[dependency] {
				t.Errorf("%s comes before its import %s", file.GetName(), dependency)
			}
		}
		seen[file.GetName()] = true
	}
}
