package verify

import (
	"slices"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// Report is what was asked and what it means.
type Report struct {
	// Target is the name of the Pelcro that was asked.
	Target   string      `json:"target"`
	SiteID   int32       `json:"siteId"`
	Requests []*Exchange `json:"requests"`
	// Features has every feature, in a fixed order.
	Features []Feature `json:"features"`
	// Aborted says why the other requests were not sent, empty if all were.
	Aborted string `json:"aborted,omitempty"`
}

// Exchange is one request and its response.
type Exchange struct {
	// Name says what was asked for.
	Name string `json:"name"`
	// Request is the method, the path and the query without site_id; ids and values are hidden.
	Request string `json:"request"`
	// HTTPStatus is 0 without a response.
	HTTPStatus int `json:"httpStatus,omitempty"`
	// Origin is who wrote the response, empty for a success and without a response.
	Origin mapping.Origin `json:"origin,omitempty"`
	// Code and Reason are the status that a caller of the service would get.
	Code       string      `json:"code"`
	Reason     string      `json:"reason,omitempty"`
	Violations []Violation `json:"violations,omitempty"`
	// RateLimit has the headers about the rate limit and delays.
	RateLimit map[string]string `json:"rateLimit,omitempty"`
	Expected  bool              `json:"expected"`
	// Differences are what is not as expected.
	Differences []Difference `json:"differences,omitempty"`

	sent      pelcro.RawRequest
	operation mapping.Operation
	result    mapping.Result
	response  *pelcro.Response // nil without a response
}

// Violation is a field violation that a caller would get.
type Violation struct {
	Field       string `json:"field"`
	Reason      string `json:"reason"`
	Description string `json:"description"`
}

// Difference is something that is not as this service expects it.
type Difference struct {
	Text string `json:"text"`
	// Affects says what it means for the features that depend on it.
	Affects []Effect `json:"affects"`
}

// Effect is what a difference means for a feature.
type Effect struct {
	Feature string `json:"feature"`
	State   State  `json:"state"`
	Text    string `json:"text"`
}

// State says how far a feature works with this Pelcro.
type State string

// The states, from good to bad.
const (
	// Unknown: nothing that was asked shows it.
	Unknown State = "not known"
	Works   State = "works"
	// Limited: it works with the restriction that the text names.
	Limited State = "limited"
	Fails   State = "fails"
)

// Feature is a verdict.
type Feature struct {
	Name  string `json:"name"`
	State State  `json:"state"`
	// Notes are the effects of the differences.
	Notes []string `json:"notes,omitempty"`
}

// The features, by the names in reports.
const (
	singleReads = "single reads"
	lists       = "lists"
	batchGet    = "batch get"
	relations   = "relations"
	attributes  = "attributes"
	times       = "times"
	notFound    = "not found"
	fieldErrors = "field errors"
	apiKey      = "API key"
	wrongURL    = "wrong URL"
	quota       = "quota"
	requestID   = "request_id"
	writes      = "writes"
)

// featureNames is the order of the verdict.
var featureNames = []string{
	singleReads, lists, batchGet, relations, attributes, times, notFound, fieldErrors, apiKey, wrongURL, quota, requestID, writes,
}

var badness = []State{Unknown, Works, Limited, Fails}

// HasDifferences reports whether anything is not as expected.
func (r *Report) HasDifferences() bool {
	return slices.ContainsFunc(r.Requests, func(e *Exchange) bool { return !e.Expected })
}

// judge fills in the features. seen are those about which a request said something.
func (r *Report) judge(seen map[string]bool) {
	for _, name := range featureNames {
		f := Feature{Name: name, State: Unknown}
		if name == writes && !seen[name] {
			continue // writes were not asked for
		}
		if seen[name] {
			f.State = Works
		}
		for _, e := range r.Requests {
			for _, d := range e.Differences {
				for _, effect := range d.Affects {
					if effect.Feature == name {
						f.add(effect)
					}
				}
			}
		}
		r.Features = append(r.Features, f)
	}
}

// add makes the state the worse of the two.
func (f *Feature) add(effect Effect) {
	if slices.Index(badness, effect.State) > slices.Index(badness, f.State) {
		f.State = effect.State
	}
	if effect.Text != "" && !slices.Contains(f.Notes, effect.Text) {
		f.Notes = append(f.Notes, effect.Text)
	}
}
