package pelcro

import "fmt"

// redacted is how a secret prints.
const redacted = "(hidden)"

// Secret is a text that is not shown: not when printed, logged or marshalled, in whatever form, and
// not as a field of something else. The zero value holds none.
type Secret struct {
	// A pointer, because printing a struct with this as an unexported field shows the content of the
	// field without calling any of its methods.
	text *string
}

// NewSecret hides a text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

// Reveal returns the text.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether there is no text.
func (s Secret) IsZero() bool { return s.text == nil }

// Format serves every verb of fmt, also those that would show bytes.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalText serves slog, JSON and other encodings.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
