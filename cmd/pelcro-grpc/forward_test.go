package main

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/metadata"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// keyed is a Pelcro that accepts some authorizations and rejects the others.
type keyed struct {
	mu    sync.Mutex
	takes map[string]bool
	seen  []http.Header
	// failing makes it respond with 500 to every request.
	failing bool
}

func startKeyed(t *testing.T, takes ...string) (*keyed, string) {
	t.Helper()
	k := &keyed{takes: map[string]bool{}}
	k.take(takes...)
	return k, testkit.Upstream(t, k)
}

func (k *keyed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.seen = append(k.seen, r.Header.Clone())
	w.Header().Set("Content-Type", "application/json")
	switch {
	case k.failing:
		w.WriteHeader(http.StatusInternalServerError)
	case k.takes[r.Header.Get("Authorization")]:
		_, _ = io.WriteString(w, `{"data":{"id":42}}`)
	default:
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"message":"Unauthenticated."}`)
	}
}

// take replaces the authorizations that it accepts.
func (k *keyed) take(authorizations ...string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.takes)
	for _, authorization := range authorizations {
		k.takes[authorization] = true
	}
}

func (k *keyed) fail(failing bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.failing = failing
}

// requests returns the headers of the requests since the last time.
func (k *keyed) requests() []http.Header {
	k.mu.Lock()
	defer k.mu.Unlock()
	seen := k.seen
	k.seen = nil
	return seen
}

// TestForwardCredentials: Pelcro gets the caller's own authorization unchanged, and no other metadata
// of the caller; without an authorization it gets no request.
func TestForwardCredentials(t *testing.T) {
	t.Parallel()
	f := newSecureFiles(t)
	const own = "canary-own-key"
	for _, known := range []bool{false, true} {
		pelcro, url := startKeyed(t, "Bearer "+own, "Basic "+own, own, "Bearer "+own+"\u00e9")
		args := []string{"--pelcro-url=" + url, "--site-id=1", "--forward-credentials"}
		if known {
			args = append(args, f.known()...)
		}
		p := start(t, args...)
		customers := pelcrov1.NewCustomerServiceClient(p.conn)
		for _, test := range []struct {
			name    string
			headers []string
			shown   string // empty: Pelcro gets no request
			reason  string // empty: it succeeds
		}{
			{"bearer", []string{"authorization", "Bearer " + own}, "Bearer " + own, ""},
			{"another scheme", []string{"authorization", "Basic " + own}, "Basic " + own, ""},
			{"no scheme", []string{"authorization", own}, own, ""},
			{"with much else", []string{"authorization", "Bearer " + own, "cookie", "a=b", "x-api-key", "c", "proxy-authorization", "d", "authorization-bin", "e"}, "Bearer " + own, ""},
			{"rejected by Pelcro", []string{"authorization", "Bearer other"}, "Bearer other", "PELCRO_UNAUTHENTICATED"},
			{"missing", nil, "", "GATEWAY_UNAUTHENTICATED"},
			{"empty", []string{"authorization", ""}, "", "GATEWAY_UNAUTHENTICATED"},
			{"whitespace", []string{"authorization", "  "}, "", "GATEWAY_UNAUTHENTICATED"},
			{"twice", []string{"authorization", "Bearer " + own, "authorization", "Bearer " + own}, "", "GATEWAY_UNAUTHENTICATED"},
			{"two", []string{"authorization", "Bearer " + own, "authorization", ""}, "", "GATEWAY_UNAUTHENTICATED"},
			{"in another header", []string{"x-authorization", "Bearer " + own, "authorization-bin", own}, "", "GATEWAY_UNAUTHENTICATED"},
		} {
			t.Run(test.name, func(t *testing.T) {
				headers := test.headers
				if known {
					headers = append(slices.Clone(headers), "x-pelcro-grpc-token", f.token)
				}
				ctx := metadata.AppendToOutgoingContext(t.Context(), headers...)
				_, err := customers.GetCustomer(ctx, &pelcrov1.GetCustomerRequest{Id: 42})
				if test.reason == "" && err != nil || test.reason != "" && (gatewaytest.Reason(err) != test.reason || gatewaytest.Metadata(err, "credential") != "caller") {
					t.Errorf("got %v of %q", err, gatewaytest.Metadata(err, "credential"))
				}
				requests := pelcro.requests()
				if test.shown == "" {
					if len(requests) != 0 {
						t.Errorf("Pelcro saw %v", requests)
					}
					return
				}
				if len(requests) != 1 || !slices.Equal(requests[0]["Authorization"], []string{test.shown}) {
					t.Fatalf("Pelcro saw %v", requests)
				}
				for name := range requests[0] {
					if !slices.Contains([]string{"Authorization", "Accept", "User-Agent", "Accept-Encoding"}, name) {
						t.Errorf("Pelcro saw %s", name)
					}
				}
			})
		}
		if known {
			rejectedTokens(t, p, pelcro, f.token)
		}
		p.stop() // then every line is written
		for _, line := range p.finished(t) {
			if line["level"] != "INFO" {
				t.Errorf("a mistake of a caller is logged at %v: %v", line["level"], line)
			}
		}
		if log := p.err.String(); strings.Contains(log, own) || strings.Contains(log, "API key") {
			t.Errorf("logged: %s", log)
		}
	}
}

// rejectedTokens: with --forward-credentials the token of this service has its own header, which holds
// the token only.
func rejectedTokens(t *testing.T, p *program, pelcro *keyed, token string) {
	t.Helper()
	customers := pelcrov1.NewCustomerServiceClient(p.conn)
	for name, headers := range map[string][]string{
		"no token":                  {"authorization", "Bearer canary-own-key"},
		"the token for Pelcro":      {"authorization", "Bearer " + token},
		"a scheme before the token": {"authorization", "Bearer canary-own-key", "x-pelcro-grpc-token", "Bearer " + token},
		"an empty token":            {"authorization", "Bearer canary-own-key", "x-pelcro-grpc-token", ""},
		"the token twice":           {"authorization", "Bearer canary-own-key", "x-pelcro-grpc-token", token, "x-pelcro-grpc-token", token},
		"another token":             {"authorization", "Bearer canary-own-key", "x-pelcro-grpc-token", token + "0"},
	} {
		ctx := metadata.AppendToOutgoingContext(t.Context(), headers...)
		_, err := customers.GetCustomer(ctx, &pelcrov1.GetCustomerRequest{Id: 42})
		if gatewaytest.Reason(err) != "GATEWAY_UNAUTHENTICATED" || len(pelcro.requests()) != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestForwardNeedsNoKey: with --forward-credentials a key of the service would never be used.
func TestForwardNeedsNoKey(t *testing.T) {
	t.Setenv(keyEnv, canaryKey)
	runWith(t, "", "serve", "--site-id=1", "--forward-credentials").mustReject(t,
		"--forward-credentials sends Pelcro the callers' own keys; leave out --pelcro-api-key-file and PELCRO_GRPC_PELCRO_API_KEY")
}
