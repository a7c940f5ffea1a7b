package promises_test

import (
	"io"
	"net/http"
	"strings"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// noUpstream is the URL for services whose transport is a [roundTrip].
const noUpstream = "http://127.0.0.1:1"

// roundTrip is an upstream without a network.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	return f(r)
}

// withTransport makes the service call Pelcro through the transport.
func withTransport(transport http.RoundTripper) func(*gatewaytest.Config) {
	return func(c *gatewaytest.Config) { c.Pelcro.Transport = transport }
}

// httpResponse returns a response with a JSON body.
func httpResponse(code int, body string) *http.Response {
	return &http.Response{
		StatusCode: code,
		ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   io.NopCloser(strings.NewReader(body)),
	}
}

// successResponse returns the response of a successful operation on customer 42.
func successResponse(r *http.Request) *http.Response {
	switch {
	case r.Method == http.MethodDelete:
		return httpResponse(http.StatusNoContent, "")
	case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/customers"):
		return httpResponse(http.StatusOK, `{"data":[{"id":42}],"meta":{"current_page":1,"last_page":1}}`)
	}
	return httpResponse(http.StatusOK, `{"data":{"id":42}}`)
}

// succeed is successResponse as a [roundTrip].
func succeed(r *http.Request) (*http.Response, error) { return successResponse(r), nil }

// neverRespond is a Pelcro that receives requests and never responds.
func neverRespond(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}
