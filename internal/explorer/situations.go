package explorer

import (
	"context"
	"time"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// situation is a way in which no whole response arrives.
type situation struct {
	key, name, about string
	failure          mapping.NoResponse
	// local is the error of this service itself that the situation becomes, nil for none.
	local *mapping.LocalError
	// sandboxID is the customer for whom the sandbox does the same, 0 if it cannot.
	sandboxID int
	// maxTime is the deadline in seconds that grpcurl needs to show it, 0 for none.
	maxTime float64
	// except is how grpcurl's output differs, empty if it does not.
	except string
}

var situations = []situation{
	{
		key: "refused", name: "Connection refused",
		about:   "Name resolution or connecting failed. Nothing was sent.",
		failure: mapping.NoResponse{Reason: pelcrov1.ErrorReason_PELCRO_UNREACHABLE},
	},
	{
		key: "quota", name: "Pelcro's quota is spent",
		about: "Another request would get a 429: this service does not send it, and the next place in the quota is free after the deadline of the call.",
		local: &mapping.LocalError{Reason: pelcrov1.ErrorReason_GATEWAY_RATE_LIMITED, Delay: 20 * time.Second, Quota: 120}, sandboxID: 605,
	},
	{
		key: "pending", name: "A create that may still complete",
		about: "A create with a request_id was sent, its response was lost, and Pelcro does not have the customer yet.",
		local: &mapping.LocalError{Reason: pelcrov1.ErrorReason_GATEWAY_CREATE_PENDING, Delay: 5 * time.Second},
	},
	{
		key: "untrusted", name: "Certificate not trusted",
		about:   "The TLS handshake failed because the certificate is not Pelcro's. Nothing was sent.",
		failure: mapping.NoResponse{Reason: pelcrov1.ErrorReason_PELCRO_TLS_UNTRUSTED},
	},
	{
		key: "reset", name: "Connection reset",
		about:   "The request was sent, then the connection broke.",
		failure: mapping.NoResponse{Reason: pelcrov1.ErrorReason_PELCRO_CONNECTION_LOST, Sent: true}, sandboxID: 601,
	},
	{
		key: "cut", name: "Response cut short",
		about:   "The response began, then the connection broke.",
		failure: mapping.NoResponse{Reason: pelcrov1.ErrorReason_PELCRO_CONNECTION_LOST, Sent: true}, sandboxID: 603,
	},
	{
		key: "malformed", name: "A response that breaks HTTP",
		about:   "The response is not HTTP, its headers are too large, or its body cannot be decompressed.",
		failure: mapping.NoResponse{Reason: pelcrov1.ErrorReason_PELCRO_MALFORMED_RESPONSE, Sent: true},
	},
	{
		key: "timeout", name: "No response in time",
		about:   "The request was sent; the time limit of this service ended the call.",
		failure: mapping.NoResponse{Reason: pelcrov1.ErrorReason_PELCRO_TIMEOUT, Sent: true}, sandboxID: 602, except: ", after --request-timeout",
	},
	{
		key: "deadline", name: "The caller's deadline passed",
		about:   "The request was sent; the caller's deadline passed before the response.",
		failure: mapping.NoResponse{Caller: context.DeadlineExceeded, Sent: true}, sandboxID: 602, maxTime: 2,
		except: "; perhaps without details, because grpcurl's own time is over, too",
	},
	{
		key: "cancelled", name: "The caller cancelled",
		about:   "The request was sent; the caller cancelled the call.",
		failure: mapping.NoResponse{Caller: context.Canceled, Sent: true},
	},
}

// findSituation returns the situation with that key, nil if there is none.
func findSituation(key string) *situation {
	for i := range situations {
		if situations[i].key == key {
			return &situations[i]
		}
	}
	return nil
}
