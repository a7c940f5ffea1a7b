package server

import (
	"testing"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

func TestSampleLimit(t *testing.T) {
	var limit sampleLimit
	begin := time.Now()
	for _, test := range []struct {
		name  string
		kind  mapping.UnrecognisedKind
		after time.Duration
		want  bool
	}{
		{"the first", mapping.FieldText, 0, true},
		{"another within the minute", mapping.FieldText, 59 * time.Second, false},
		{"another kind", mapping.BodyForm, 59 * time.Second, true},
		{"a minute later", mapping.FieldText, time.Minute, true},
		{"within the next minute", mapping.FieldText, time.Minute + 1, false},
	} {
		if got := limit.allow(test.kind, begin.Add(test.after)); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}
