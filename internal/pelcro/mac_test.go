package pelcro_test

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
)

// A MAC depends on the credential and on each part, and says nothing of them. After a rotation the one
// under the earlier key is known, too; a credential of the caller has no earlier one.
func TestMAC(t *testing.T) {
	client := pelcro.New(pelcro.Config{BaseURL: &url.URL{Scheme: "http", Host: "127.0.0.1:1"}, APIKey: pelcro.NewSecret("first-key")})
	defer client.Close()
	mac := func(ctx context.Context, parts ...string) [2]string {
		now, earlier := client.MAC(ctx, parts...)
		return [2]string{now, earlier}
	}
	first := mac(t.Context(), "a", "b")
	if first[1] != "" || len(first[0]) != 64 || strings.Contains(first[0], "first-key") {
		t.Errorf("%q", first)
	}
	if again := mac(t.Context(), "a", "b"); again != first {
		t.Errorf("%q, then %q", first, again)
	}
	for _, other := range [][]string{{"ab"}, {"a", "b", ""}, {"a", "c"}, {"b", "a"}} {
		if mac(t.Context(), other...)[0] == first[0] {
			t.Errorf("%q has the MAC of a and b", other)
		}
	}
	client.SetAPIKey(pelcro.NewSecret("first-key"))
	if again := mac(t.Context(), "a", "b"); again != first {
		t.Errorf("with the same key: %q, then %q", first, again)
	}
	client.SetAPIKey(pelcro.NewSecret("second-key"))
	if rotated := mac(t.Context(), "a", "b"); rotated[0] == first[0] || rotated[1] != first[0] {
		t.Errorf("after a rotation: %q, then %q", first, rotated)
	}
	if callers := mac(pelcro.WithAuthorization(t.Context(), "Bearer first-key"), "a", "b"); callers != first {
		t.Errorf("with the caller's key: %q, want %q", callers, first)
	}
}
