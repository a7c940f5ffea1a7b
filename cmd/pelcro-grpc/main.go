// Command pelcro-grpc is a gRPC service in front of Pelcro's REST API, whose
// every failure arrives as the right gRPC status with details.
//
//	pelcro-grpc serve      runs the service
//	pelcro-grpc explain    shows the status that a captured HTTP reply becomes
//	pelcro-grpc token      makes a token for a caller
//	pelcro-grpc version    shows the version
package main

import (
	"context"
	"os"
)

func main() {
	paceGarbage()
	os.Exit(run(context.Background(), os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr}))
}
