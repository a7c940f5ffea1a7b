// Command descriptors writes a google.protobuf.FileDescriptorSet with the files of
// google.rpc that the details of an error are made of, and what they import.
//
// Not every system has them: Debian has no google.rpc for Python, and the one that
// it has for Ruby is older than FieldViolation.reason. protoc generates them for
// any language from the file that this writes:
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

// descriptors returns the files, each after those that it imports, as protoc wants
// them.
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
