package main

import (
	"bytes"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/explorer"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
)

// The customers for whom the sandbox answers with a failure. Those from 601 to 603
// are no replies.
const (
	firstFailure = 300
	lastFailure  = 599
	htmlFailure  = 604
)

// page returns the error explorer, nil where it is not wanted or would be seen
// from other machines.
func (c serveCommand) page() (http.Handler, error) {
	if c.pageURL() == "" {
		return nil, nil //nolint:nilnil // no page is meant
	}
	return explorer.Handler(explorer.Config{
		Gateway:  gateway,
		Failures: failures(time.Now()),
		Address:  c.Listen,
		Sandbox:  c.Sandbox,
	})
}

// pageURL returns where the explorer is, empty for nowhere.
func (c serveCommand) pageURL() string {
	if !c.Sandbox && !c.Explorer || !isLoopback(c.AdminListen) {
		return ""
	}
	return "http://" + c.AdminListen + "/"
}

// failures are what a sandbox answers to whoever asks for them; one of their own,
// so that a service in front of the real Pelcro can show them, too.
func failures(now time.Time) []explorer.Failure {
	pelcro := sandbox.New(sandbox.Config{Now: func() time.Time { return now }})
	var list []explorer.Failure
	for id := firstFailure; id <= lastFailure; id++ {
		reply := ask(pelcro, id, now)
		name := http.StatusText(id)
		if name == "" {
			name = title(reply)
		}
		list = append(list, explorer.Failure{ID: id, Name: name, Reply: reply})
	}
	return append(list, explorer.Failure{ID: htmlFailure, Name: "(HTTP 200 with a page)", Reply: ask(pelcro, htmlFailure, now)})
}

// ask gets a customer from the sandbox.
func ask(pelcro http.Handler, id int, now time.Time) explorer.Capture {
	request := &http.Request{
		Method: http.MethodGet,
		URL:    &url.URL{Path: sandbox.BasePath + "/customers/" + strconv.Itoa(id), RawQuery: "site_id=" + strconv.Itoa(sandbox.DefaultSiteID)},
		Header: http.Header{"Accept": {"application/json"}, "Authorization": {"Bearer " + sandbox.DefaultAPIKey}},
		Host:   "127.0.0.1",
		Body:   http.NoBody,
	}
	answer := recorded{header: http.Header{}}
	pelcro.ServeHTTP(&answer, request)
	// A server would add it, and the delay of a rate limit is measured from it.
	answer.header.Set("Date", now.UTC().Format(http.TimeFormat))
	return explorer.Capture{Status: answer.status, Header: answer.header, Body: answer.body.Bytes()}
}

// recorded is a reply while the sandbox writes it.
type recorded struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (r *recorded) Header() http.Header { return r.header }

func (r *recorded) WriteHeader(status int) { r.status = status }

func (r *recorded) Write(p []byte) (int, error) { return r.body.Write(p) }

// title returns what a page calls its status, empty where no page says it.
func title(reply explorer.Capture) string {
	_, text, _ := strings.Cut(string(reply.Body), "<title>")
	text, _, _ = strings.Cut(text, "</title>")
	_, name, _ := strings.Cut(text, strconv.Itoa(reply.Status))
	return strings.TrimSpace(strings.TrimPrefix(name, ":"))
}
