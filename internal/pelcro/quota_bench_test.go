package pelcro_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
)

// BenchmarkGet is a get without the network: what the client itself costs.
func BenchmarkGet(b *testing.B) {
	reply := `{"data":{"id":1001}}`
	for _, test := range []struct {
		name  string
		quota func(*pelcro.Config)
	}{
		{"off", func(*pelcro.Config) {}},
		{"a limit of a million", limited(1_000_000)},
	} {
		b.Run(test.name, func(b *testing.B) {
			config := pelcro.Config{APIKey: pelcro.NewSecret(canaryKey), SiteID: siteID}
			config.BaseURL, _ = pelcro.ParseBaseURL("https://pelcro.example" + basePath)
			config.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
				sent(r, false)
				return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(reply))}, nil
			})
			test.quota(&config)
			client := pelcro.New(config)
			defer client.Close()
			b.ReportAllocs()
			for b.Loop() {
				received, err := client.GetCustomer(b.Context(), 0, 1001, nil)
				if err != nil {
					b.Fatal(err)
				}
				received.Release()
			}
		})
	}
}
