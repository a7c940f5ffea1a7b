package customers

import (
	"context"
	"errors"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
	"github.com/pelcro-grpc/pelcro-grpc/server"
)

// Upstream connects a server to the client. It serves every resource.
func Upstream(client *pelcro.Client) server.Upstream {
	return server.Upstream{
		OnCircuitChange:    client.OnCircuitChange,
		OnAPIKeyStatus:     client.OnAPIKeyStatus,
		WithCallStats:      pelcro.WithCallStats,
		WithResponseHeader: pelcro.WithResponseHeader,
		WithAuthorization:  pelcro.WithAuthorization,
		WithCaller: func(ctx context.Context, caller server.Caller) context.Context {
			return pelcro.WithCaller(ctx, pelcro.Caller{Name: caller.Name, Share: caller.Share, Bulk: caller.Bulk})
		},
		Failure:           failureOf,
		RecordKeyRejected: client.RecordKeyRejected,
	}
}

// failures are the outcomes without a response; any other is a lost connection.
var failures = map[pelcro.Outcome]pelcrov1.ErrorReason{
	pelcro.Unreachable: pelcrov1.ErrorReason_PELCRO_UNREACHABLE,
	pelcro.Untrusted:   pelcrov1.ErrorReason_PELCRO_TLS_UNTRUSTED,
	pelcro.TimedOut:    pelcrov1.ErrorReason_PELCRO_TIMEOUT,
	pelcro.BadResponse: pelcrov1.ErrorReason_PELCRO_MALFORMED_RESPONSE,
}

// failureOf describes the error of the client to the server.
func failureOf(err error) (failure server.UpstreamFailure, ok bool) {
	failed, ok := errors.AsType[*pelcro.Error](err)
	if !ok {
		return failure, false
	}
	failure.NoResponse = mapping.NoResponse{Reason: failures[failed.Outcome], Sent: failed.Sent}
	switch failed.Outcome {
	case pelcro.CircuitOpen:
		failure.CircuitOpen = failed.RetryAfter
	case pelcro.RateLimited:
		failure.QuotaWait, failure.Quota = failed.RetryAfter, int64(failed.Limit)
	case pelcro.Stopped:
		failure.Stopping = true
	}
	if response := failed.Response; response != nil {
		failure.Response = &mapping.Response{
			StatusCode:     response.StatusCode,
			Header:         response.RedactedHeader(),
			Body:           response.RedactedBody(),
			BodyIncomplete: response.Incomplete,
			TooLarge:       response.TooLarge,
			Unusable:       failed.Outcome == pelcro.BadResponse,
		}
	}
	return failure, true
}
