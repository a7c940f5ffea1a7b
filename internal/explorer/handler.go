package explorer

import (
	"embed"
	"encoding/json"
	"errors"
	"mime"
	"net/http"

	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// maxQuestion is the most that is read of a question, in bytes: the largest error
// body that counts, even if JSON escapes every byte of it.
const maxQuestion = 2 << 20

//go:embed page
var page embed.FS

// files are the page's own, by their path on the server.
var files = map[string]string{
	"/{$}":       "page/index.html",
	"/style.css": "page/style.css",
	"/app.js":    "page/app.js",
	"/icon.svg":  "page/icon.svg",
}

// policyHeader keeps everything from the page but its own files: a reply that is
// shown may hold anything.
const policyHeader = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Config is what a [Handler] knows.
type Config struct {
	Gateway Gateway
	// Failures are the sandbox's.
	Failures []Failure
	// Address is the gRPC service's, for the lines to try.
	Address string
	// Sandbox says that the service runs against a sandbox, so that those lines work.
	Sandbox bool
}

type explorer struct{ Config }

// Handler serves the page and its endpoint, at the root of an address that only
// this machine reaches.
func Handler(config Config) (http.Handler, error) {
	e := &explorer{config}
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
		_, _ = w.Write(samples) // the reader has gone
	})
	api.HandleFunc("POST /api/explain", e.explain)
	mux.Handle("/api/", sameOrigin(api))
	return guarded(mux), nil
}

// guarded sets the headers that hold for everything here.
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

// sameOrigin refuses what pages of other origins ask for. net/http lets them read,
// because reading is thought to be harmless; here nothing but the page reads, so
// every request is judged like one that changes something.
func sameOrigin(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		judged := r.Clone(r.Context())
		judged.Method = http.MethodPost
		if err := protection.Check(judged); err != nil {
			refuse(w, http.StatusForbidden, "This is for the explorer's own page, not for pages of other origins.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// shown is all that the page shows of an answer.
type shown struct {
	// Problem is set when the question makes no sense; then there is nothing else.
	// It comes with the status 200: a reply that cannot be read is what people
	// paste, not a failure of this endpoint.
	Problem *problem `json:"problem,omitempty"`
	*result
}

type result struct {
	Answer

	Number   int       `json:"number"` // the code's
	Kind     string    `json:"kind"`
	KindSays string    `json:"kindSays"`
	Reason   string    `json:"reason"`
	Message  string    `json:"message"`
	Advice   string    `json:"advice"`
	Verdict  string    `json:"verdict"`
	Clients  []client  `json:"clients"`
	Request  []line    `json:"request"`
	Omitted  string    `json:"omitted"` // violations that did not fit
	Wire     *wire     `json:"wire"`
	Grpcurl  command   `json:"grpcurl"`
	Upstream *upstream `json:"upstream"`
}

// upstream is the reply as it was understood.
type upstream struct {
	Status int    `json:"status"`
	Name   string `json:"name"`
	// Reply is a capture in three fields, nil when it came so.
	Reply *fields `json:"reply,omitempty"`
}

// explain answers the page's questions. Nothing of them is kept or logged.
func (e *explorer) explain(w http.ResponseWriter, r *http.Request) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		refuse(w, http.StatusUnsupportedMediaType, "Send JSON, and say so: Content-Type: application/json.")
		return
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxQuestion))
	decoder.DisallowUnknownFields()
	var a asked
	if err := decoder.Decode(&a); err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			refuse(w, http.StatusRequestEntityTooLarge, "This is more than 2 MiB. Of an error's body 256 KiB count; paste the beginning.")
			return
		}
		refuse(w, http.StatusBadRequest, "This is not the JSON that the page sends: "+shorten(err.Error())+".")
		return
	}
	answer, err := e.show(a)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "This answer cannot be shown; please report it with the reply that causes it.")
		return
	}
	send(w, http.StatusOK, answer)
}

// show answers a question.
func (e *explorer) show(a asked) (shown, error) {
	q, wrong := a.question()
	if wrong != nil {
		return shown{Problem: wrong}, nil
	}
	answer, err := e.Gateway.Explain(q)
	if err != nil {
		return shown{}, err
	}
	code := answer.result.Code()
	r := &result{
		Answer:   answer,
		Number:   int(code),
		Kind:     kindOf(code),
		KindSays: kindWords[kindOf(code)],
		Message:  answer.result.Status().Message(),
		Advice:   mapping.Advice(answer.result.Reason()),
		Verdict:  verdict(answer.result),
		Request:  skeleton(q, answer),
		Omitted:  omitted(answer),
		Wire:     wireOf(answer),
	}
	if !answer.result.OK() {
		r.Reason = answer.result.Reason().String()
	}
	if q.NoReply == nil {
		r.Upstream = &upstream{Status: q.Reply.Status, Name: http.StatusText(q.Reply.Status)}
		if a.Capture != nil {
			r.Upstream.Reply = written(q.Reply)
		}
	}
	if r.Clients, err = e.Gateway.clients(q, answer); err != nil {
		return shown{}, err
	}
	r.Grpcurl, err = e.grpcurl(q, findSituation(a.NoReply), answer)
	return shown{result: r}, err
}

// omitted is how many violations did not fit, as the caller reads it.
func omitted(answer Answer) string {
	for _, detail := range answer.result.Status().Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetMetadata()["violationsOmitted"]
		}
	}
	return ""
}

// refuse answers with one sentence.
func refuse(w http.ResponseWriter, status int, sentence string) {
	send(w, status, shown{Problem: &problem{Says: sentence}})
}

func send(w http.ResponseWriter, status int, answer shown) {
	raw, err := json.Marshal(answer)
	if err != nil {
		status = http.StatusInternalServerError // and nothing to read: it cannot be written
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(raw) // the reader has gone
}
