package customers

import (
	"errors"
	"math"
	"slices"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// A walk reads all customers in the order of their ids, although Pelcro counts pages and deletions move
// the rows behind them forward. It therefore lets pages overlap, and accepts a page only if nothing can
// be missing between the customers before it and those on it: if it is the first page, or has an id
// that is not above the last one. Otherwise it looks for that id on an earlier page.

const (
	// overlap is how many rows before the last one a page begins at least. Only more deletions than
	// that between two requests cost another request.
	overlap = 5
	// limits is how many different page sizes are tried: one of them lets a page begin at about the
	// row that is wanted, whereas those of one size begin at its multiples only.
	limits = 10
	// minWalkSize is the smallest page that is asked for when larger ones are too large to be read.
	minWalkSize = 12
	// firstSearch is how many rows earlier the search begins, or later.
	firstSearch = 40
	// maxFruitless is how many responses in a row may have no new customer. A search through millions of
	// rows needs half as many.
	maxFruitless = 50
)

// walk is a position in the list of all customers.
type walk struct {
	lastID int64 // of the last customer; 0 before the first
	rows   int   // how many rows there were up to that one; a hint
	size   int   // of the largest page that is asked for

	// While the last id is searched for: it is after so many rows and before that one, as far as is
	// known (0: unknown), and step is how far to look beyond.
	after, before, step int
	// start and first are where the page accepted last began, and its first id.
	start int
	first int64
	// isConfirming says that the next page cannot overlap, and must be empty: because the list is as short
	// as its first page, and the response did not say whether that was all.
	isConfirming bool
	// fruitless counts the responses without a new customer since the last one.
	fruitless int
}

var errNoOverlap = errors.New("pages are too small to overlap")

func newWalk(lastID int64, rows int) *walk {
	return &walk{lastID: lastID, rows: rows, size: maxPageSize}
}

// next returns the page to ask for: of those that begin early enough, the one that ends last. limit is
// its size.
func (w *walk) next() (number, limit int) {
	number, limit, _ = w.choose()
	return number, limit
}

// choose is next; ok is false if all pages are too small to overlap and go on. It then is the page after
// all rows so far.
func (w *walk) choose() (number, limit int, ok bool) {
	known := w.rows // a page that ends there has nothing new
	if w.before > 0 {
		known = w.after
	}
	for shared := overlap; shared > 0; shared-- { // fewer rows than usual only if pages are small
		target, end := max(w.target()-shared, 0), 0
		for size := w.size; size > max(w.size-limits, 0); size-- {
			if n := target/size + 1; n*size > end {
				number, limit, end = n, size, n*size
			}
		}
		if end > known {
			return number, limit, true
		}
	}
	return w.rows/w.size + 1, w.size, false
}

// target returns the row that the next page must overlap.
func (w *walk) target() int {
	switch {
	case w.before == 0 && w.after == 0:
		return w.rows
	case w.before == 0:
		return w.after + w.step
	case w.after == 0:
		return w.before - w.step
	case w.before-w.after > w.size:
		return (w.after + w.before) / 2
	}
	return w.after
}

// accept returns the new customers on a page that was asked for, and whether they are the last ones.
// No customers and no end means that the walk must ask for another page.
func (w *walk) accept(page []*pelcrov1.Customer, number, limit int, said paging) (added []*pelcrov1.Customer, isLast bool, err error) {
	if said.hasCurrent && said.current != int64(number) {
		return nil, false, errOtherPage
	}
	if !slices.IsSortedFunc(page, inIDOrder(sortID)) {
		return nil, false, errOtherOrder
	}
	size := said.size(limit, len(page))
	if size < limit { // Pelcro's own maximum
		w.size = size
	}
	start := (number - 1) * size
	if w.fruitless++; w.fruitless > maxFruitless {
		return nil, false, errEndless
	}
	if number > 1 && (len(page) == 0 || page[0].GetId() > w.lastID) {
		if w.isConfirming {
			if more, _ := said.saysMore(int64(number)); more || len(page) > 0 {
				return nil, false, errNoOverlap
			}
			return nil, true, nil
		}
		w.lookBefore(start, said)
		return nil, false, nil
	}
	if len(page) > 0 {
		if first := page[0].GetId(); start > w.start && first <= w.first {
			return nil, false, errRepeatedPage
		}
		w.start, w.first = start, page[0].GetId()
	}
	for _, row := range page {
		if row.GetId() > w.lastID {
			added = append(added, row)
			w.lastID = row.GetId()
		}
	}
	more, isLast := w.follows(page, added, number, size, said)
	w.rows = start + len(page)
	if more {
		w.rows = max(w.rows, start+size) // rows may be hidden
	}
	if len(added) > 0 {
		w.after, w.before, w.step, w.fruitless = 0, 0, 0, 0
	} else {
		w.lookAfter(w.rows)
	}
	_, _, ok := w.choose()
	w.isConfirming = !ok
	return added, isLast, nil
}

// follows reports whether the response says that rows follow the page, and whether the walk ends with it.
func (w *walk) follows(page, added []*pelcrov1.Customer, number, size int, said paging) (more, isLast bool) {
	more, isKnown := said.saysMore(int64(number))
	isWhole := !said.hasTotal || int64((number-1)*size+len(page)) >= said.total
	switch {
	case more:
		return true, false
	case len(added) == 0 && (isKnown || len(page) < size):
		return false, true
	case isKnown && isWhole:
		return false, true
	case len(page) < size:
		// The page may have been cut to a size that the response does not say: the next one, of that
		// size, tells.
		w.size = len(page)
	}
	return false, false
}

// lookBefore searches before a row, for an id that comes before it.
func (w *walk) lookBefore(row int, said paging) {
	if said.hasTotal {
		row = max(min(row, int(min(said.total, math.MaxInt32))), 1)
	}
	w.before, w.step = row, max(4*w.step, firstSearch)
	if w.after >= w.before { // the list has changed
		w.after = 0
	}
}

// lookAfter searches after so many rows, all of which come before the id.
func (w *walk) lookAfter(rows int) {
	if w.before > 0 {
		w.after = rows
		if w.after >= w.before {
			w.before, w.step = 0, 0 // the list has changed
		}
		return
	}
	if w.after > 0 { // the page before had no new customer either
		w.step = max(4*w.step, w.size)
	}
	w.after = rows
}

// shrink makes the pages smaller, because one was too large to be read. It reports whether that was
// possible.
func (w *walk) shrink() bool {
	if w.size/2 < minWalkSize {
		return false
	}
	w.size /= 2
	return true
}
