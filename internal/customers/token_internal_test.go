package customers

import (
	"math"
	"strings"
	"testing"
)

// A token with an impossible page is rejected, although its checksum is right.
func TestImpossiblePages(t *testing.T) {
	possible := page{number: 2, size: 10, lastID: 10, returned: 10, largest: 10, query: 1, rows: math.MaxUint64}
	if got, ok := parseToken(possible.token()); !ok || got != possible {
		t.Fatalf("%+v, %v", got, ok)
	}
	for _, test := range []struct {
		name   string
		change func(*page)
	}{
		{"page 0", func(p *page) { p.number = 0 }},
		{"page 1", func(p *page) { p.number = 1 }},
		{"page negative", func(p *page) { p.number = -2 }},
		{"page too large", func(p *page) { p.number = math.MaxInt32 + 1 }},
		{"size 0", func(p *page) { p.size = 0 }},
		{"size too large", func(p *page) { p.size = maxPageSize + 1 }},
		{"size negative", func(p *page) { p.size = -10 }},
		{"id negative", func(p *page) { p.lastID = -1 }},
		{"rows negative", func(p *page) { p.returned = -1 }},
		{"too many rows", func(p *page) { p.returned = math.MaxInt32 + 1 }},
		{"largest page negative", func(p *page) { p.largest = -1 }},
		{"largest page too large", func(p *page) { p.largest = math.MaxInt32 + 1 }},
		{"too many empty pages", func(p *page) { p.empty = maxEmptyPages + 1 }},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := possible
			test.change(&p)
			if got, ok := parseToken(p.token()); ok {
				t.Errorf("accepted: %+v", got)
			}
		})
	}
	if got, ok := parseToken(strings.Repeat("A", 1000)); ok {
		t.Errorf("accepted: %+v", got)
	}
}
