package mapping

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// TestWorstCaseFits proves what the dropping of violations relies on: an answer
// with a single violation is within the budget, even with every detail that
// there is, and every text at its bound and in the costliest characters.
func TestWorstCaseFits(t *testing.T) {
	longestReason := ""
	for _, name := range pelcrov1.FieldViolationReason_name {
		if len(name) > len(longestReason) {
			longestReason = name
		}
	}
	largest := 0
	for i := range catalog {
		for _, character := range []string{"x", "%", "й", "日", "😀"} {
			long := strings.Repeat(character, 1000)
			a := answer{
				call: Call{
					Operation:  Operation{Name: long, Resource: long},
					ResourceID: long,
					RequestID:  long,
				},
				info:       &catalog[i],
				advice:     advice{outcome: OutcomeRejected, delay: maxDelay, pushback: "86400000"},
				suffix:     " (HTTP -2147483648)",
				quote:      cut(long, maxUpstreamMessage),
				violations: []violation{{cut(long, maxFieldPath), cut(long, maxDescription), longestReason}},
				omitted:    math.MaxInt,
				quota:      math.MaxInt64,
			}
			for key := range a.metadata {
				a.metadata[key] = cut(long, maxMetadataValue)
			}
			result := a.result()
			if len(a.violations) != 1 || result.Status().Code() != a.info.code {
				t.Errorf("%s: %v", a.info.name, result.Status())
			}
			if size := proto.Size(result.Status().Proto()); size > MaxStatusBytes {
				t.Errorf("%s with %s: a status of %d bytes", a.info.name, character, size)
			}
			if result.WireBytes() > MaxWireBytes {
				t.Errorf("%s with %s: %d bytes on the wire", a.info.name, character, result.WireBytes())
			}
			largest = max(largest, result.WireBytes())
		}
	}
	t.Logf("the largest takes %d of %d bytes", largest, MaxWireBytes)
}

// TestPack compares the encoding of the details with the library's.
func TestPack(t *testing.T) {
	metadata := [len(metadataKeys)]string{}
	for key := range metadata {
		if key != metaCredential {
			metadata[key] = strings.Repeat(metadataKeys[key], 20)
		}
	}
	asMap := map[string]string{}
	for key, value := range metadata {
		if value != "" {
			asMap[metadataKeys[key]] = value
		}
	}
	long := strings.Repeat("й", 100)
	for _, test := range []struct {
		packed *anypb.Any
		want   proto.Message
	}{
		{packErrorInfo("REASON", metadata), &errdetails.ErrorInfo{Reason: "REASON", Domain: Domain, Metadata: asMap}},
		{packErrorInfo("REASON", [len(metadataKeys)]string{}), &errdetails.ErrorInfo{Reason: "REASON", Domain: Domain}},
		{packBadRequest([]violation{{"a", long, "c"}, {"", "b", ""}, {}}), &errdetails.BadRequest{
			FieldViolations: []*errdetails.BadRequest_FieldViolation{
				{Field: "a", Description: long, Reason: "c"},
				{Description: "b"},
				{},
			},
		}},
		{packResourceInfo("type", long), &errdetails.ResourceInfo{ResourceType: "type", ResourceName: long}},
		{packResourceInfo("", "name"), &errdetails.ResourceInfo{ResourceName: "name"}},
		{packRequestInfo("id"), &errdetails.RequestInfo{RequestId: "id"}},
		{packRetryInfo(time.Minute), nil},
		{packQuotaFailure(60), nil},
	} {
		if _, err := test.packed.UnmarshalNew(); err != nil {
			t.Errorf("%s: %v", test.packed.GetTypeUrl(), err)
		}
		if test.want == nil {
			continue
		}
		want := new(anypb.Any)
		if err := anypb.MarshalFrom(want, test.want, proto.MarshalOptions{Deterministic: true}); err != nil {
			t.Fatal(err)
		}
		if test.packed.GetTypeUrl() != want.GetTypeUrl() || !bytes.Equal(test.packed.GetValue(), want.GetValue()) {
			t.Errorf("%v, want %v", test.packed, want)
		}
		if cap(test.packed.GetValue()) > len(test.packed.GetValue())+8 {
			t.Errorf("%s: %d bytes reserved for %d", want.GetTypeUrl(), cap(test.packed.GetValue()), len(test.packed.GetValue()))
		}
	}
}
