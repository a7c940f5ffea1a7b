package mapping_test

import (
	"encoding/json"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// TestFieldReasons has the texts of Laravel's rules as the framework prints
// them, in both wordings where they differ, and those that Pelcro is known for.
func TestFieldReasons(t *testing.T) {
	for reason, texts := range map[string][]string{
		"FIELD_REQUIRED": {
			"The email field is required.",
			"The password field is required when password type is password_bcrypt.",
			"The password field is required unless password type is in none, other.",
			"The password field is required when password type is present.",
			"The password field is required when password type / site are present.",
			"The email field is required when display name is not present.",
			"The email field is required when none of old provider id / display name are present.",
			"The email field must have a value.",
			"The email field must be present.",
			"Plan ID is required",
		},
		"FIELD_INVALID_TYPE": {
			"The first name field must be a string.",
			"The first name must be a string.",
			"The organization field must be an integer.",
			"The organization must be an integer.",
			"The organization field must be a number.",
			"The organization must be a number.",
			"The tele marketing field must be true or false.",
			"The metadata field must be an array.",
			"The metadata must be an array.",
		},
		"FIELD_INVALID_FORMAT": {
			"The email field must be a valid email address.",
			"The email must be a valid email address.",
			"The country field must be 2 characters.",
			"The country must be 2 characters.",
			"The phone field must be 10 digits.",
			"The phone must be 10 digits.",
			"The phone field must be between 5 and 15 digits.",
			"The phone must be between 5 and 15 digits.",
			"The username field must only contain letters, numbers, dashes, and underscores.",
			"The username must only contain letters, numbers, dashes and underscores.",
			"The username may only contain letters, numbers, dashes and underscores.",
			"The payment gateway id field format is invalid.",
			"The payment gateway id format is invalid.",
			"The payment gateway id field must start with one of the following: cus_.",
			"The payment gateway id must start with one of the following: cus_.",
			"The birthday field must be a valid date.",
			"The birthday is not a valid date.",
			"The birthday field must match the format Y-m-d.",
			"The birthday does not match the format Y-m-d.",
			"The password field must contain at least one letter.",
			"The password must contain at least one number.",
			"The password field must contain at least one symbol.",
			"The password must contain at least one uppercase and one lowercase letter.",
			"The site field must be a valid URL.",
			"The key field must be a valid UUID.",
			"The metadata must be a valid JSON string.",
			"The ip must be a valid IP address.",
			"The zone field must be a valid timezone.",
			"The zone must be a valid zone.",
		},
		"FIELD_ALREADY_TAKEN": {
			"The email has already been taken.",
			"This email is already in use.",
			"A customer with this email already exists.",
		},
		"FIELD_TOO_LONG": {
			"The first name field must not be greater than 255 characters.",
			"The first name must not be greater than 255 characters.",
			"The first name may not be greater than 255 characters.",
			"The expand field must not have more than 5 items.",
			"The expand must not have more than 5 items.",
		},
		"FIELD_TOO_SHORT": {
			"The phone field must be at least 5 characters.",
			"The phone must be at least 5 characters.",
			"The expand field must have at least 1 items.",
			"The expand must have at least 1 items.",
		},
		"FIELD_OUT_OF_RANGE": {
			"The limit field must not be greater than 100.",
			"The limit must not be greater than 100.",
			"The page field must be at least 1.",
			"The page must be at least 1.",
			"The limit field must be between 1 and 100.",
			"The limit must be between 1 and 100.",
			"The first name field must be between 2 and 50 characters.",
			"The first name must be between 2 and 50 characters.",
			"The birthday field must be a date after 1900-01-01.",
			"The birthday must be a date after 1900-01-01.",
			"The birthday field must be a date before tomorrow.",
			"The birthday must be a date before tomorrow.",
		},
		"FIELD_PROHIBITED": {
			"The default source field is prohibited.",
			"The default source field is prohibited when site is 1.",
		},
		"FIELD_INVALID_VALUE": {
			"The selected organization is invalid.",
			"The password field confirmation does not match.",
			"The password confirmation does not match.",
			"The password field must match password type.",
			"The password and password type must match.",
			"The email field and username must be different.",
			"The email and username must be different.",
			"The addresses.0.line1 field has a duplicate value.",
			"The given password has appeared in a data leak. Please choose a different password.",
			"Le champ email est obligatoire.",
			"メールアドレスは必須です。",
			"",
		},
	} {
		for _, text := range texts {
			body, err := json.Marshal(map[string]any{"errors": map[string]string{"x": text}})
			if err != nil {
				t.Fatal(err)
			}
			result := mapping.FromResponse(callOf(t, "CreateCustomer"), jsonResponse(400, string(body)))
			checkOutcome(t, text, result, "INVALID_ARGUMENT", "PELCRO_VALIDATION_FAILED")
			if got := detailsOf(t, result.Status()).badRequest.GetFieldViolations()[0].GetReason(); got != reason {
				t.Errorf("%q is %s, want %s", text, got, reason)
			}
		}
	}
}
