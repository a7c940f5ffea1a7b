package mapping

import (
	"slices"
	"unicode/utf8"
)

// phrases finds out which phrases of a table a text holds, in one pass over the
// text however many they are: the automaton of Aho and Corasick. The phrases are
// ASCII, and at most 64.
type phrases struct {
	rows   []uint64 // the set of the phrases of each row
	states []state  // the first one has seen nothing
}

// state is how much of which phrases was seen just now.
type state struct {
	next  [utf8.RuneSelf]uint16 // the state after each byte
	found uint64                // the phrases that end here
}

// newPhrases makes the automaton for the phrases of all rows.
func newPhrases(rows [][]string) *phrases {
	p := &phrases{rows: make([]uint64, len(rows)), states: make([]state, 1)}
	var all []string
	for i, row := range rows {
		for _, phrase := range row {
			n := slices.Index(all, phrase)
			if n < 0 {
				n = len(all)
				all = append(all, phrase)
				p.states[p.add(phrase)].found |= 1 << n
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
	at := uint16(0)
	for _, b := range []byte(phrase) {
		if p.states[at].next[b] == 0 {
			p.states[at].next[b] = uint16(len(p.states))
			p.states = append(p.states, state{})
		}
		at = p.states[at].next[b]
	}
	return at
}

// link makes a state that no phrase goes on from go on like the longest one that
// has seen an end of the same bytes.
func (p *phrases) link() {
	suffix := make([]uint16, len(p.states))
	for queue := []uint16{0}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		for b, to := range p.states[at].next {
			other := p.states[suffix[at]].next[b]
			if to == 0 {
				p.states[at].next[b] = other
				continue
			}
			if at != 0 {
				suffix[to] = other
			}
			p.states[to].found |= p.states[suffix[to]].found
			queue = append(queue, to)
		}
	}
}

// in returns the set of the phrases that the text holds.
func (p *phrases) in(text string) (found uint64) {
	at := &p.states[0]
	for i := range len(text) {
		if b := text[i]; b < utf8.RuneSelf {
			at = &p.states[at.next[b]]
			found |= at.found
		} else {
			at = &p.states[0]
		}
	}
	return found
}
