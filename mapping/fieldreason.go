package mapping

import (
	"slices"
	"strings"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// fieldTexts maps English texts to reasons: Laravel's defaults, in the wording up to version 9 and from
// 10 on (laravel/framework, src/Illuminate/Translation/lang/en/validation.php), and the known texts of
// Pelcro. Read from top to bottom: the first row whose parts are all in the text decides. A translated
// or unknown text is FIELD_INVALID_VALUE; codes never depend on texts.
var fieldTexts = []struct {
	parts  []string
	reason pelcrov1.FieldViolationReason
}{
	{[]string{"already been taken"}, pelcrov1.FieldViolationReason_FIELD_ALREADY_TAKEN},
	{[]string{"already in use"}, pelcrov1.FieldViolationReason_FIELD_ALREADY_TAKEN},
	{[]string{"already exists"}, pelcrov1.FieldViolationReason_FIELD_ALREADY_TAKEN},

	{[]string{" is required"}, pelcrov1.FieldViolationReason_FIELD_REQUIRED},
	{[]string{" must have a value"}, pelcrov1.FieldViolationReason_FIELD_REQUIRED},
	{[]string{" must be present"}, pelcrov1.FieldViolationReason_FIELD_REQUIRED},

	{[]string{" is prohibited"}, pelcrov1.FieldViolationReason_FIELD_PROHIBITED},
	{[]string{" must be missing"}, pelcrov1.FieldViolationReason_FIELD_PROHIBITED},
	{[]string{" prohibits ", " from being present"}, pelcrov1.FieldViolationReason_FIELD_PROHIBITED},

	{[]string{" not be greater than ", " characters"}, pelcrov1.FieldViolationReason_FIELD_TOO_LONG},
	{[]string{" not be greater than ", " kilobytes"}, pelcrov1.FieldViolationReason_FIELD_TOO_LONG},
	{[]string{" not have more than "}, pelcrov1.FieldViolationReason_FIELD_TOO_LONG},
	{[]string{" have less than ", " items"}, pelcrov1.FieldViolationReason_FIELD_TOO_LONG},
	{[]string{" items or less"}, pelcrov1.FieldViolationReason_FIELD_TOO_LONG},
	{[]string{" be less than ", " characters"}, pelcrov1.FieldViolationReason_FIELD_TOO_LONG},
	{[]string{" be at least ", " characters"}, pelcrov1.FieldViolationReason_FIELD_TOO_SHORT},
	{[]string{" be greater than ", " characters"}, pelcrov1.FieldViolationReason_FIELD_TOO_SHORT},
	{[]string{" be at least ", " kilobytes"}, pelcrov1.FieldViolationReason_FIELD_TOO_SHORT},
	{[]string{" have at least "}, pelcrov1.FieldViolationReason_FIELD_TOO_SHORT},
	{[]string{" have more than ", " items"}, pelcrov1.FieldViolationReason_FIELD_TOO_SHORT},
	{[]string{" items or more"}, pelcrov1.FieldViolationReason_FIELD_TOO_SHORT},

	{[]string{" be between ", " digits"}, pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT},
	{[]string{" must be ", " digits"}, pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT},
	{[]string{" must have ", " digits"}, pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT},

	{[]string{" not be greater than "}, pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE},
	{[]string{" be at least "}, pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE},
	{[]string{" have between "}, pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE},
	{[]string{" be between "}, pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE},
	{[]string{" be greater than "}, pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE},
	{[]string{" be less than "}, pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE},
	{[]string{" be a date after"}, pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE},
	{[]string{" be a date before"}, pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE},

	{[]string{" must be a string"}, pelcrov1.FieldViolationReason_FIELD_INVALID_TYPE},
	{[]string{" must be an integer"}, pelcrov1.FieldViolationReason_FIELD_INVALID_TYPE},
	{[]string{" must be a number"}, pelcrov1.FieldViolationReason_FIELD_INVALID_TYPE},
	{[]string{" must be true or false"}, pelcrov1.FieldViolationReason_FIELD_INVALID_TYPE},
	{[]string{" must be an array"}, pelcrov1.FieldViolationReason_FIELD_INVALID_TYPE},

	{[]string{" must be a valid "}, pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT},
	{[]string{" is not a valid "}, pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT},
	{[]string{" format is invalid"}, pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT},
	{[]string{" match the format "}, pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT},
	{[]string{" only contain "}, pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT},
	{[]string{" must contain at least one "}, pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT},
	{[]string{" start with one of "}, pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT},
	{[]string{" end with one of "}, pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT},
	{[]string{" must be ", " characters"}, pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT},

	{[]string{"The selected ", " is invalid"}, pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE},
	{[]string{" confirmation does not match"}, pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE},
	{[]string{" must match"}, pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE},
	{[]string{" must be different"}, pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE},
	{[]string{" has a duplicate value"}, pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE},
	{[]string{" has appeared in a data leak"}, pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE},
}

// ruleReasons are the reasons of Laravel's rules, for a raw translation key ("validation.required"),
// which Laravel sends when a text has no translation. The longest name that begins the rule counts.
var ruleReasons = map[string]pelcrov1.FieldViolationReason{
	"required":    pelcrov1.FieldViolationReason_FIELD_REQUIRED,
	"filled":      pelcrov1.FieldViolationReason_FIELD_REQUIRED,
	"present":     pelcrov1.FieldViolationReason_FIELD_REQUIRED,
	"accepted":    pelcrov1.FieldViolationReason_FIELD_REQUIRED,
	"unique":      pelcrov1.FieldViolationReason_FIELD_ALREADY_TAKEN,
	"prohibited":  pelcrov1.FieldViolationReason_FIELD_PROHIBITED,
	"prohibits":   pelcrov1.FieldViolationReason_FIELD_PROHIBITED,
	"missing":     pelcrov1.FieldViolationReason_FIELD_PROHIBITED,
	"max":         pelcrov1.FieldViolationReason_FIELD_TOO_LONG,
	"max.numeric": pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE,
	"min":         pelcrov1.FieldViolationReason_FIELD_TOO_SHORT,
	"min.numeric": pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE,
	"lt":          pelcrov1.FieldViolationReason_FIELD_TOO_LONG,
	"lt.numeric":  pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE,
	"lte":         pelcrov1.FieldViolationReason_FIELD_TOO_LONG,
	"lte.numeric": pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE,
	"gt":          pelcrov1.FieldViolationReason_FIELD_TOO_SHORT,
	"gt.numeric":  pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE,
	"gte":         pelcrov1.FieldViolationReason_FIELD_TOO_SHORT,
	"gte.numeric": pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE,
	"between":     pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE,
	"after":       pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE,
	"before":      pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE,
	"string":      pelcrov1.FieldViolationReason_FIELD_INVALID_TYPE,
	"integer":     pelcrov1.FieldViolationReason_FIELD_INVALID_TYPE,
	"numeric":     pelcrov1.FieldViolationReason_FIELD_INVALID_TYPE,
	"boolean":     pelcrov1.FieldViolationReason_FIELD_INVALID_TYPE,
	"array":       pelcrov1.FieldViolationReason_FIELD_INVALID_TYPE,
	"email":       pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT,
	"url":         pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT,
	"active_url":  pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT,
	"uuid":        pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT,
	"json":        pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT,
	"ip":          pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT,
	"date":        pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT,
	"timezone":    pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT,
	"regex":       pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT,
	"not_regex":   pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT,
	"alpha":       pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT,
	"digits":      pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT,
	"size":        pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT,
	"starts_with": pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT,
	"ends_with":   pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT,
	"password":    pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT,
}

// fieldReason returns the reason of a text; known is false if it is only the one for unknown texts.
func fieldReason(text string) (reason pelcrov1.FieldViolationReason, known bool) {
	if rule, ok := strings.CutPrefix(strings.TrimSpace(text), "validation."); ok && !strings.Contains(rule, " ") {
		reason := ruleReason(withoutAttribute(rule))
		return reason, reason != pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE || hasInvalidValueRule(rule)
	}
	for _, row := range fieldTexts {
		if containsAll(text, row.parts) {
			return row.reason, true
		}
	}
	return pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE, false
}

// invalidValueRules are the rules that have no more specific reason.
var invalidValueRules = []string{"exists", "in", "enum", "not_in", "confirmed", "same", "different", "distinct"}

// hasInvalidValueRule reports whether the key of a text, "exists" or "custom.email.exists", names one
// of them.
func hasInvalidValueRule(key string) bool {
	return slices.Contains(invalidValueRules, key[strings.LastIndexByte(key, '.')+1:])
}

// withoutAttribute returns the rule of a key for one attribute, "custom.email.required".
func withoutAttribute(rule string) string {
	rest, ok := strings.CutPrefix(rule, "custom.")
	for ok && ruleReason(rest) == pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE {
		_, rest, ok = strings.Cut(rest, ".")
	}
	if rest == "" {
		return rule
	}
	return rest
}

// ruleReason returns the reason of a rule, for example "max.string" or "required_with".
func ruleReason(rule string) pelcrov1.FieldViolationReason {
	reason, length := pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE, 0
	for name, r := range ruleReasons {
		rest, ok := strings.CutPrefix(rule, name)
		if ok && len(name) > length && (rest == "" || rest[0] == '.' || rest[0] == '_') {
			reason, length = r, len(name)
		}
	}
	return reason
}

func containsAll(text string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}

// fieldReasonName returns the reason on the wire.
func fieldReasonName(reason pelcrov1.FieldViolationReason) string {
	name, known := pelcrov1.FieldViolationReason_name[int32(reason)]
	if !known || reason == pelcrov1.FieldViolationReason_FIELD_VIOLATION_REASON_UNSPECIFIED {
		return pelcrov1.FieldViolationReason_name[int32(pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE)]
	}
	return name
}
