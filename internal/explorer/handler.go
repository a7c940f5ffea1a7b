package explorer

import (
	"embed"
	"encoding/json"
	"errors"
	"mime"
	"net/http"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
)

// maxQuestion is the limit of a question, in bytes: enough for the largest error body that the
// service reads, even if JSON escapes every byte of it.
const maxQuestion = 2 << 20

//go:embed page
var page embed.FS

// files are the page's files by their paths on the server.
var files = map[string]string{
	"/{$}":         "page/index.html",
	"/style.css":   "page/style.css",
	"/app.js":      "page/app.js",
	"/elements.js": "page/elements.js",
	"/result.js":   "page/result.js",
	"/icon.svg":    "page/icon.svg",
}

// policyHeader allows the page nothing except its own files: a response that it shows may contain
// anything.
const policyHeader = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Config configures a [Handler].
type Config struct {
	Gateway Gateway
	// Failures are the failures of the sandbox.
	Failures []Failure
	// ServiceConfig is the service config that is published for clients, as JSON.
	ServiceConfig string
	// Address is the address of the gRPC service, for the commands to try.
	Address string
	// Sandbox reports whether the service runs against a sandbox, so that the commands work.
	Sandbox bool
}

type explorer struct {
	Config

	policies policies
}

// Handler serves the page and its endpoint, at the root of an address that only this machine
// reaches.
func Handler(config Config) (http.Handler, error) {
	e, err := newExplorer(config)
	if err != nil {
		return nil, err
	}
	groups, err := e.samples()
	if err != nil {
		return nil, err
	}
	samples, err := json.Marshal(map[string]any{"groups": groups, "sandbox": e.Sandbox})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for path, file := range files {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, page, file) })
	}
	api := http.NewServeMux()
	api.HandleFunc("GET /api/samples", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(samples) // the client has gone
	})
	api.HandleFunc("POST /api/explain", e.explain)
	mux.Handle("/api/", sameOrigin(api))
	return guarded(mux), nil
}

func newExplorer(config Config) (*explorer, error) {
	policies, err := readPolicies(config.ServiceConfig)
	return &explorer{config, policies}, err
}

// guarded sets the security headers of every response.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", policyHeader)
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// sameOrigin rejects requests from pages of other origins. net/http allows them to read; here only
// the page itself may, so every request is checked as one that changes something.
func sameOrigin(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		checked := r.Clone(r.Context())
		checked.Method = http.MethodPost
		if err := protection.Check(checked); err != nil {
			reject(w, http.StatusForbidden, "This is for the explorer's own page, not for pages of other origins.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// shown is everything that the page shows for a question.
type shown struct {
	// Problem is set when the question is invalid; then the rest is missing. It is sent with the
	// status 200: that people paste something unreadable is not a failure of this endpoint.
	Problem *problem `json:"problem,omitempty"`
	*result
}

type result struct {
	Explanation

	Number      int       `json:"number"` // of the code
	Kind        string    `json:"kind"`
	KindSays    string    `json:"kindSays"`
	Reason      string    `json:"reason"`
	Message     string    `json:"message"`
	OriginSays  string    `json:"originSays"`
	OutcomeSays string    `json:"outcomeSays"`
	Advice      string    `json:"advice"`
	Verdict     string    `json:"verdict"`
	Clients     []client  `json:"clients"`
	Request     []line    `json:"request"`
	Omitted     string    `json:"omitted"` // number of violations that did not fit
	Wire        *wire     `json:"wire"`
	Grpcurl     command   `json:"grpcurl"`
	Upstream    *upstream `json:"upstream"`
}

// upstream is the response as it was read.
type upstream struct {
	Status int    `json:"status"`
	Name   string `json:"name"`
	// Response is a capture in three fields, nil if it was not a capture.
	Response *fields `json:"response,omitempty"`
}

// explain responds to the page's questions. Nothing of them is kept or logged.
func (e *explorer) explain(w http.ResponseWriter, r *http.Request) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		reject(w, http.StatusUnsupportedMediaType, "Send JSON, and say so: Content-Type: application/json.")
		return
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxQuestion))
	decoder.DisallowUnknownFields()
	var f form
	if err := decoder.Decode(&f); err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			reject(w, http.StatusRequestEntityTooLarge, "This is more than 2 MiB. The service reads 256 KiB of an error's body; paste the beginning.")
			return
		}
		reject(w, http.StatusBadRequest, "This is not the JSON that the page sends: "+shorten(err.Error())+".")
		return
	}
	content, err := e.show(f)
	if err != nil {
		reject(w, http.StatusInternalServerError, "The explorer failed; please report it with the response that causes it.")
		return
	}
	send(w, http.StatusOK, content)
}

// show returns what the page shows for a form.
func (e *explorer) show(f form) (shown, error) {
	q, wrong := f.question()
	if wrong != nil {
		return shown{Problem: wrong}, nil
	}
	explanation, err := e.Gateway.Explain(q)
	if err != nil {
		return shown{}, err
	}
	code := explanation.result.Code()
	r := &result{
		Explanation: explanation,
		Number:      int(code),
		Kind:        kindOf(code),
		KindSays:    kindWords[kindOf(code)],
		Message:     explanation.result.Status().Message(),
		OriginSays:  originWords[explanation.Origin],
		OutcomeSays: outcomeWords[explanation.Outcome],
		Advice:      explanation.result.Advice(),
		Verdict:     verdict(explanation.result),
		Request:     skeleton(q, explanation),
		Omitted:     omitted(explanation),
		Wire:        wireOf(explanation),
	}
	if !explanation.result.OK() {
		r.Reason = explanation.result.Reason().String()
	}
	if q.NoResponse == nil {
		r.Upstream = &upstream{Status: q.Response.Status, Name: http.StatusText(q.Response.Status)}
		if f.Capture != nil {
			r.Upstream.Response = written(q.Response)
		}
	}
	if r.Clients, err = e.clients(q, explanation); err != nil {
		return shown{}, err
	}
	r.Grpcurl, err = e.grpcurl(q, findSituation(f.NoResponse), explanation)
	return shown{result: r}, err
}

// omitted is the number of violations that did not fit, as the caller gets it.
func omitted(explanation Explanation) string {
	for _, detail := range explanation.result.Status().Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetMetadata()["violationsOmitted"]
		}
	}
	return ""
}

// reject responds with one sentence.
func reject(w http.ResponseWriter, status int, sentence string) {
	send(w, status, shown{Problem: &problem{Says: sentence}})
}

func send(w http.ResponseWriter, status int, content shown) {
	raw, err := json.Marshal(content)
	if err != nil {
		status = http.StatusInternalServerError // without a body, which cannot be written
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(raw) // the client has gone
}
