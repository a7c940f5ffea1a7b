package explorer

import (
	"context"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// situation is a way in which no whole reply arrives.
type situation struct {
	key, name, about string
	none             mapping.NoReply
	// sandboxID is the customer for whom the sandbox does the same, 0 if it cannot.
	sandboxID int
	// maxTime is the deadline in seconds that grpcurl needs to see it, 0 for none.
	maxTime int
	// but says what is different about grpcurl's way to print it, empty for nothing.
	but string
}

var situations = []situation{
	{
		key: "refused", name: "Connection refused",
		about: "Name resolution or connecting failed. Nothing was sent.",
		none:  mapping.NoReply{Failure: mapping.Unreachable},
	},
	{
		key: "untrusted", name: "Certificate not trusted",
		about: "The TLS handshake ended because the certificate is not Pelcro's. Nothing was sent.",
		none:  mapping.NoReply{Failure: mapping.Untrusted},
	},
	{
		key: "reset", name: "Connection reset",
		about: "The request was sent, then the connection broke.",
		none:  mapping.NoReply{Failure: mapping.ConnectionLost, Sent: true}, sandboxID: 601,
	},
	{
		key: "cut", name: "Reply cut short",
		about: "The reply began and did not end.",
		none:  mapping.NoReply{Failure: mapping.ConnectionLost, Sent: true}, sandboxID: 603,
	},
	{
		key: "timeout", name: "No answer in time",
		about: "The request was sent; the service's own time limit ended the wait.",
		none:  mapping.NoReply{Failure: mapping.TimedOut, Sent: true}, sandboxID: 602, but: ", once --request-timeout is over",
	},
	{
		key: "deadline", name: "The caller's deadline passed",
		about: "The request was sent; the caller's deadline came before the answer.",
		none:  mapping.NoReply{Caller: context.DeadlineExceeded, Sent: true}, sandboxID: 602, maxTime: 2,
		but: "; the details perhaps undecoded, because grpcurl's own time is over, too",
	},
	{
		key: "cancelled", name: "The caller cancelled",
		about: "The request was sent; the caller no longer waits.",
		none:  mapping.NoReply{Caller: context.Canceled, Sent: true},
	},
}

// findSituation returns the situation of that key, nil if there is none.
func findSituation(key string) *situation {
	for i := range situations {
		if situations[i].key == key {
			return &situations[i]
		}
	}
	return nil
}
