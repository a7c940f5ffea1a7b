package customers

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// table is a list of customers that changes, and pages of it as Laravel makes them.
type table struct {
	ids  []int64
	next int64
	most int // of a page, 0 for no maximum
	// bare pages say nothing but their rows.
	bare bool
}

func newTable(size int) *table {
	t := &table{next: 1}
	t.create(size)
	return t
}

func (t *table) create(n int) {
	for range n {
		t.ids = append(t.ids, t.next)
		t.next += 1 + t.next%3
	}
}

func (t *table) delete(i int) { t.ids = slices.Delete(t.ids, i, i+1) }

func (t *table) page(number, limit int) (rows []*pelcrov1.Customer, said paging) {
	if t.most > 0 {
		limit = min(limit, t.most)
	}
	from := min((number-1)*limit, len(t.ids))
	for _, id := range t.ids[from:min(from+limit, len(t.ids))] {
		rows = append(rows, &pelcrov1.Customer{Id: id})
	}
	if t.bare {
		return rows, paging{}
	}
	return rows, paging{
		current: int64(number), hasCurrent: true, last: int64(max((len(t.ids)+limit-1)/limit, 1)),
		total: int64(len(t.ids)), hasTotal: true, perPage: int64(limit),
	}
}

// run walks to the end of the table, which between changes after each request.
func (w *walk) run(t *table, between func()) (walked []int64, requests int, err error) {
	for {
		number, limit := w.next()
		rows, said := t.page(number, limit)
		requests++
		added, isLast, err := w.accept(rows, number, limit, said)
		if err != nil {
			return walked, requests, err
		}
		for _, row := range added {
			walked = append(walked, row.GetId())
		}
		if isLast {
			return walked, requests, nil
		}
		between()
	}
}

func unchanged() {}

func TestWalkUnchanged(t *testing.T) {
	for _, test := range []struct{ size, requests int }{
		{0, 1}, {1, 1}, {99, 1}, {100, 1}, {101, 2}, {190, 2}, {191, 3}, {1000, 12}, {5000, 62}, {20_000, 245},
	} {
		table := newTable(test.size)
		walked, requests, err := newWalk(0, 0).run(table, unchanged)
		if err != nil || !slices.Equal(walked, table.ids) || requests > test.requests {
			t.Errorf("%d customers: %d walked in %d requests, error %v", test.size, len(walked), requests, err)
		}
	}
}

func TestWalkStyles(t *testing.T) {
	for _, bare := range []bool{false, true} {
		for _, most := range []int{0, 99, 50, 25, 15} {
			for _, size := range []int{0, 1, 2, 10, 15, 16, 99, 100, 500} {
				table := newTable(size)
				table.most, table.bare = most, bare
				walked, requests, err := newWalk(0, 0).run(table, unchanged)
				if err != nil || !slices.Equal(walked, table.ids) {
					t.Errorf("%d customers, at most %d a page, bare %v: %d walked in %d requests, error %v", size, most, bare, len(walked), requests, err)
				}
			}
		}
	}
}

// TestWalkChanges walks while customers are deleted and created: those that stay are walked once.
func TestWalkChanges(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 20))
		table := newTable(3000)
		before := slices.Clone(table.ids)
		rate := 1 + random.IntN(30)
		walked, requests, err := newWalk(0, 0).run(table, func() {
			for range random.IntN(rate) {
				if len(table.ids) > 0 {
					table.delete(random.IntN(len(table.ids)))
				}
			}
			if random.IntN(20) == 0 && len(table.ids) > 400 { // a burst
				table.ids = slices.Delete(table.ids, 0, 300)
			}
			table.create(random.IntN(3))
		})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		mustHoldSurvivors(t, fmt.Sprintf("seed %d", seed), walked, before, table.ids)
		t.Logf("seed %d: %d requests", seed, requests)
	}
}

func mustHoldSurvivors(t *testing.T, name string, walked, before, after []int64) {
	t.Helper()
	if !slices.IsSorted(walked) || len(slices.Compact(slices.Clone(walked))) != len(walked) {
		t.Errorf("%s: not in order, or twice", name)
	}
	for _, id := range after {
		if _, existed := slices.BinarySearch(before, id); !existed {
			continue
		}
		if _, found := slices.BinarySearch(walked, id); !found {
			t.Fatalf("%s: %d is missing", name, id)
		}
	}
}

