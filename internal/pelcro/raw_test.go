package pelcro_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
)

// TestSendRaw: a raw request is sent once, as it was asked for, and its response is read under the
// rules of all others: redirects are not followed, and an error has its response.
func TestSendRaw(t *testing.T) {
	var seen []string
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Method+" "+r.RequestURI+" "+r.Header.Get("Authorization"))
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/account", http.StatusFound)
		case "/broken":
			w.WriteHeader(http.StatusBadGateway)
		default:
			w.Header().Set("X-Canary", "kept")
			_, _ = w.Write([]byte(`{"data": {"id": 7}}`))
		}
	}))
	defer web.Close()
	base, err := url.Parse(web.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := pelcro.New(pelcro.Config{BaseURL: base, APIKey: pelcro.NewSecret("own"), SiteID: 7, Retries: 3})
	defer client.Close()
	var header http.Header
	ctx := pelcro.WithResponseHeader(t.Context(), &header)
	for _, test := range []struct {
		request pelcro.RawRequest
		seen    string
		status  int
	}{
		{pelcro.RawRequest{Method: "GET", Template: "account"}, "GET /account?site_id=7 Bearer own", 200},
		{pelcro.RawRequest{Method: "GET", Template: "customers/{id}", ID: 9, SiteID: 3}, "GET /customers/9?site_id=3 Bearer own", 200},
		{pelcro.RawRequest{Method: "GET", Template: "customers", Query: url.Values{"site_id": nil, "page": {"1"}}}, "GET /customers?page=1 Bearer own", 200},
		{pelcro.RawRequest{Method: "PUT", Template: "customers/{id}", ID: 9, Body: map[string]any{"x": nil}}, "PUT /customers/9?site_id=7 Bearer own", 200},
		{pelcro.RawRequest{Method: "GET", Template: "moved"}, "GET /moved?site_id=7 Bearer own", 302},
		{pelcro.RawRequest{Method: "GET", Template: "broken"}, "GET /broken?site_id=7 Bearer own", 502},
	} {
		seen, header = nil, nil
		response, err := client.SendRaw(ctx, test.request)
		if failed, ok := errors.AsType[*pelcro.Error](err); ok {
			response = failed.Response
		}
		if strings.Join(seen, ", ") != test.seen || response == nil || response.StatusCode != test.status || header == nil {
			t.Errorf("sent %q, want %q: %+v, %v", seen, test.seen, response, err)
		}
	}
	if _, err := client.SendRaw(t.Context(), pelcro.RawRequest{Method: "GET", Template: strings.Repeat("x", 9000)}); !errors.Is(err, pelcro.ErrURLTooLong) {
		t.Errorf("a long URL: %v", err)
	}
}
