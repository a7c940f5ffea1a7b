package mapping_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// BenchmarkMapping compares the mapping with what a handler would otherwise do
// by hand. Read it as a ratio, "mapping" over "plain" of the same case, from one
// run on one machine:
//
//	go test ./mapping -run '^$' -bench Mapping -count 10 | benchstat -col /by -
//
// The plain translation cleans nothing, bounds nothing, hides nothing, gives no
// advice but RetryInfo and sends its fields in random order. Both end where a
// handler ends: with the error that it returns and, for the mapping, the trailers
// that it sets.
func BenchmarkMapping(b *testing.B) {
	update := callOf(b, "UpdateCustomer")
	for _, bench := range []struct {
		name     string
		response mapping.Response
	}{
		{"400", benchResponse(400, `{"errors":{"email":["The email must be a valid email address."],`+
			`"first_name":["The first name must not be greater than 255 characters."]}}`)},
		{"401", benchResponse(401, `{"message":"Unauthenticated."}`)},
		{"403", benchResponse(403, `{"message":"This action is unauthorized."}`)},
		{"404", benchResponse(404, `{"message":"Customer not found."}`)},
		{"404 of Laravel", benchResponse(404, "{\n    \"message\": \"No query results for model [App\\\\Models\\\\Customer] 404\"\n}")},
		{"422 with 20 fields", benchResponse(422, manyErrors(b, 20, "The field must be a string."))},
		{"429", benchResponse(429, `{"message":"Too Many Attempts."}`,
			"Retry-After", "17", "X-RateLimit-Limit", "120", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "1795338040")},
		{"500", benchResponse(500, `{"message":"Server Error"}`)},
		{"503 page", benchResponse(503, "<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<body>\r\n"+
			"<center><h1>503 Service Temporarily Unavailable</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n",
			"Content-Type", "text/html")},
	} {
		compare(b, bench.name,
			func() error { return plainResponse(bench.response) },
			func() mapping.Result { return mapping.FromResponse(update, bench.response) },
		)
	}

	create := callOf(b, "CreateCustomer")
	lost := &url.Error{Op: "Post", URL: "https://www.pelcro.com/api/v1/core/customers", Err: errors.New("connection reset by peer")}
	compare(b, "no response",
		func() error { return plainNoResponse(lost) },
		func() mapping.Result { return mapping.FromNoResponse(create, mapping.NoResponse{Sent: true}) },
	)
	local := mapping.LocalError{
		Reason: pelcrov1.ErrorReason_GATEWAY_INVALID_REQUEST,
		Violations: []mapping.Violation{{
			Field: "customer.email", Description: "Must be an email address.", Reason: pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT,
		}},
	}
	compare(b, "local",
		func() error { return plainLocalError("customer.email", "Must be an email address.") },
		func() mapping.Result { return mapping.FromLocalError(create, local) },
	)
}

func compare(b *testing.B, name string, plain func() error, mapped func() mapping.Result) {
	b.Run(name+"/by=plain", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if plain() == nil {
				b.Fatal("no error")
			}
		}
	})
	b.Run(name+"/by=mapping", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			result := mapped()
			if result.Err() == nil || result.Trailer() == nil {
				b.Fatal("no error")
			}
		}
	})
}

func benchResponse(statusCode int, body string, header ...string) mapping.Response {
	response := mapping.Response{StatusCode: statusCode, Body: []byte(body), Header: http.Header{
		"Content-Type":          {"application/json"},
		"Cache-Control":         {"no-cache, private"},
		"Date":                  {"Sun, 22 Nov 2026 09:00:00 GMT"},
		"X-Ratelimit-Limit":     {"100000"},
		"X-Ratelimit-Remaining": {"99995"},
	}}
	for i := 0; i < len(header); i += 2 {
		response.Header.Set(header[i], header[i+1])
	}
	return response
}

// plainCodes are the codes that a handler would know, and their reasons.
var plainCodes = map[int]struct {
	code   codes.Code
	reason string
}{
	http.StatusBadRequest:          {codes.InvalidArgument, "VALIDATION_FAILED"},
	http.StatusUnauthorized:        {codes.Unauthenticated, "UNAUTHENTICATED"},
	http.StatusForbidden:           {codes.PermissionDenied, "PERMISSION_DENIED"},
	http.StatusNotFound:            {codes.NotFound, "NOT_FOUND"},
	http.StatusUnprocessableEntity: {codes.InvalidArgument, "VALIDATION_FAILED"},
	http.StatusTooManyRequests:     {codes.ResourceExhausted, "RATE_LIMITED"},
	http.StatusInternalServerError: {codes.Internal, "INTERNAL"},
	http.StatusServiceUnavailable:  {codes.Unavailable, "UNAVAILABLE"},
}

// plainResponse is the translation that a handler would write by hand: decode, pick
// a code, attach the details. Where the body cannot be decoded, the status has to
// do.
func plainResponse(response mapping.Response) error {
	var body struct {
		Message string              `json:"message"`
		Errors  map[string][]string `json:"errors"`
	}
	message := http.StatusText(response.StatusCode)
	if err := json.Unmarshal(response.Body, &body); err == nil && body.Message != "" {
		message = body.Message
	}
	var violations []*errdetails.BadRequest_FieldViolation
	for field, texts := range body.Errors {
		for _, description := range texts {
			violations = append(violations, &errdetails.BadRequest_FieldViolation{
				Field:       "customer." + field,
				Description: description,
			})
			message = description
		}
	}
	kind := plainCodes[response.StatusCode]
	details := []protoadapt.MessageV1{&errdetails.ErrorInfo{
		Reason:   kind.reason,
		Domain:   "pelcro-grpc",
		Metadata: map[string]string{"httpStatus": strconv.Itoa(response.StatusCode)},
	}}
	if len(violations) > 0 {
		details = append(details, &errdetails.BadRequest{FieldViolations: violations})
	}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(time.Duration(seconds) * time.Second)})
	}
	return plainStatus(kind.code, message, details...)
}

// plainNoResponse is what would be written by hand for a failed round trip.
func plainNoResponse(err error) error {
	code, reason := codes.Unavailable, "UNAVAILABLE"
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		code, reason = codes.DeadlineExceeded, "DEADLINE_EXCEEDED"
	case errors.Is(err, context.Canceled):
		code, reason = codes.Canceled, "CANCELLED"
	}
	return plainStatus(code, "Pelcro did not respond", &errdetails.ErrorInfo{Reason: reason, Domain: "pelcro-grpc"})
}

// plainLocalError is what would be written by hand for a bad request.
func plainLocalError(field, description string) error {
	return plainStatus(codes.InvalidArgument, description,
		&errdetails.ErrorInfo{Reason: "INVALID_REQUEST", Domain: "pelcro-grpc"},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: field, Description: description}}},
	)
}

func plainStatus(code codes.Code, message string, details ...protoadapt.MessageV1) error {
	s, err := status.New(code, message).WithDetails(details...)
	if err != nil {
		return status.Error(code, message)
	}
	return s.Err()
}
