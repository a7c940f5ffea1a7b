package mapping_test

import (
	"bytes"
	"net/http"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/pelcro-grpc/pelcro-grpc/internal/vectors"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// FuzzFromResponse: for every response, the caller gets a coded error that keeps
// every promise, the same one each time, and a server's failure says nothing of
// its body.
func FuzzFromResponse(f *testing.F) {
	names := map[string]uint8{}
	operations := mapping.CustomerOperations()
	for i, operation := range operations {
		names[operation.Name] = uint8(i)
	}
	for _, v := range vectors.Read(f, vectorFiles) {
		response := responseOf(v)
		f.Add(names[v.Operation], response.StatusCode, response.Body, response.Header.Get("Content-Type"),
			response.Header.Get("Retry-After"), response.Header.Get("Date"), response.Header.Get("X-RateLimit-Limit"), response.BodyIncomplete)
	}
	f.Fuzz(func(t *testing.T, operation uint8, status int, body []byte, contentType, retryAfter, date, limit string, incomplete bool) {
		call := callOf(t, operations[int(operation)%len(operations)].Name)
		response := mapping.Response{
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
		result := mapping.FromResponse(call, response)
		checkResponse(t, status, result)
		if again := mapping.FromResponse(call, response); !bytes.Equal(bytesOf(t, again), bytesOf(t, result)) {
			t.Errorf("%v, and then %v", result.Status(), again.Status())
		}
		if status >= 500 && status <= 599 {
			response.Body = nil
			if silent := mapping.FromResponse(call, response); silent.Origin() == result.Origin() && silent.Status().Message() != result.Status().Message() {
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
