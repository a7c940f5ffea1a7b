package mapping

import (
	"slices"
	"unicode/utf8"
)

// phrases finds out which phrases of a table a text holds, in one pass over the
// text however many they are: the automaton of Aho and Corasick. The phrases are
// ASCII, and at most 64.
type phrases struct {
	rows  []uint64                // the set of the phrases of each row
	next  [][utf8.RuneSelf]uint16 // by state and byte; the state 0 has seen nothing
	found []uint64                // the phrases that a state has just seen the end of
}

// newPhrases makes the automaton for the phrases of all rows.
func newPhrases(rows [][]string) *phrases {
	p := &phrases{
		rows:  make([]uint64, len(rows)),
		next:  make([][utf8.RuneSelf]uint16, 1),
		found: make([]uint64, 1),
	}
	var all []string
	for i, row := range rows {
		for _, phrase := range row {
			n := slices.Index(all, phrase)
			if n < 0 {
				n = len(all)
				all = append(all, phrase)
				p.found[p.add(phrase)] |= 1 << n
			}
			p.rows[i] |= 1 << n
		}
	}
	if len(all) > 64 {
		panic("mapping: too many phrases for one table")
	}
	p.link()
	return p
}

// add adds the states of a phrase, and returns the last one.
func (p *phrases) add(phrase string) uint16 {
	state := uint16(0)
	for _, b := range []byte(phrase) {
		if p.next[state][b] == 0 {
			p.next[state][b] = uint16(len(p.next))
			p.next = append(p.next, [utf8.RuneSelf]uint16{})
			p.found = append(p.found, 0)
		}
		state = p.next[state][b]
	}
	return state
}

// link makes a state that no phrase goes on from go on like the longest one that
// has seen an end of the same bytes.
func (p *phrases) link() {
	suffix := make([]uint16, len(p.next))
	for queue := []uint16{0}; len(queue) > 0; queue = queue[1:] {
		state := queue[0]
		for b, to := range p.next[state] {
			other := p.next[suffix[state]][b]
			if to == 0 {
				p.next[state][b] = other
				continue
			}
			if state != 0 {
				suffix[to] = other
			}
			p.found[to] |= p.found[suffix[to]]
			queue = append(queue, to)
		}
	}
}

// in returns the set of the phrases that the text holds.
func (p *phrases) in(text string) (found uint64) {
	state := uint16(0)
	for i := range len(text) {
		b := text[i]
		if b >= utf8.RuneSelf {
			state = 0
			continue
		}
		state = p.next[state][b]
		found |= p.found[state]
	}
	return found
}
