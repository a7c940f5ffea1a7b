module github.com/pelcro-grpc/pelcro-grpc

go 1.26.0

ignore ./examples/node/node_modules

require (
	github.com/alecthomas/kong v1.17.0
	github.com/grpc-ecosystem/go-grpc-middleware/v2 v2.3.4
	github.com/sony/gobreaker/v2 v2.4.0
	go.uber.org/goleak v1.3.0
	golang.org/x/net v0.60.0
	golang.org/x/term v0.47.0
	google.golang.org/genproto/googleapis/rpc v0.0.0-20261019180522-ce908d29299b
	google.golang.org/grpc v1.85.0
	google.golang.org/protobuf v1.36.12
)

require (
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.42.0 // indirect
)
