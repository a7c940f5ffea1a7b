package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/pelcro-grpc/pelcro-grpc/client"
	"github.com/pelcro-grpc/pelcro-grpc/internal/admin"
	"github.com/pelcro-grpc/pelcro-grpc/internal/export"
)

const defaultAddress = "127.0.0.1:50051"

// tokenEnv holds the token itself; there is no flag for it, because command lines are visible to
// others.
const tokenEnv = envPrefix + "_TOKEN"

// systemCAs is the value of --ca-file for the CAs of this machine.
const systemCAs = "system"

// serviceFlags say which running service is called, and how.
type serviceFlags struct {
	Address    string `default:"${address}" placeholder:"HOST:PORT" help:"Address of the service (${default})."`
	CAFile     string `name:"ca-file" placeholder:"FILE" help:"File with the CA of the service's certificate, in PEM, or system for the CAs of this machine. Without it there is no TLS."`
	TokenFile  string `name:"token-file" placeholder:"FILE" help:"File that holds this caller's token. The token itself may be in the environment instead, as PELCRO_GRPC_TOKEN."`
	ClientCert string `name:"client-cert" placeholder:"FILE" help:"File with this caller's certificate, in PEM, for a service with --tls-client-ca."`
	ClientKey  string `name:"client-key" placeholder:"FILE" help:"File with the private key of that certificate, in PEM."`
	Insecure   bool   `help:"Call a service on another machine without TLS, for example through a mesh."`
}

// connection is how to connect.
type connection struct {
	tls   *tls.Config // nil: plain text
	token string
}

// connection reads the flags, and adds their problems.
func (f serviceFlags) connection(isSandbox bool, found *problems) (c connection) {
	if isSandbox {
		if f != (serviceFlags{Address: defaultAddress}) || os.Getenv(tokenEnv) != "" {
			found.addf("--sandbox brings its own service; leave out the address, the CA, the certificate, the token and --insecure, also in the environment")
		}
		return c
	}
	if !isAddress(f.Address) {
		found.addf("--address %q is not an address; use HOST:PORT, for example gateway.example.org:443", f.Address)
	}
	c.token = f.token(found)
	if f.CAFile == "" {
		switch {
		case c.token != "" || f.ClientCert != "" || f.ClientKey != "":
			found.addf("a token or a certificate needs TLS; set --ca-file to the CA of the service, or to system")
		case isAddress(f.Address) && !admin.IsLoopback(f.Address) && !f.Insecure:
			found.addf("--address %s is another machine, and without TLS others can read the customers; set --ca-file to the CA of the service, or to system, or accept that with --insecure", f.Address)
		}
		return c
	}
	c.tls = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: f.trusted(found)}
	switch {
	case f.ClientCert == "" && f.ClientKey == "":
	case f.ClientCert == "" || f.ClientKey == "":
		found.addf("--client-cert and --client-key belong together; set both, or neither")
	default:
		pair, err := tls.LoadX509KeyPair(f.ClientCert, f.ClientKey)
		if err != nil {
			found.addf("--client-cert and --client-key cannot be used (%w); name a certificate and its key in PEM that this user may read", cause(err))
		}
		c.tls.Certificates = []tls.Certificate{pair}
	}
	return c
}

// token returns the token of the file or the environment, and adds the problems with it.
func (f serviceFlags) token(found *problems) string {
	const remedy = "put the token that pelcro-grpc token prints, and nothing else, there"
	where, text := tokenEnv, os.Getenv(tokenEnv)
	switch {
	case f.TokenFile != "" && text != "":
		found.addf("--token-file and %s are both set; keep one", tokenEnv)
		return ""
	case f.TokenFile != "":
		where = "--token-file " + f.TokenFile
		var err error
		if text, err = readFile(f.TokenFile); err != nil {
			found.addf("%s cannot be read (%w); %s", where, cause(err), remedy)
			return ""
		}
	case text == "":
		return ""
	}
	token, err := parseSecret(where, text, "token", remedy)
	*found = append(*found, err)
	return token
}

// trusted returns the CAs that may have signed the service's certificate, nil for those of the system.
func (f serviceFlags) trusted(found *problems) *x509.CertPool {
	if f.CAFile == systemCAs {
		return nil
	}
	pool := x509.NewCertPool()
	raw, err := os.ReadFile(f.CAFile)
	switch {
	case err != nil:
		found.addf("--ca-file %s cannot be read (%w); name a file in PEM that this user may read, or system", f.CAFile, cause(err))
	case !pool.AppendCertsFromPEM(raw):
		found.addf("--ca-file %s has no certificate; put the CA of the service there, in PEM", f.CAFile)
	}
	return pool
}

// dial returns a connection with the retries and health checks of the published service config.
func (f serviceFlags) dial(c connection) (*grpc.ClientConn, error) {
	reconnect := backoff.DefaultConfig
	reconnect.MaxDelay = 10 * time.Second
	options := []grpc.DialOption{
		grpc.WithUserAgent("pelcro-grpc/" + version()),
		grpc.WithDefaultServiceConfig(client.ServiceConfig()),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: reconnect, MinConnectTimeout: 20 * time.Second}),
	}
	if c.tls == nil {
		options = append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))
	} else {
		options = append(options, grpc.WithTransportCredentials(credentials.NewTLS(c.tls)))
	}
	if c.token != "" {
		options = append(options, grpc.WithPerRPCCredentials(bearer(c.token)))
	}
	return grpc.NewClient("dns:///"+f.Address, options...)
}

// bearer is a token that is sent with each call, over TLS only.
type bearer string

// GetRequestMetadata implements [credentials.PerRPCCredentials].
func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

// RequireTransportSecurity implements [credentials.PerRPCCredentials].
func (bearer) RequireTransportSecurity() bool { return true }

// rpcError returns an error of the service in a line: code, reason, message and request id. Any other
// error is as it is.
func rpcError(err error) string {
	if stuck, ok := errors.AsType[*export.StuckError](err); ok {
		return stuck.Why + ": " + rpcError(stuck.Err)
	}
	s, ok := status.FromError(err)
	if !ok {
		return err.Error()
	}
	var reason, requestID string
	for _, detail := range s.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			reason = ", " + detail.GetReason()
		case *errdetails.RequestInfo:
			requestID = fmt.Sprintf(" (request id %s)", detail.GetRequestId())
		}
	}
	return code.Code(s.Code()).String() + reason + ": " + s.Message() + requestID
}

// isRejected reports whether the service rejects what was asked, so that a retry is in vain.
func isRejected(err error) bool {
	switch status.Code(err) {
	case codes.InvalidArgument, codes.Unauthenticated, codes.PermissionDenied, codes.Unimplemented:
		return true
	default:
		return false
	}
}
