package explorer

import (
	"bytes"
	"embed"
	"fmt"
	"strconv"

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

//go:embed samples
var captures embed.FS

// documented are responses whose mapping is surprising, each in the file samples/KEY.http. Each was
// sent by a real server, or is in Pelcro's documentation. The page opens with the first one.
var documented = []documentedSample{
	{"fields", "400, two invalid fields", "Pelcro's own form of field errors.", "CreateCustomer", ""},
	{"laravel", "422, Laravel's own form", "Pelcro responds 400; Laravel itself responds 422 with a summary.", "CreateCustomer", ""},
	{"missing", "404, missing customer", "The class name is not shown to the caller.", "GetCustomer", "42"},
	{"under404", "404, with field errors", "Pelcro's documentation shows field errors under 404, too.", "UpdateCustomer", "42"},
	{"route", "404, missing route", "A wrong --pelcro-url is not a missing customer.", "GetCustomer", "42"},
	{"throttled", "429, until a date", "A Retry-After with a date counts from the Date of the response.", "ListCustomers", ""},
	{"cloudflare", "502, Cloudflare's page after a create", "It is unknown whether the customer was created.", "CreateCustomer", ""},
	{"maintenance", "503, maintenance", "artisan down --retry=5.", "GetCustomer", "42"},
	{"redirect", "302, maintenance with a redirect", "artisan down --redirect=/. Redirects are never followed.", "GetCustomer", "42"},
	{"debug", "500, Laravel's debug body", "The secret in the exception is not shown to the caller.", "GetCustomer", "42"},
	{"page", "200, with a page", "A success with an invalid body.", "GetCustomer", "42"},
	{"hidden", "200, with an error in the body", "A success that contradicts itself.", "UpdateCustomer", "42"},
	{"many", "400, sixty invalid fields", "More than fits: see the bytes on the wire.", "CreateCustomer", ""},
	{"success", "200, a customer", "", "GetCustomer", "42"},
}

type documentedSample struct{ key, name, about, operation, id string }

// capture is the response, without the newline that ends the file.
func (d documentedSample) capture() (Capture, error) {
	raw, err := captures.ReadFile("samples/" + d.key + ".http")
	if err != nil {
		return Capture{}, err
	}
	return ParseCapture(bytes.TrimSuffix(raw, []byte("\n")))
}

// samples are all responses that the page offers.
func (e *explorer) samples() ([]group, error) {
	groups := []group{{Name: "Documented"}, {Name: "No response at all"}, {Name: "The sandbox's failures"}}
	for _, d := range documented {
		response, err := d.capture()
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
