package explorer

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// sample is a response that the page offers.
type sample struct {
	Key       string  `json:"key"`
	Name      string  `json:"name"`
	About     string  `json:"about,omitempty"`
	Operation string  `json:"operation"`
	ID        string  `json:"id"`
	Response  *fields `json:"response,omitempty"`
	// Others are the responses to the operations, by name, that do not get Response.
	Others     map[string]*fields `json:"others,omitempty"`
	NoResponse string             `json:"noResponse,omitempty"`
}

// group is samples of one origin.
type group struct {
	Name    string   `json:"name"`
	Samples []sample `json:"samples"`
}

// documented are responses whose mapping is surprising. Each was sent by a real server, or is in
// Pelcro's documentation. The page opens with the first one.
var documented = []struct {
	key, name, about, operation, id, response string
}{
	{
		"fields", "400, two invalid fields", "Pelcro's own form of field errors.", "CreateCustomer", "",
		"HTTP/1.1 400 Bad Request\nContent-Type: application/json\n\n" +
			`{
  "errors": {
    "email": ["The email must be a valid email address."],
    "metadata.color": ["The metadata.color must be a string."]
  }
}`,
	},
	{
		"laravel", "422, Laravel's own form", "Pelcro responds 400; Laravel itself responds 422 with a summary.", "CreateCustomer", "",
		"HTTP/1.1 422 Unprocessable Content\nContent-Type: application/json\nCache-Control: no-cache, private\n\n" +
			`{
  "message": "The email has already been taken. (and 1 more error)",
  "errors": {
    "email": ["The email has already been taken."],
    "first_name": ["The first name field must not be greater than 255 characters."]
  }
}`,
	},
	{
		"missing", "404, missing customer", "The class name is not shown to the caller.", "GetCustomer", "42",
		"HTTP/1.1 404 Not Found\nContent-Type: application/json\n\n" +
			`{
  "message": "No query results for model [App\\Models\\Customer] 42"
}`,
	},
	{
		"under404", "404, with field errors", "Pelcro's documentation shows field errors under 404, too.", "UpdateCustomer", "42",
		"HTTP/1.1 404 Not Found\nContent-Type: application/json\n\n" +
			`{"errors": {"email": ["The email field is required."]}}`,
	},
	{
		"route", "404, missing route", "A wrong --pelcro-url is not a missing customer.", "GetCustomer", "42",
		"HTTP/1.1 404 Not Found\nContent-Type: application/json\n\n" +
			`{"message": "The route api/v2/customers/42 could not be found."}`,
	},
	{
		"throttled", "429, until a date", "A Retry-After with a date counts from the Date of the response.", "ListCustomers", "",
		"HTTP/1.1 429 Too Many Requests\nContent-Type: application/json\nDate: Sun, 22 Nov 2026 10:00:00 GMT\n" +
			"Retry-After: Sun, 22 Nov 2026 10:00:05 GMT\nX-RateLimit-Limit: 120\nX-RateLimit-Remaining: 0\n\n" +
			`{"message": "Too Many Attempts."}`,
	},
	{
		"cloudflare", "502, Cloudflare's page after a create", "It is unknown whether the customer was created.", "CreateCustomer", "",
		"HTTP/2 502\nContent-Type: text/html; charset=UTF-8\nServer: cloudflare\nCF-RAY: 8a1b2c3d4e5f6a7b-FRA\n\n" +
			"<!DOCTYPE html>\n<html lang=\"en-US\">\n<head><title>www.pelcro.com | 502: Bad gateway</title></head>\n" +
			"<body><h1>Bad gateway <span>Error code 502</span></h1></body>\n</html>",
	},
	{
		"maintenance", "503, maintenance", "artisan down --retry=5.", "GetCustomer", "42",
		"HTTP/1.1 503 Service Unavailable\nContent-Type: application/json\nRetry-After: 5\nCache-Control: no-cache, private\n\n" +
			`{"message": "Service Unavailable"}`,
	},
	{
		"redirect", "302, maintenance with a redirect", "artisan down --redirect=/. Redirects are never followed.", "GetCustomer", "42",
		"HTTP/1.1 302 Found\nContent-Type: text/html; charset=utf-8\nLocation: https://www.pelcro.com/maintenance\n\n" +
			"<!DOCTYPE html>\n<html><body>Redirecting to https://www.pelcro.com/maintenance</body></html>",
	},
	{
		"debug", "500, Laravel's debug body", "The secret in the exception is not shown to the caller.", "GetCustomer", "42",
		"HTTP/1.1 500 Internal Server Error\nContent-Type: application/json\nX-Powered-By: PHP/8.2.36\n\n" +
			`{
  "message": "SQLSTATE[HY000] [1045] Access denied for user 'root'@'db-1'",
  "exception": "Illuminate\\Database\\QueryException",
  "file": "/var/www/vendor/laravel/framework/src/Illuminate/Database/Connection.php",
  "line": 829,
  "trace": []
}`,
	},
	{
		"page", "200, with a page", "A success with an invalid body.", "GetCustomer", "42",
		"HTTP/1.1 200 OK\nContent-Type: text/html\n\n<!DOCTYPE html>\n<html><body>Please log in.</body></html>",
	},
	{
		"hidden", "200, with an error in the body", "A success that contradicts itself.", "UpdateCustomer", "42",
		"HTTP/1.1 200 OK\nContent-Type: application/json\n\n" +
			`{"error": {"message": "The customer is locked."}}`,
	},
	{
		"many", "400, sixty invalid fields", "More than fits: see the bytes on the wire.", "CreateCustomer", "",
		"HTTP/1.1 400 Bad Request\nContent-Type: application/json\n\n" + sixtyFields(),
	},
	{
		"success", "200, a customer", "", "GetCustomer", "42",
		"HTTP/1.1 200 OK\nContent-Type: application/json\n\n" +
			`{"data": {"id": 42, "email": "ada@example.com", "first_name": "Ada"}}`,
	},
}

