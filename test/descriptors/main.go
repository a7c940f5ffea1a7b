// Command descriptors writes a google.protobuf.FileDescriptorSet with the google.rpc files
// of error details and their imports.
//
// Debian has no google.rpc for Python, and its google.rpc for Ruby is older than
// FieldViolation.reason. protoc generates both from the output of this command:
//
//	go run ./test/descriptors > bin/google-rpc.protoset
//	protoc --descriptor_set_in=bin/google-rpc.protoset --python_out=. google/rpc/error_details.proto
package main

import (
	"fmt"
	"io"
	"os"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

func main() {
	if err := write(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "descriptors:", err)
		os.Exit(1)
	}
}

func write(w io.Writer) error {
	set, err := proto.MarshalOptions{Deterministic: true}.Marshal(descriptors())
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	_, err = w.Write(set)
	return err
}

// descriptors returns the files, each after its imports, as protoc requires.
func descriptors() *descriptorpb.FileDescriptorSet {
	set := &descriptorpb.FileDescriptorSet{}
	seen := map[string]bool{}
	var add func(file protoreflect.FileDescriptor)
	add = func(file protoreflect.FileDescriptor) {
		if seen[file.Path()] {
			return
		}
		seen[file.Path()] = true
		for i := range file.Imports().Len() {
			add(file.Imports().Get(i).FileDescriptor)
		}
		set.File = append(set.File, protodesc.ToFileDescriptorProto(file))
	}
	add(errdetails.File_google_rpc_error_details_proto)
	add(status.File_google_rpc_status_proto)
	add(code.File_google_rpc_code_proto)
	return set
}
