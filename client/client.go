package client

import (
	_ "embed"

	// Without it grpc-go ignores healthCheckConfig.
	_ "google.golang.org/grpc/health"
)

//go:embed service-config.json
var serviceConfig string

// ServiceConfig returns the service config as JSON, for
// [google.golang.org/grpc.WithDefaultServiceConfig].
func ServiceConfig() string { return serviceConfig }
