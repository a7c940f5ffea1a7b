package mapping

import (
	"os"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// The contract documents every key of the metadata and every value of a closed set, and docs/errors.md
// has a table of the same keys.
func TestMetadataIsDocumented(t *testing.T) {
	t.Parallel()
	proto, err := os.ReadFile("../proto/pelcro/v1/error_reason.proto")
	if err != nil {
		t.Fatal(err)
	}
	docs, err := os.ReadFile("../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	keys := []string{
		metaContentType, metaCredential, metaHTTPStatus, metaOperation, metaOrigin, metaOutcome, metaUpstreamMessage, metaViolationsOmitted,
	}
	for _, key := range keys {
		if !strings.Contains(string(proto), `// - "`+key+`": `) {
			t.Errorf("error_reason.proto lacks the key %q", key)
		}
		if !strings.Contains(string(docs), "\n| `"+key+"` | ") {
			t.Errorf("docs/errors.md lacks the key %q", key)
		}
	}
	if documented := strings.Count(string(proto), `// - "`); documented != len(keys) {
		t.Errorf("error_reason.proto has %d keys, want %d", documented, len(keys))
	}
	for _, value := range []string{
		string(OutcomeNotSent), string(OutcomeRejected), string(OutcomeApplied), string(OutcomeUnknown), string(OutcomePending),
		string(OriginPelcro), string(OriginIntermediary), credential(false), credential(true),
	} {
		if !strings.Contains(string(proto), ` "`+value+`":`) {
			t.Errorf("error_reason.proto lacks the value %q", value)
		}
	}
}

// The numbers of the reasons have no gaps.
func TestReasonNumbers(t *testing.T) {
	t.Parallel()
	for _, enum := range []protoreflect.EnumDescriptor{
		pelcrov1.ErrorReason(0).Descriptor(), pelcrov1.FieldViolationReason(0).Descriptor(),
	} {
		for i := range enum.Values().Len() {
			if value := enum.Values().Get(i); int(value.Number()) != i {
				t.Errorf("%s is %d, want %d, or reserved numbers before it", value.FullName(), value.Number(), i)
			}
		}
	}
}
