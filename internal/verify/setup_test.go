package verify_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
	"github.com/pelcro-grpc/pelcro-grpc/internal/verify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// upstream is a sandbox that is made different, and that keeps the requests.
type upstream struct {
	http.Handler

	mu       sync.Mutex
	requests []string
	// change changes a response; nil for none.
	change func(r *http.Request, response *httptest.ResponseRecorder)
}

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.mu.Lock()
	u.requests = append(u.requests, r.Method+" "+r.URL.Path)
	u.mu.Unlock()
	recorded := httptest.NewRecorder()
	u.Handler.ServeHTTP(recorded, r)
	if u.change != nil {
		u.change(r, recorded)
	}
	for name, values := range recorded.Header() {
		if name != "Content-Length" {
			w.Header()[name] = values
		}
	}
	w.WriteHeader(recorded.Code)
	_, _ = w.Write(recorded.Body.Bytes())
}

// check runs the check in front of a sandbox.
func check(t *testing.T, u *upstream, options ...func(*verify.Config)) *verify.Report {
	t.Helper()
	if u.Handler == nil {
		u.Handler = sandbox.New(sandbox.Config{})
	}
	web := httptest.NewServer(u)
	t.Cleanup(web.Close)
	return checkAt(t, web.URL+sandbox.BasePath, options...)
}

// checkAt runs the check in front of the Pelcro with that URL.
func checkAt(t *testing.T, address string, options ...func(*verify.Config)) *verify.Report {
	t.Helper()
	base, err := pelcro.ParseBaseURL(address)
	if err != nil {
		t.Fatal(err)
	}
	client := pelcro.New(pelcro.Config{BaseURL: base, APIKey: pelcro.NewSecret(sandbox.DefaultAPIKey), SiteID: sandbox.DefaultSiteID, UserAgent: "test"})
	defer client.Close()
	config := verify.Config{Client: client, Target: "a test", SiteID: sandbox.DefaultSiteID, RequestIDKey: "grpc_request_id"}
	for _, option := range options {
		option(&config)
	}
	return verify.Run(t.Context(), config)
}

// differences is what a report says, a difference and its effects a line.
func differences(r *verify.Report) string {
	var b strings.Builder
	for _, e := range r.Requests {
		for _, d := range e.Differences {
			fmt.Fprintf(&b, "%s: %s\n", e.Name, d.Text)
			for _, effect := range d.Affects {
				fmt.Fprintf(&b, "  %s %s: %s\n", effect.Feature, effect.State, effect.Text)
			}
		}
	}
	return b.String()
}

// text is the report for people.
func text(t *testing.T, r *verify.Report) string {
	t.Helper()
	var b bytes.Buffer
	r.WriteText(&b, false)
	return b.String()
}

// edit changes the JSON of a response.
func edit(response *httptest.ResponseRecorder, change func(map[string]any)) {
	var body map[string]any
	decoder := json.NewDecoder(response.Body)
	decoder.UseNumber()
	if decoder.Decode(&body) != nil {
		return
	}
	change(body)
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	replace(response, response.Code, string(raw))
}

// replace replaces a response, except its headers.
func replace(response *httptest.ResponseRecorder, status int, body string) {
	response.Code = status
	response.Body = bytes.NewBufferString(body)
}

// customersIn are the customers in the body of a response.
func customersIn(body map[string]any) (found []map[string]any) {
	switch data := body["data"].(type) {
	case map[string]any:
		found = append(found, data)
	case []any:
		for _, row := range data {
			found = append(found, row.(map[string]any))
		}
	}
	return found
}
