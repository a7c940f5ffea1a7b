package client

import (
	_ "embed"

	// Without it grpc-go ignores healthCheckConfig.
	_ "google.golang.org/grpc/health"
)

//go:embed service-config.json
var serviceConfig string

//go:embed service-config-request-id.json
var serviceConfigRequestID string

// ServiceConfigRequestID is [ServiceConfig] for programs that set request_id in every create: it also
// retries CreateCustomer. Without the id, a retried create makes a second customer.
func ServiceConfigRequestID() string { return serviceConfigRequestID }

// ServiceConfig returns the service config as JSON, for
// [google.golang.org/grpc.WithDefaultServiceConfig].
func ServiceConfig() string { return serviceConfig }
