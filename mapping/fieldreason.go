package mapping

import (
	"slices"
	"strings"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// fieldTexts are English texts by reason: Laravel's defaults, in the wording up to version 9 and from
// 10 on (laravel/framework, src/Illuminate/Translation/lang/en/validation.php), and the known texts of
// Pelcro. "…" is any text in between. Read from top to bottom: the first row with a text that is in
// the field's text decides. A translated or unknown text is FIELD_INVALID_VALUE; codes never depend on
// texts.
var fieldTexts = []struct {
	reason pelcrov1.FieldViolationReason
	texts  []string
}{
	{pelcrov1.FieldViolationReason_FIELD_ALREADY_TAKEN, []string{"already been taken", "already in use", "already exists"}},
	{pelcrov1.FieldViolationReason_FIELD_REQUIRED, []string{" is required", " must have a value", " must be present"}},
	{pelcrov1.FieldViolationReason_FIELD_PROHIBITED, []string{" is prohibited", " must be missing", " prohibits … from being present"}},
	{pelcrov1.FieldViolationReason_FIELD_TOO_LONG, []string{
		" not be greater than … characters", " not be greater than … kilobytes", " not have more than ",
		" have less than … items", " items or less", " be less than … characters",
	}},
	{pelcrov1.FieldViolationReason_FIELD_TOO_SHORT, []string{
		" be at least … characters", " be greater than … characters", " be at least … kilobytes", " have at least ",
		" have more than … items", " items or more",
	}},
	{pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT, []string{" be between … digits", " must be … digits", " must have … digits"}},
	{pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE, []string{
		" not be greater than ", " be at least ", " have between ", " be between ", " be greater than ", " be less than ",
		" be a date after", " be a date before",
	}},
	{pelcrov1.FieldViolationReason_FIELD_INVALID_TYPE, []string{
		" must be a string", " must be an integer", " must be a number", " must be true or false", " must be an array",
	}},
	{pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT, []string{
		" must be a valid ", " is not a valid ", " format is invalid", " match the format ", " only contain ",
		" must contain at least one ", " start with one of ", " end with one of ", " must be … characters",
	}},
	{pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE, []string{
		"The selected … is invalid", " confirmation does not match", " must match", " must be different", " has a duplicate value",
		" has appeared in a data leak",
	}},
}

// ruleReasons are the reasons of Laravel's rules, for a raw translation key ("validation.required"),
// which Laravel sends when a text has no translation. The longest name that begins the rule counts.
var ruleReasons = func() map[string]pelcrov1.FieldViolationReason {
	reasons := map[string]pelcrov1.FieldViolationReason{}
	for reason, rules := range map[pelcrov1.FieldViolationReason]string{
		pelcrov1.FieldViolationReason_FIELD_REQUIRED:      "required filled present accepted",
		pelcrov1.FieldViolationReason_FIELD_ALREADY_TAKEN: "unique",
		pelcrov1.FieldViolationReason_FIELD_PROHIBITED:    "prohibited prohibits missing",
		pelcrov1.FieldViolationReason_FIELD_TOO_LONG:      "max lt lte",
		pelcrov1.FieldViolationReason_FIELD_TOO_SHORT:     "min gt gte",
		pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE: "max.numeric lt.numeric lte.numeric min.numeric gt.numeric gte.numeric " +
			"between after before",
		pelcrov1.FieldViolationReason_FIELD_INVALID_TYPE: "string integer numeric boolean array",
		pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT: "email url active_url uuid json ip date timezone regex not_regex alpha " +
			"digits size starts_with ends_with password",
	} {
		for rule := range strings.FieldsSeq(rules) {
			reasons[rule] = reason
		}
	}
	return reasons
}()

// fieldReason returns the reason of a text; known is false if it is only the one for unknown texts.
func fieldReason(text string) (reason pelcrov1.FieldViolationReason, known bool) {
	if rule, ok := strings.CutPrefix(strings.TrimSpace(text), "validation."); ok && !strings.Contains(rule, " ") {
		reason := ruleReason(withoutAttribute(rule))
		return reason, reason != pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE || hasInvalidValueRule(rule)
	}
	for _, row := range fieldTexts {
		if slices.ContainsFunc(row.texts, func(known string) bool { return contains(text, known) }) {
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

// contains reports whether the text has every part of the known text.
func contains(text, known string) bool {
	for part := range strings.SplitSeq(known, "…") {
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
