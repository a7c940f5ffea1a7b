package mapping_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// worst are the errors that come nearest to the budget.
func worst(t testing.TB) map[string]mapping.Result {
	header := http.Header{
		"Content-Type":      {"application/json"},
		"Retry-After":       {"86399"},
		"X-Ratelimit-Limit": {"9999999999"},
	}
	text := strings.Repeat("Поле обязательно. ", 2000)
	response := func(status int, body string) mapping.Response {
		return mapping.Response{StatusCode: status, Header: header, Body: []byte(body)}
	}
	create, read := callOf(t, "CreateCustomer"), callOf(t, "GetCustomer")
	read.ResourceID, read.RequestID = strings.Repeat("9", 64), strings.Repeat("r", 64)
	return map[string]mapping.Result{
		"1000 violations":       mapping.FromResponse(create, response(400, manyErrors(t, 1000, "The field is required."))),
		"long Cyrillic texts":   mapping.FromResponse(create, response(422, manyErrors(t, 100, text[:2000]))),
		"long Cyrillic message": mapping.FromResponse(read, response(404, `{"message":"`+text+`"}`)),
		"rate limit":            mapping.FromResponse(read, response(429, `{"message":"`+text+`"}`)),
		"percent signs":         mapping.FromResponse(create, response(400, manyErrors(t, 100, strings.Repeat("%", 300)))),
		"conflict":              mapping.FromResponse(create, response(409, manyErrors(t, 100, "Уже занято."))),
		"page":                  mapping.FromResponse(create, response(500, page)),
		"no response":           mapping.FromNoResponse(create, mapping.NoResponse{Sent: true}),
		"local": mapping.FromLocalError(create, mapping.LocalError{
			Reason:     pelcrov1.ErrorReason_GATEWAY_INVALID_REQUEST,
			Violations: make([]mapping.Violation, 500),
		}),
	}
}

// TestRoundTrip sends the worst errors through a real server to clients that
// take no more than 8 KiB, and to clients that take just its size.
func TestRoundTrip(t *testing.T) {
	for name, result := range worst(t) {
		t.Run(name, func(t *testing.T) {
			limits := map[string]uint32{
				"8 KiB":    8 << 10,
				"its size": uint32(wireSize(result)),
			}
			for limit, bytes := range limits {
				got, trailer := receive(t, result, bytes)
				if !proto.Equal(got.Proto(), result.Status().Proto()) {
					t.Errorf("%s: arrived as %v", limit, got)
				}
				for name, values := range result.Trailer() {
					if strings.Join(trailer[name], ",") != strings.Join(values, ",") {
						t.Errorf("%s: trailer %s arrived as %q", limit, name, trailer[name])
					}
				}
			}
			if got, _ := receive(t, result, uint32(wireSize(result)-40)); len(got.Details()) > 0 {
				t.Errorf("arrived within %d bytes, its size is %d", wireSize(result)-40, wireSize(result))
			}
		})
	}
}

// receive returns what reaches a client that takes so many bytes of header list.
func receive(t *testing.T, result mapping.Result, maxHeaderList uint32) (*status.Status, metadata.MD) {
	t.Helper()
	listener := bufconn.Listen(64 << 10)
	server := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		stream.SetTrailer(result.Trailer())
		return result.Err()
	}))
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()
	conn, err := grpc.NewClient("passthrough:///bufconn",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithMaxHeaderListSize(maxHeaderList),
		grpc.WithDisableRetry(),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	var trailer metadata.MD
	err = conn.Invoke(t.Context(), "/pelcro.v1.CustomerService/GetCustomer", &emptypb.Empty{}, &emptypb.Empty{}, grpc.Trailer(&trailer))
	return status.Convert(err), trailer
}
