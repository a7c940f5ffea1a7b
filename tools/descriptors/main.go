// Command descriptors writes proto/pelcro.protoset: a google.protobuf.FileDescriptorSet of the
// contract, the google.rpc files of error details, and their imports.
//
//	go run ./tools/descriptors > proto/pelcro.protoset
//
// Tools that call the service without reflection take it. protoc takes it for google.rpc, which
// Debian has not for Python, and for Ruby and Java only in versions that are too old.
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

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
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

// errorDetails are the files that the service file imports here, and only here. Tools such as grpcui
// and evans read the error details of a service only with types that its own file imports; the
// contract itself must compile without google.rpc.
var errorDetails = []protoreflect.FileDescriptor{
	errdetails.File_google_rpc_error_details_proto, status.File_google_rpc_status_proto, code.File_google_rpc_code_proto,
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
	for _, file := range errorDetails {
		add(file)
	}
	add(pelcrov1.File_pelcro_v1_error_reason_proto)
	add(pelcrov1.File_pelcro_v1_customer_service_proto)
	service := set.GetFile()[len(set.GetFile())-1]
	for _, file := range errorDetails {
		service.Dependency = append(service.Dependency, file.Path())
	}
	return set
}
