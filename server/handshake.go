package server

import (
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"

	"google.golang.org/grpc/credentials"
)

// handshakes are the service's TLS, and report failed handshakes to operators. Such a connection has
// no call, so nothing else does.
type handshakes struct {
	credentials.TransportCredentials

	server *Server
}

func (s *Server) handshakes(config *tls.Config) credentials.TransportCredentials {
	return handshakes{credentials.NewTLS(config), s}
}

// ServerHandshake implements [credentials.TransportCredentials]. A connection that ends before it
// sends anything, as those of port scanners and TCP probes do, is not a failed handshake.
func (h handshakes) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := h.TransportCredentials.ServerHandshake(raw)
	if err != nil && !errors.Is(err, io.EOF) {
		h.server.metrics.handshakeFailures.Inc()
		h.server.config.Logger.Debug("TLS handshake failed", slog.String("peer.address", raw.RemoteAddr().String()), slog.String("cause", causeText(err)))
	}
	return conn, info, err //nolint:wrapcheck // gRPC looks at it
}

// Clone implements [credentials.TransportCredentials].
func (h handshakes) Clone() credentials.TransportCredentials {
	return handshakes{h.TransportCredentials.Clone(), h.server}
}
