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
	"google.golang.org/protobuf/types/known/durationpb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// TestPack compares the encoding of every kind of detail with the library's.
func TestPack(t *testing.T) {
	metadata := [len(metadataKeys)]string{}
	asMap := map[string]string{}
	for key := range metadata {
		if key != metaCredential {
			metadata[key] = strings.Repeat(metadataKeys[key], 20)
			asMap[metadataKeys[key]] = metadata[key]
		}
	}
	quota := func(n int64) proto.Message {
		return &errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{
			{Subject: quotaSubject, Description: quotaDescription, QuotaValue: n},
		}}
	}
	delay := func(d time.Duration) proto.Message { return &errdetails.RetryInfo{RetryDelay: durationpb.New(d)} }
	long := strings.Repeat("й", 100)
	for _, test := range []struct {
		packed []byte
		want   proto.Message
	}{
		{appendErrorInfo(nil, "REASON", &metadata), &errdetails.ErrorInfo{Reason: "REASON", Domain: Domain, Metadata: asMap}},
		{appendErrorInfo(nil, "REASON", new([len(metadataKeys)]string)), &errdetails.ErrorInfo{Reason: "REASON", Domain: Domain}},
		{appendBadRequest(nil, []violation{{"a", long, "c"}, {"", "b", ""}, {}}), &errdetails.BadRequest{
			FieldViolations: []*errdetails.BadRequest_FieldViolation{
				{Field: "a", Description: long, Reason: "c"},
				{Description: "b"},
				{},
			},
		}},
		{appendRetryInfo(nil, 0), delay(0)},
		{appendRetryInfo(nil, time.Second), delay(time.Second)},
		{appendRetryInfo(nil, maxDelay), delay(maxDelay)},
		{appendRetryInfo(nil, 90*time.Second+time.Nanosecond), delay(90*time.Second + time.Nanosecond)},
		{appendRetryInfo(nil, math.MaxInt64), delay(math.MaxInt64)},
		{appendQuotaFailure(nil, 0), quota(0)},
		{appendQuotaFailure(nil, 60), quota(60)},
		{appendQuotaFailure(nil, math.MaxInt64), quota(math.MaxInt64)},
		{appendResourceInfo(nil, "type", long), &errdetails.ResourceInfo{ResourceType: "type", ResourceName: long}},
		{appendResourceInfo(nil, "", "name"), &errdetails.ResourceInfo{ResourceName: "name"}},
		{appendResourceInfo(nil, "", ""), &errdetails.ResourceInfo{}},
		{appendRequestInfo(nil, "id"), &errdetails.RequestInfo{RequestId: "id"}},
	} {
		want, err := proto.MarshalOptions{Deterministic: true}.Marshal(test.want)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(test.packed, want) {
			t.Errorf("%v is %q, want %q", test.want, test.packed, want)
		}
	}
}

// TestDraft writes on a used sheet, and compares the size with the library's.
func TestDraft(t *testing.T) {
	a := answer{
		call:       Call{Operation: Operation{Resource: "type"}, ResourceID: "42"},
		info:       infoOf[pelcrov1.ErrorReason_PELCRO_NOT_FOUND],
		advice:     advice{delay: time.Minute},
		violations: []violation{{"a", strings.Repeat("b", 1000), "c"}, {}},
		quota:      60,
	}
	d := takeDraft()
	defer drafts.Put(d)
	for _, message := range []string{"first", strings.Repeat("second", 100), ""} {
		a.write(d, message, "id")
		if len(d.status.GetDetails()) != maxDetails {
			t.Errorf("%d details", len(d.status.GetDetails()))
		}
		names := map[string]bool{}
		for _, detail := range d.status.GetDetails() {
			m, err := detail.UnmarshalNew()
			if err != nil || names[detail.GetTypeUrl()] {
				t.Fatalf("%v: %v", detail, err)
			}
			names[detail.GetTypeUrl()] = true
			whole := new(anypb.Any)
			if err := anypb.MarshalFrom(whole, m, proto.MarshalOptions{Deterministic: true}); err != nil || !proto.Equal(whole, detail) {
				t.Errorf("%v, want %v", detail, whole)
			}
		}
		if got, want := d.size(), proto.Size(&d.status); got != want {
			t.Errorf("size %d, want %d", got, want)
		}
		a.violations[0].description = "shorter"
	}
}
