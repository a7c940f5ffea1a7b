package mapping

import (
	"slices"
	"strings"
	"testing"
)

// FuzzPhrases: one pass finds what a search for each phrase finds.
func FuzzPhrases(f *testing.F) {
	rows := [][]string{{"a", "ab"}, {"bab", "abab"}, {"ba", "a"}, {"b c", "c"}}
	tables := []struct {
		rows    [][]string
		phrases *phrases
	}{
		{rows, newPhrases(rows)},
		{signs(), leakSigns},
		{parts(), fieldParts},
	}
	for _, table := range tables {
		f.Add(strings.Join(slices.Concat(table.rows...), ""))
		f.Add(strings.Join(slices.Concat(table.rows...), "é"))
	}
	for _, text := range []string{"", "ababab c", "ab\xffab", " must be an arrayé must be a"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, table := range tables {
			found := table.phrases.in(text)
			for i, row := range table.rows {
				all, some := true, false
				for _, phrase := range row {
					all = all && strings.Contains(text, phrase)
					some = some || strings.Contains(text, phrase)
				}
				set := table.phrases.rows[i]
				if all != (found&set == set) || some != (found&set != 0) {
					t.Errorf("%q of %q in %q: all %v, some %v", row, table.rows, text, all, some)
				}
			}
		}
	})
}
