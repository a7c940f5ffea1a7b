package customers

import (
	"context"
	"errors"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
	"github.com/pelcro-grpc/pelcro-grpc/server"
)

// Upstream connects a server to the client. It serves every resource.
func Upstream(client *pelcro.Client) server.Upstream {
	return server.Upstream{
		OnCircuitChange: client.OnCircuitChange,
		OnAPIKeyStatus:  client.OnAPIKeyStatus,
		WithStats: func(ctx context.Context, stats *server.CallStats) context.Context {
			return pelcro.WithCallStats(ctx, (*pelcro.CallStats)(stats))
		},
		WithAuthorization: func(ctx context.Context, value string) context.Context {
			return pelcro.WithAuthorization(ctx, pelcro.NewSecret(value))
		},
		Failure: failure,
		RejectKey: func(err error) {
			if failed, ok := errors.AsType[*pelcro.Error](err); ok {
				client.RecordKeyRejected(failed)
			}
		},
	}
}

// failures are the outcomes without a response; any other is a lost connection.
var failures = map[pelcro.Outcome]mapping.Failure{
	pelcro.Unreachable: mapping.Unreachable,
	pelcro.Untrusted:   mapping.Untrusted,
	pelcro.TimedOut:    mapping.TimedOut,
	pelcro.BadResponse: mapping.BadResponse,
}

func failure(err error) (f server.UpstreamFailure, ok bool) {
	failed, ok := errors.AsType[*pelcro.Error](err)
	if !ok {
		return f, false
	}
	f = server.UpstreamFailure{
		NoResponse:  mapping.NoResponse{Failure: failures[failed.Outcome], Sent: failed.Sent},
		CircuitOpen: failed.Outcome == pelcro.CircuitOpen,
		RetryAfter:  failed.RetryAfter,
	}
	if response := failed.Response; response != nil {
		f.Explained = failed.Err == nil && response.StatusCode/100 == 4
		f.Response = &mapping.Response{
			StatusCode:     response.StatusCode,
			Header:         response.RedactedHeader(),
			Body:           response.RedactedBody(),
			BodyIncomplete: response.Incomplete,
			TooLarge:       response.TooLarge,
			Unusable:       failed.Outcome == pelcro.BadResponse,
		}
	}
	return f, true
}
