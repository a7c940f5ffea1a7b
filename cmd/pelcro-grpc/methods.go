package main

import (
	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionalphapb "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"

	"github.com/pelcro-grpc/pelcro-grpc/internal/customers"
)

// served are the services that this program serves, reflection included, which may be off.
var served = []*grpc.ServiceDesc{
	customers.Desc,
	&healthpb.Health_ServiceDesc,
	&reflectionpb.ServerReflection_ServiceDesc,
	&reflectionalphapb.ServerReflection_ServiceDesc,
}

// servedMethods returns their methods as a callers file names them: package.Service/Method.
func servedMethods() []string {
	var methods []string
	for _, service := range served {
		for _, m := range service.Methods {
			methods = append(methods, service.ServiceName+"/"+m.MethodName)
		}
		for _, s := range service.Streams {
			methods = append(methods, service.ServiceName+"/"+s.StreamName)
		}
	}
	return methods
}
