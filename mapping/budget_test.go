package mapping_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/wiresize"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

func TestManyViolations(t *testing.T) {
	for _, test := range []struct {
		name      string
		count     int
		text      string
		kept      int  // at least so many
		truncated bool // whether some must be missing
	}{
		{"as usual", 3, "The field is required.", 3, false},
		{"many", 30, "The field is required.", 30, false},
		{"more than are read", 1000, "No.", 30, true},
		{"long", 1000, strings.Repeat("x", 1000), 5, true},
		{"long, not ASCII", 1000, strings.Repeat("Поле обязательно. ", 100), 3, true},
		{"long, only a few", 20, strings.Repeat("дй", 1000), 3, true},
		{"one, long", 1, strings.Repeat("😀", 1000), 1, false},
		{"percent signs", 100, strings.Repeat("%", 500), 3, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			body := manyErrors(t, test.count, test.text)
			if len(body) > mapping.MaxErrorBody {
				body = manyErrors(t, mapping.MaxErrorBody/(len(test.text)+20), test.text)
			}
			for _, operation := range []string{"CreateCustomer", "ListCustomers"} {
				for _, status := range []int{400, 404, 422, 200} {
					result := mapping.FromResponse(callOf(t, operation), jsonResponse(status, body))
					kept := checkCounted(t, result, strings.Count(body, "field0"))
					if kept < test.kept || test.truncated != (kept < test.count) {
						t.Errorf("%s, HTTP %d: %d violations", operation, status, kept)
					}
				}
			}
		})
	}
}

// TestKeptViolationsAreTheFirst: what is dropped is dropped from the end, and no
// more of it than the budget asks for.
func TestKeptViolationsAreTheFirst(t *testing.T) {
	result := mapping.FromResponse(callOf(t, "CreateCustomer"), jsonResponse(400, manyErrors(t, 90, strings.Repeat("Поле ", 10))))
	violations := violationsOf(t, result)
	for i, got := range violations {
		if want := "customer.field00" + strconv.Itoa(i/10) + strconv.Itoa(i%10) + "="; !strings.HasPrefix(got, want) {
			t.Errorf("violation %d is %q", i, got)
		}
	}
	if spare := wiresize.MaxStatus - statusSize(result); spare > 300 {
		t.Errorf("%d violations kept, and %d bytes to spare", len(violations), spare)
	}
}

// TestHugeTexts has one text as long as a body may be.
func TestHugeTexts(t *testing.T) {
	for _, character := range []string{"x", "й", `\u0000`, `\n`, "\xff", `\\`, "<", "://"} {
		text := strings.Repeat(character, (mapping.MaxErrorBody-100)/len(character))
		for _, body := range []string{
			`{"message":"` + text + `"}`,
			`{"errors":{"email":["` + text + `"]}}`,
			`{"errors":{"` + text + `":["x"]}}`,
			`{"errors":{"metadata":{"` + text + `":"x"}}}`,
		} {
			checkPromises(t, mapping.FromResponse(callOf(t, "CreateCustomer"), jsonResponse(400, body)))
		}
	}
}

// TestLongInputs has a call whose every text is longer than its bound.
func TestLongInputs(t *testing.T) {
	for _, character := range []string{"x", "%", "й", "😀", "\xff", "\x00"} {
		long := strings.Repeat(character, 1000)
		call := callOf(t, "UpdateCustomer")
		call.Operation.Name, call.Operation.Resource, call.ResourceID = long, long, long
		call.Operation = call.Operation.WithParent(long)
		for status := range everyStatus {
			for _, body := range []string{page, fieldErrors, message} {
				checkPromises(t, mapping.FromResponse(call, jsonResponse(status, body)))
			}
		}
	}
}

// checkCounted checks that no violation is lost without being counted, and
// returns how many were kept.
func checkCounted(t *testing.T, result mapping.Result, all int) int {
	t.Helper()
	d := checkPromises(t, result)
	kept := len(d.badRequest.GetFieldViolations())
	omitted := 0
	if text := d.info.GetMetadata()["violationsOmitted"]; text != "" {
		var err error
		if omitted, err = strconv.Atoi(text); err != nil || omitted == 0 {
			t.Errorf("violationsOmitted %q", text)
		}
	}
	if kept == 0 || kept+omitted != all {
		t.Errorf("%d violations and %d omitted, want %d in all", kept, omitted, all)
	}
	if more := " (+" + strconv.Itoa(all-1) + " more)"; all > 1 && !strings.HasSuffix(result.Status().Message(), more) {
		t.Errorf("message %q, want the end %q", result.Status().Message(), more)
	}
	return kept
}
