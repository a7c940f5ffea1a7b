package sandbox

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Writer is the program that writes a response.
type Writer string

// The writers. All but Laravel are in front of Pelcro.
const (
	Laravel    Writer = "Laravel"
	Nginx      Writer = "nginx"
	Cloudflare Writer = "Cloudflare"
)

// Failure is an HTTP response that fails on request.
type Failure struct {
	// ID is the customer to ask for. A create has it in the email.
	ID     int
	Status int
	// Name is the standard name of the status, otherwise the writer's, empty for a status without one.
	Name   string
	Writer Writer
}

// Failures lists the failures that are HTTP responses, in the order of their ids: every status
// from 300 to 599, and 604. 601 to 603 are missing because they have no whole response.
func Failures() []Failure {
	var list []Failure
	for id := firstScripted; id <= lastScripted; id++ {
		if row, ok := scriptedFor(id); ok {
			list = append(list, Failure{ID: id, Status: row.status, Name: cmp.Or(http.StatusText(row.status), row.text), Writer: row.by})
		}
	}
	return list
}

// Response returns what a request with that HTTP method gets at that time: GET, PUT or DELETE of
// the customer, or POST with its email. Missing are the headers that depend on other requests:
// X-RateLimit-Limit and X-RateLimit-Remaining of most responses that [Laravel] writes.
func (f Failure) Response(method string, now time.Time) (http.Header, []byte) {
	path := BasePath + "/customers"
	if method != http.MethodPost {
		path += "/" + strconv.Itoa(f.ID)
	}
	request := &http.Request{Method: method, Host: "127.0.0.1", URL: &url.URL{Path: path}}
	row, _ := scriptedFor(f.ID)
	header, body := row.response(request, now)
	header.Set("Date", now.UTC().Format(http.TimeFormat)) // net/http adds it to what is served
	return header, []byte(body)
}