// sixtyFields is a body with sixty field errors.
func sixtyFields() string {
	errors := make([]string, 60)
	for i := range errors {
		errors[i] = fmt.Sprintf("    \"metadata.key_%d\": [\"The metadata.key_%d field must not be greater than 255 characters.\"]", i+1, i+1)
	}
	return "{\n  \"errors\": {\n" + strings.Join(errors, ",\n") + "\n  }\n}"
}

// samples are all responses that the page offers.
func (e *explorer) samples() ([]group, error) {
	groups := []group{{Name: "Documented"}, {Name: "No response at all"}, {Name: "The sandbox's failures"}}
	for _, d := range documented {
		response, err := ParseCapture([]byte(d.response))
		if err != nil {
			return nil, fmt.Errorf("the sample %s: %w", d.key, err)
		}
		groups[0].Samples = append(groups[0].Samples, sample{
			Key: d.key, Name: d.name, About: d.about, Operation: d.operation, ID: d.id, Response: written(response),
		})
	}
	for _, s := range situations {
		groups[1].Samples = append(groups[1].Samples, sample{
			Key: s.key, Name: s.name, About: s.about, Operation: "CreateCustomer", NoResponse: s.key,
		})
	}
	for _, f := range e.Failures {
		if f.Name != "" {
			groups[2].Samples = append(groups[2].Samples, f.sample())
		}
	}
	return groups, nil
}

// sample offers a failure as a Get meets it, with the responses to other operations that differ.
func (f Failure) sample() sample {
	get, _ := mapping.CustomerOperation("GetCustomer")
	id := strconv.Itoa(f.ID)
	s := sample{
		Key: id, Name: id + " " + f.Name, About: "The sandbox's response for customer " + id + ", as " + f.Writer + " writes it.",
		Operation: get.Name, ID: id, Response: written(f.Response(get)), Others: map[string]*fields{},
	}
	for _, operation := range mapping.CustomerOperations() {
		if response := written(f.Response(operation)); *response != *s.Response {
			s.Others[operation.Name] = response
		}
	}
	return s
}
