package pelcro

import (
	"testing"
	"testing/synctest"
	"time"
)

func taken(b *budget, tries int) (n int) {
	for range tries {
		if b.take() {
			n++
		}
	}
	return n
}

func TestBudget(t *testing.T) {
	t.Run("a quiet service has three retries", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			if n := taken(newBudget(), 100); n != 3 {
				t.Errorf("%d retries", n)
			}
		})
	})
	t.Run("the three come back, one a second", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBudget()
			taken(b, 100)
			time.Sleep(2 * time.Second)
			if n := taken(b, 100); n != 2 {
				t.Errorf("%d retries after two seconds", n)
			}
			time.Sleep(time.Hour)
			if n := taken(b, 100); n != 3 {
				t.Errorf("%d retries after an hour", n)
			}
		})
	})
	t.Run("five calls with responses earn one, up to ten", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBudget()
			taken(b, 100)
			for range 10 {
				b.earn()
			}
			if n := taken(b, 100); n != 2 {
				t.Errorf("%d retries for ten calls", n)
			}
			for range 1000 {
				b.earn()
			}
			if n := taken(b, 100); n != 10 {
				t.Errorf("%d retries for a thousand calls", n)
			}
		})
	})
	// The reason for a budget of its own: 200 calls per second, none of which gets a response, each of
	// which would be retried twice.
	t.Run("an outage is not multiplied", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBudget()
			for range 2000 { // as before the outage
				b.earn()
			}
			calls, retries := 0, 0
			for range 2000 {
				time.Sleep(5 * time.Millisecond)
				calls++
				retries += taken(b, 2)
			}
			if retries*5 > calls {
				t.Errorf("%d retries for %d calls", retries, calls)
			}
		})
	})
}
