package mapping

import (
	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// fieldTexts recognises why a field was refused by the English text: Laravel's
// defaults, the wording up to version 9 and from 10 on (laravel/framework,
// src/Illuminate/Translation/lang/en/validation.php), and the texts that Pelcro
// is known to have of its own. Read from top to bottom, the first row whose
// parts all occur in the text decides. A translated or unknown text is
// FIELD_INVALID_VALUE; codes never depend on texts.
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
}

// fieldParts finds the parts of all rows.
var fieldParts = newPhrases(parts())

func parts() [][]string {
	rows := make([][]string, len(fieldTexts))
	for i, row := range fieldTexts {
		rows[i] = row.parts
	}
	return rows
}

func fieldReason(text string) pelcrov1.FieldViolationReason {
	found := fieldParts.in(text)
	for i, all := range fieldParts.rows {
		if found&all == all {
			return fieldTexts[i].reason
		}
	}
	return pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE
}

// fieldReasonName returns the reason on the wire.
func fieldReasonName(reason pelcrov1.FieldViolationReason) string {
	name, known := pelcrov1.FieldViolationReason_name[int32(reason)]
	if !known || reason == pelcrov1.FieldViolationReason_FIELD_VIOLATION_REASON_UNSPECIFIED {
		return pelcrov1.FieldViolationReason_name[int32(pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE)]
	}
	return name
}
