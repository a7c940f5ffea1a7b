package pelcro_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
)

// A secret is shown in no form of printing, also as a part of something else.
func TestSecret(t *testing.T) {
	secret := pelcro.NewSecret(canaryKey)
	config := pelcro.Config{APIKey: secret}
	type unexported struct{ hidden pelcro.Secret }
	for name, value := range map[string]any{
		"itself":              secret,
		"pointer":             &secret,
		"field":               config,
		"field of a pointer":  &config,
		"unexported field":    unexported{secret},
		"pointer to it":       &unexported{secret},
		"list":                []pelcro.Secret{secret},
		"list of unexported":  []unexported{{secret}},
		"map":                 map[string]pelcro.Secret{"key": secret},
		"interface":           struct{ Any any }{secret},
		"unexported in error": fmt.Errorf("failed: %v", unexported{secret}),
		"joined":              errors.Join(fmt.Errorf("%+v", secret), fmt.Errorf("%#v", &config)),
	} {
		t.Run(name, func(t *testing.T) {
			var printed bytes.Buffer
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p", "%t", "%10s", "%T"} {
				fmt.Fprintf(&printed, verb+"\n", value)
			}
			fmt.Fprint(&printed, value)
			for _, handler := range []slog.Handler{slog.NewJSONHandler(&printed, nil), slog.NewTextHandler(&printed, nil)} {
				slog.New(handler).Info("x", "value", value, "nested", slog.GroupValue(slog.Any("value", value)))
			}
			if raw, err := json.Marshal(value); err == nil {
				printed.Write(raw)
			}
			if raw, err := xml.Marshal(value); err == nil {
				printed.Write(raw)
			}
			for _, form := range []string{canaryKey, fmt.Sprintf("%x", canaryKey), fmt.Sprintf("%X", canaryKey), fmt.Sprintf("%d", []byte(canaryKey))[1:20]} {
				if strings.Contains(printed.String(), form) {
					t.Errorf("shown: %s", &printed)
				}
			}
		})
	}
	if secret.Reveal() != canaryKey || secret.IsZero() {
		t.Error("the secret is lost")
	}
	if none := pelcro.NewSecret(""); !none.IsZero() || none.Reveal() != "" || fmt.Sprint(none) != "(hidden)" {
		t.Error("there is a secret in nothing")
	}
}
