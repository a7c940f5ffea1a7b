package promises_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Texts that no output may have. The name is not in Pelcro's messages, because the
// service cannot recognise names.
const (
	canaryKey   = "canary-key+sk_live_4711"
	canaryOwn   = "canary-own-key-0815" // a caller's own Pelcro key
	canaryEmail = "canary.person@example.com"
	canaryCard  = "4929123412341234"
	canaryName  = "Canarina"
)

// forms returns the encodings of a secret.
func forms(secret string) []string {
	return []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), strings.ReplaceAll(secret, "/", `\/`),
		hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret))),
		// Without the end, which depends on the text that follows.
		base64.StdEncoding.EncodeToString([]byte(secret))[:len(secret)], base64.URLEncoding.EncodeToString([]byte(secret))[:len(secret)],
	}
}

// outputs are texts by where they were found.
type outputs map[string]string

// mustHide fails the test for each secret in each output.
func (o outputs) mustHide(t *testing.T, secrets map[string]string) {
	t.Helper()
	hits, size := 0, 0
	for _, where := range slices.Sorted(maps.Keys(o)) {
		text := o[where]
		size += len(text)
		for what, secret := range secrets {
			for _, form := range slices.Compact(forms(secret)) {
				if i := strings.Index(text, form); i >= 0 {
					if hits++; hits > 10 {
						continue
					}
					t.Errorf("%s has the %s: …%q…", where, what, text[max(0, i-150):min(len(text), i+100)])
				}
			}
		}
	}
	t.Logf("%d hits of %d secrets in %d outputs, %d KiB", hits, len(secrets), len(o), size>>10)
}

// unpacked returns the page and, if it is gzip, its content.
func unpacked(page string) string {
	reader, err := gzip.NewReader(strings.NewReader(page))
	if err != nil {
		return page
	}
	raw, _ := io.ReadAll(reader)
	return page + string(raw)
}

// spans is an OpenTelemetry collector that keeps the raw requests.
type spans struct {
	mu  sync.Mutex
	raw bytes.Buffer
}

func startSpans(t *testing.T) (*spans, string) {
	t.Helper()
	s := &spans{}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.raw.WriteString(unpacked(string(raw)))
		s.mu.Unlock()
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(web.Close)
	return s, web.URL
}

func (s *spans) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.raw.String()
}

// echoingUpstream is a Pelcro whose responses have what it received and all personal
// data.
type echoingUpstream struct {
	next atomic.Pointer[scriptedResponse]
	// seen are the values of Authorization.
	seen sync.Map
}

// scriptedResponse is a status and the kind of its body.
type scriptedResponse struct {
	status int
	kind   string
}

// bodyKinds are the kinds of bodies. Callers see Pelcro's messages of a 4xx, so these have
// secrets, but no personal data.
var bodyKinds = []string{"message", "field", "page", "debug", "headers"}

// brokenKinds are the kinds of invalid responses.
var brokenKinds = []string{"reset", "cut", "no status", "no header", "no JSON", "wrong types"}

func (u *echoingUpstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.seen.Store(r.Header.Get("Authorization"), true)
	next := u.next.Load()
	key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	known := fmt.Sprintf("%s %s %s", key, canaryEmail, canaryCard)
	personal := known + " " + canaryName
	words := known // of a message
	if next.status < 500 {
		words = key
	}
	w.Header().Set("Content-Type", "application/json")
	body := ""
	switch next.kind {
	case "page":
		w.Header().Set("Content-Type", "text/html")
		body = "<html><title>" + personal + "</title><pre>" + personal + "</pre></html>"
	case "message":
		body = fmt.Sprintf(`{"message":"The key %s is not good."}`, words)
	case "field":
		body = fmt.Sprintf(`{"message":"x","errors":{"email":["It is not good: %s"],%q:["It is not good."]}}`, key, key)
	case "debug":
		body = fmt.Sprintf(`{"message":"SQLSTATE[23000]: insert into users values ('%s')","exception":"PDOException","file":"/srv/%s.php","trace":[{"file":%q}]}`,
			personal, canaryName, personal)
	case "headers":
		for _, name := range []string{"Location", "WWW-Authenticate", "Set-Cookie", "Retry-After", "X-Request-Id", "X-Error", "Server", "X-RateLimit-Limit", "Date"} {
			w.Header().Set(name, personal)
		}
		w.Header().Set("Content-Type", "text/"+key)
	case "no JSON":
		body = `{"data":{"id":42,` + personal
	case "wrong types":
		body = fmt.Sprintf(`{"data":{"id":%q,"email":{%q:1}}}`, personal, personal)
	case "good":
		body = fmt.Sprintf(`{"data":{"id":42,"email":%q,"first_name":%q,"metadata":{"card":%q}}}`, canaryEmail, canaryName, canaryCard)
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/customers") {
			body = strings.TrimSuffix(strings.Replace(body, `{"data":`, `{"data":[`, 1), "}") + "]}"
		}
	default:
		conn, out, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		_, _ = out.WriteString(map[string]string{
			"cut":       "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + personal,
			"no status": personal + "\r\n\r\n",
			"no header": "HTTP/1.1 200 OK\r\n" + personal + "\r\n\r\n",
		}[next.kind])
		_ = out.Flush()
		conn.Close()
		return
	}
	if next.status != 0 {
		w.WriteHeader(next.status)
	}
	_, _ = io.WriteString(w, body)
}
