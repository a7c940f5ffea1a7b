package mapping

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"text/template"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/protobuf/encoding/protojson"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/wiresize"
)

var update = flag.Bool("update", false, "rewrite docs/errors.md")

const (
	docsFile     = "../docs/errors.md"
	docsTemplate = "testdata/errors.md.tmpl"
)

// TestDocs keeps docs/errors.md what the rules, the catalog and the mapping
// itself make of it.
func TestDocs(t *testing.T) {
	want := renderDocs(t)
	if *update {
		if err := os.WriteFile(docsFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is out of date; run go test ./mapping -run TestDocs -update", docsFile)
	}
}

// TestCatalogIsComplete: no reason without an entry, no entry without a reason,
// and all that docs/errors.md needs in each.
func TestCatalogIsComplete(t *testing.T) {
	entries := map[pelcrov1.ErrorReason]int{noError: 1}
	inRules := map[pelcrov1.ErrorReason]bool{}
	for _, r := range rules {
		inRules[r.reason] = true
	}
	for _, info := range catalog {
		entries[info.reason]++
		if info.message == "" || info.advice == "" {
			t.Errorf("%v: something is missing", info.reason)
		}
		if !inRules[info.reason] && info.when == "" {
			t.Errorf("%s: nothing says when it comes", info.reason)
		}
		if info.code == 0 || code.Code_name[int32(info.code)] == "" {
			t.Errorf("%s has the code %d", info.reason, info.code)
		}
	}
	for value, name := range pelcrov1.ErrorReason_name {
		if entries[pelcrov1.ErrorReason(value)] != 1 {
			t.Errorf("%s has %d entries in the catalog", name, entries[pelcrov1.ErrorReason(value)])
		}
	}
	if len(entries) != len(pelcrov1.ErrorReason_name) {
		t.Errorf("%d reasons in the catalog, %d in the enum", len(entries), len(pelcrov1.ErrorReason_name))
	}
}

// otherwise is the condition of what earlier rules leave over.
const otherwise = "otherwise"

type docsRule struct{ Statuses, Condition, Code, Reason, Anchor string }

type docsReason struct {
	Name, Code, When, Advice, Sample, Trailers string
	Rows                                       []string
}

type docsFieldReason struct{ Name, Meaning, Texts string }

func renderDocs(t *testing.T) []byte {
	t.Helper()
	var data struct {
		MaxWireBytes, MaxStatusBytes int
		Rules                        []docsRule
		Reasons                      []docsReason
		FieldReasons                 []docsFieldReason
	}
	data.MaxWireBytes, data.MaxStatusBytes = wiresize.Max, wiresize.MaxStatus
	rows := map[pelcrov1.ErrorReason][]string{}
	for i, r := range rules {
		row := docsRule{Statuses: statusesText(r.statuses), Condition: conditionText(i), Code: "OK"}
		if r.reason != noError {
			row.Reason = r.reason.String()
			row.Code = code.Code_name[int32(infoOf[r.reason].code)]
			row.Anchor = strings.ToLower(row.Reason)
		}
		data.Rules = append(data.Rules, row)
		bullet := "HTTP " + row.Statuses
		if r.statuses == nil {
			bullet = "any other status"
		}
		switch row.Condition {
		case "":
		case otherwise:
			bullet += ", unless an earlier rule holds"
		default:
			bullet += ", " + row.Condition
		}
		rows[r.reason] = append(rows[r.reason], bullet)
	}
	samples := samples()
	for _, info := range catalog {
		result, ok := samples[info.reason]
		if !ok || result.Reason() != info.reason {
			t.Fatalf("%s needs a sample in docs_samples_test.go; there is %v", info.reason, result.Status())
		}
		data.Reasons = append(data.Reasons, docsReason{
			Name:     info.reason.String(),
			Code:     code.Code_name[int32(info.code)],
			Rows:     rows[info.reason],
			When:     info.when,
			Advice:   info.advice,
			Sample:   sampleText(t, result),
			Trailers: trailersText(result),
		})
	}
	for value, name := range inOrder(pelcrov1.FieldViolationReason_name) {
		meaning, ok := fieldMeanings[pelcrov1.FieldViolationReason(value)]
		if !ok {
			t.Errorf("no meaning of %s", name)
		}
		data.FieldReasons = append(data.FieldReasons, docsFieldReason{name, meaning, textsOf(pelcrov1.FieldViolationReason(value))})
	}
	if len(fieldMeanings) != len(data.FieldReasons) {
		t.Errorf("%d meanings of %d field reasons", len(fieldMeanings), len(data.FieldReasons))
	}
	page, err := template.ParseFiles(docsTemplate)
	if err != nil {
		t.Fatal(err)
	}
	var rendered bytes.Buffer
	if err := page.Execute(&rendered, data); err != nil {
		t.Fatal(err)
	}
	return []byte(wrapped(rendered.String()))
}

// inOrder yields the values of an enum but the unspecified one, by number.
func inOrder(names map[int32]string) func(func(int32, string) bool) {
	return func(yield func(int32, string) bool) {
		for _, value := range slices.Sorted(maps.Keys(names)) {
			if value != 0 && !yield(value, names[value]) {
				return
			}
		}
	}
}

func statusesText(spans spans) string {
	if spans == nil {
		return "anything else"
	}
	var texts []string
	for _, s := range spans {
		switch s {
		case success:
			texts = append(texts, "2xx")
		case span{300, 399}:
			texts = append(texts, "3xx")
		case span{400, 499}:
			texts = append(texts, "other 4xx")
		case span{500, 599}:
			texts = append(texts, "500 and other 5xx")
		default:
			text := fmt.Sprint(s.from)
			if s.to == s.from+1 {
				text += fmt.Sprintf(", %d", s.to)
			} else if s.to != s.from {
				text += fmt.Sprintf("–%d", s.to)
			}
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, ", ")
}

// conditionText returns the condition of a rule; one without a condition is for
// what earlier rules leave over of its statuses, if they take any.
func conditionText(i int) string {
	r := rules[i]
	if r.when.text != "" || r.statuses == nil || strings.Contains(statusesText(r.statuses), "other") {
		return r.when.text
	}
	for _, earlier := range rules[:i] {
		for _, s := range r.statuses {
			if earlier.covers(s.from) {
				return otherwise
			}
		}
	}
	return ""
}

// sampleText returns the status as JSON. The whitespace of protojson differ from
// build to build, so they are replaced.
func sampleText(t *testing.T, result Result) string {
	t.Helper()
	raw, err := protojson.Marshal(result.Status().Proto())
	if err != nil {
		t.Fatal(err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, raw, "", "  "); err != nil {
		t.Fatal(err)
	}
	return indented.String()
}

func trailersText(result Result) string {
	var texts []string
	trailer := result.Trailer()
	for _, name := range []string{trailerReason, TrailerRequestID, trailerPushback} {
		for _, value := range trailer[name] {
			texts = append(texts, "`"+name+": "+value+"`")
		}
	}
	return strings.Join(texts, ", ")
}

func textsOf(reason pelcrov1.FieldViolationReason) string {
	var texts []string
	for _, row := range fieldTexts {
		if row.reason != reason {
			continue
		}
		for _, text := range row.texts {
			texts = append(texts, "`"+strings.TrimSpace(text)+"`")
		}
	}
	if reason == pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE {
		texts = append(texts, "any other")
	}
	return strings.Join(texts, ", ")
}
