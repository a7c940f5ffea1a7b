package mapping_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// BenchmarkMapping compares the mapping with what a handler would otherwise do
// by hand. Read it as a ratio, "mapping" over "plain" of the same case, from one
// run on one machine:
//
//	go test ./mapping -run '^$' -bench Mapping -count 10 | benchstat -col /by -
//
// The plain translation cleans nothing, bounds nothing, gives no retry advice
// and sends its fields in random order, so a ratio of one is not to be had for
// free. Both end where a handler ends: with the error that it returns.
func BenchmarkMapping(b *testing.B) {
	operation, _ := mapping.CustomerOperation("UpdateCustomer")
	call := mapping.Call{
		Operation:  operation,
		ResourceID: "42",
		Credential: mapping.CredentialGateway,
		Remaining:  mapping.NoDeadline,
		RequestID:  "7f3c2a90d1e84b65",
	}
	header := http.Header{
		"Content-Type":          {"application/json"},
		"Cache-Control":         {"no-cache, private"},
		"X-Ratelimit-Limit":     {"100000"},
		"X-Ratelimit-Remaining": {"99995"},
	}
	for _, bench := range []struct {
		name  string
		reply mapping.Reply
	}{
		{"400", mapping.Reply{
			StatusCode: http.StatusBadRequest,
			Header:     header,
			Body: []byte(`{"errors":{"email":["The email must be a valid email address."],` +
				`"first_name":["The first name must not be greater than 255 characters."]}}`),
		}},
		{"404", mapping.Reply{
			StatusCode: http.StatusNotFound,
			Header:     header,
			Body:       []byte(`{"message":"Customer not found."}`),
		}},
	} {
		b.Run(bench.name+"/by=plain", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if plain(bench.reply.StatusCode, bench.reply.Body) == nil {
					b.Fatal("no error")
				}
			}
		})
		b.Run(bench.name+"/by=mapping", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				result := mapping.FromReply(call, bench.reply)
				if result.Err() == nil || result.Trailer() == nil {
					b.Fatal("no error")
				}
			}
		})
	}
}

// plain is the translation that a handler would write by hand: decode, pick a
// code, attach the details.
func plain(statusCode int, raw []byte) error {
	var body map[string]any
	if err := json.Unmarshal(raw, &body); err != nil {
		return status.Error(codes.Internal, "unreadable answer")
	}
	code, reason := codes.Internal, "INTERNAL"
	switch statusCode {
	case http.StatusBadRequest:
		code, reason = codes.InvalidArgument, "VALIDATION_FAILED"
	case http.StatusNotFound:
		code, reason = codes.NotFound, "NOT_FOUND"
	}
	message, _ := body["message"].(string)
	var violations []*errdetails.BadRequest_FieldViolation
	fields, _ := body["errors"].(map[string]any)
	for field, value := range fields {
		texts, _ := value.([]any)
		for _, text := range texts {
			description, _ := text.(string)
			violations = append(violations, &errdetails.BadRequest_FieldViolation{
				Field:       "customer." + field,
				Description: description,
			})
			message = description
		}
	}
	details := []protoadapt.MessageV1{&errdetails.ErrorInfo{
		Reason:   reason,
		Domain:   "pelcro-grpc",
		Metadata: map[string]string{"httpStatus": strconv.Itoa(statusCode)},
	}}
	if len(violations) > 0 {
		details = append(details, &errdetails.BadRequest{FieldViolations: violations})
	}
	s, err := status.New(code, message).WithDetails(details...)
	if err != nil {
		return status.Error(code, message)
	}
	return s.Err()
}
