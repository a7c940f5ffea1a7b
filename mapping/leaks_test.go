package mapping

import (
	"regexp"
	"testing"
)

// FuzzNamespacedClass compares the matching by hand with the pattern.
func FuzzNamespacedClass(f *testing.F) {
	pattern := regexp.MustCompile(`[A-Za-z_]\w*\\+[A-Za-z_]`)
	for _, text := range []string{
		`model [App\Models\Customer] 404`, `C:\`, `\a`, `1\a`, `1a2\\\_`, `a\1\b`, `a\é`, `é\a`, "K\\a", "a\xff\\b", `a \b`, `a\ b`, `@\a`, `a\[`, `\`, ``,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, want := (namespacedClass{}).MatchString(text), pattern.MatchString(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	})
}
