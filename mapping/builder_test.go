package mapping

import (
	"math"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/wiresize"
)

// TestWorstCaseFits proves what the dropping of violations relies on: an error
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
			a := errorBuilder{
				call: Call{
					Operation:  Operation{Name: long, Resource: long},
					ResourceID: long,
					RequestID:  long,
				},
				info:   &catalog[i],
				advice: advice{outcome: OutcomeRejected, delay: 24 * time.Hour, pushback: "86400000"},
				quote:  cut(long, maxUpstreamMessage),
				violations: []*errdetails.BadRequest_FieldViolation{{
					Field: cut(long, maxFieldPath), Description: cut(long, maxDescription), Reason: longestReason,
				}},
				omitted: math.MaxInt,
				quota:   math.MaxInt64,
				// No error has all of these.
				precondition: "PRECONDITION",
				origin:       OriginPelcro,
				metadata: map[string]string{
					metaContentType: cut(long, maxMetadataValue),
					metaCredential:  cut(long, maxMetadataValue),
					metaHTTPStatus:  "99999",
				},
			}
			result := a.result()
			if len(a.violations) != 1 || result.Status().Code() != a.info.code {
				t.Errorf("%s: %v", a.info.reason, result.Status())
			}
			size := wiresize.Of(result.Status().Proto(), result.Trailer())
			if size.Status > wiresize.MaxStatus {
				t.Errorf("%s with %s: a status of %d bytes", a.info.reason, character, size.Status)
			}
			if size.Total() > wiresize.Max {
				t.Errorf("%s with %s: %d bytes on the wire", a.info.reason, character, size.Total())
			}
			largest = max(largest, size.Total())
		}
	}
	t.Logf("the largest takes %d of %d bytes", largest, wiresize.Max)
}
