// Command pelcro-grpc is a gRPC service in front of Pelcro's REST API that turns every failure into
// the right gRPC status with details.
//
//	pelcro-grpc serve      runs the service
//	pelcro-grpc check      says what Pelcro does differently from what the service expects
//	pelcro-grpc export     writes all customers as JSON lines
//	pelcro-grpc explain    shows the status that a captured HTTP response becomes
//	pelcro-grpc token      makes a token for a caller
//	pelcro-grpc version    shows the version
package main

import (
	"context"
	"os"

	"github.com/pelcro-grpc/pelcro-grpc/internal/logging"
)

func main() {
	logging.RedirectLibraries()
	os.Exit(run(context.Background(), os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr}))
}
