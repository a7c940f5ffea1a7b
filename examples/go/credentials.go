package main

import (
	"context"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// credentialsOf returns the options of a connection. caFile holds the CA of the service's
// certificate, in PEM, or is "system"; empty for a connection without TLS. token is the caller's,
// empty for none.
func credentialsOf(caFile, token string) ([]grpc.DialOption, error) {
	if caFile == "" {
		if token != "" {
			return nil, errors.New("PELCRO_GRPC_TOKEN needs TLS: set PELCRO_GRPC_CA_FILE")
		}
		return []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}, nil
	}
	trust := credentials.NewTLS(nil) // the CAs of the system
	if caFile != "system" {
		var err error
		if trust, err = credentials.NewClientTLSFromFile(caFile, ""); err != nil {
			return nil, err
		}
	}
	options := []grpc.DialOption{grpc.WithTransportCredentials(trust)}
	if token != "" {
		options = append(options, grpc.WithPerRPCCredentials(bearer(token)))
	}
	return options, nil
}

// bearer is a token that is sent with each call, over TLS only.
type bearer string

// GetRequestMetadata implements [credentials.PerRPCCredentials].
func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

// RequireTransportSecurity implements [credentials.PerRPCCredentials].
func (bearer) RequireTransportSecurity() bool { return true }
