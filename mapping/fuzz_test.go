package mapping_test

import (
	"bytes"
	"net/http"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/pelcro-grpc/pelcro-grpc/internal/vectors"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// FuzzFromReply: whatever is answered, the caller gets a coded error that keeps
// every promise, the same one each time, and a server's failure says nothing of
// its body.
func FuzzFromReply(f *testing.F) {
	names := map[string]uint8{}
	operations := mapping.CustomerOperations()
	for i, operation := range operations {
		names[operation.Name] = uint8(i)
	}
	for _, v := range vectors.Read(f, vectorFiles) {
		reply := replyOf(v)
		f.Add(names[v.Operation], reply.StatusCode, reply.Body, reply.Header.Get("Content-Type"),
			reply.Header.Get("Retry-After"), reply.Header.Get("Date"), reply.Header.Get("X-RateLimit-Limit"), reply.BodyIncomplete)
	}
	f.Fuzz(func(t *testing.T, operation uint8, status int, body []byte, contentType, retryAfter, date, limit string, incomplete bool) {
		call := callOf(t, operations[int(operation)%len(operations)].Name)
		reply := mapping.Reply{
			StatusCode: status,
			Header: http.Header{
				"Content-Type":      {contentType},
				"Retry-After":       {retryAfter},
				"Date":              {date},
				"X-Ratelimit-Limit": {limit},
				"X-Ratelimit-Reset": {retryAfter},
			},
			Body:           body,
			BodyIncomplete: incomplete,
		}
		result := mapping.FromReply(call, reply)
		checkReply(t, status, result)
		if again := mapping.FromReply(call, reply); !bytes.Equal(bytesOf(t, again), bytesOf(t, result)) {
			t.Errorf("%v, and then %v", result.Status(), again.Status())
		}
		if status >= 500 && status <= 599 {
			reply.Body = nil
			if silent := mapping.FromReply(call, reply); silent.Origin() == result.Origin() && silent.Status().Message() != result.Status().Message() {
				t.Errorf("the body changes the message %q to %q", silent.Status().Message(), result.Status().Message())
			}
		}
	})
}

func bytesOf(t testing.TB, result mapping.Result) []byte {
	t.Helper()
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(result.Status().Proto())
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
