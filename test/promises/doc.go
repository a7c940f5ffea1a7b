// Package promises holds the tests of what the service promises when Pelcro or
// the network misbehaves, each with a number. A test is named after its row in
// README.md.
//
// `go test ./...` runs them scaled down; `make soak` (PELCRO_GRPC_SOAK=1) runs
// them with their full numbers, without the race detector.
package promises