// TestWalkContinues begins with hints that are wrong.
func TestWalkContinues(t *testing.T) {
	table := newTable(20_000)
	for _, at := range []int{1, 150, 10_000, 19_900, 20_000} {
		for _, hint := range []int{0, 1, at - 300, at - 6, at, at + 6, at + 300, at + 8_000, 1 << 30} {
			walked, requests, err := newWalk(table.ids[at-1], max(hint, 0)).run(table, unchanged)
			if err != nil || !slices.Equal(walked, table.ids[at:]) {
				t.Errorf("after %d, hint %d: %d walked in %d requests, error %v", at, hint, len(walked), requests, err)
			}
			if most := (20_000-at)/80 + 25; requests > most {
				t.Errorf("after %d, hint %d: %d requests", at, hint, requests)
			}
		}
	}
	table.ids = nil
	if walked, _, err := newWalk(500, 300).run(table, unchanged); err != nil || len(walked) > 0 {
		t.Errorf("%d walked in an empty list, error %v", len(walked), err)
	}
}

// TestWalkWrongPages: what is not the page that was asked for ends a walk, immediately or after a while.
func TestWalkWrongPages(t *testing.T) {
	table := newTable(500)
	for _, test := range []struct {
		name string
		page func(number, limit int) ([]*pelcrov1.Customer, paging)
		want error
	}{
		{"page ignored", func(_, limit int) ([]*pelcrov1.Customer, paging) { return table.page(1, limit) }, errOtherPage},
		{"page ignored, number echoed", func(number, limit int) ([]*pelcrov1.Customer, paging) {
			rows, said := table.page(1, limit)
			said.current = int64(number)
			return rows, said
		}, errRepeatedPage},
		{"page ignored, bare", func(_, limit int) ([]*pelcrov1.Customer, paging) {
			rows, _ := table.page(1, limit)
			return rows, paging{}
		}, errRepeatedPage},
		{"order ignored", func(number, limit int) ([]*pelcrov1.Customer, paging) {
			rows, said := table.page(number, limit)
			slices.Reverse(rows)
			return rows, said
		}, errOtherOrder},
		{"one row a page", func(number, _ int) ([]*pelcrov1.Customer, paging) { return table.page(number, 1) }, errNoOverlap},
		{"gaps between pages", func(number, limit int) ([]*pelcrov1.Customer, paging) {
			rows, said := table.page(2*number-1, limit)
			said.current, said.perPage = int64(number), int64(limit)
			return rows, said
		}, errEndless},
	} {
		w := newWalk(0, 0)
		var err error
		var isLast bool
		requests := 0
		for err == nil && !isLast && requests < 1000 {
			number, limit := w.next()
			rows, said := test.page(number, limit)
			_, isLast, err = w.accept(rows, number, limit, said)
			requests++
		}
		if !errors.Is(err, test.want) || requests > 2*maxFruitless {
			t.Errorf("%s: %v after %d requests, want %v", test.name, err, requests, test.want)
		}
	}
}

// FuzzResumeToken: a token is what resumeToken writes, or invalid; and whatever it says, a walk asks for
// pages that exist, goes up, and ends.
func FuzzResumeToken(f *testing.F) {
	const list = 7
	f.Add(resumeToken(list, 500, 300), []byte{0, 3, 200})
	f.Add(resumeToken(list, 1<<63-1, 1<<31-1), []byte{1, 1})
	f.Add(resumeToken(8, 1, 0), []byte{})
	for _, token := range []string{"", "x", "====", page{number: 2, size: 10}.token(), resumeToken(list, 5, 5) + "A"} {
		f.Add(token, []byte{9})
	}
	f.Fuzz(func(t *testing.T, token string, deleted []byte) {
		if of, lastID, rows, ok := parseResumeToken(token); ok && resumeToken(of, lastID, rows) != token {
			t.Errorf("%q is another token", token)
		}
		var c check
		w := c.resume(token, list)
		if c.err() != nil {
			return
		}
		from, requests := w.lastID, 0
		table := newTable(700)
		for isLast := false; !isLast; requests++ {
			number, limit := w.next()
			if number < 1 || limit < 1 || limit > maxPageSize || requests > 100 {
				t.Fatalf("page %d of %d, after %d requests", number, limit, requests)
			}
			rows, said := table.page(number, limit)
			added, last, err := w.accept(rows, number, limit, said)
			if err != nil {
				return
			}
			for _, row := range added {
				if row.GetId() <= from {
					t.Fatalf("%d after %d", row.GetId(), from)
				}
				from = row.GetId()
			}
			isLast = last
			if len(deleted) > 0 && len(table.ids) > 0 {
				table.delete(int(deleted[0]) % len(table.ids))
				deleted = deleted[1:]
			}
		}
	})
}
