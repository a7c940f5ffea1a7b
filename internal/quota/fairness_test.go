package quota

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// client makes calls and counts what became of them.
type client struct {
	request        Request
	sent, rejected int
	waited         time.Duration
}

// offer makes a call at each interval until the end.
func (c *client) offer(p *pelcro, q *Quota, interval time.Duration, end time.Time) {
	for time.Now().Before(end) {
		go c.call(p, q)
		time.Sleep(interval)
	}
}

func (c *client) call(p *pelcro, q *Quota) {
	began := time.Now()
	slot, err := q.Acquire(context.Background(), c.request)
	waited := time.Since(began)
	p.mu.Lock()
	if err != nil {
		c.rejected++
	} else {
		c.sent++
		c.waited += waited
	}
	p.mu.Unlock()
	if err == nil {
		slot.Done(p.request())
	}
}

func (c *client) meanWait() time.Duration { return c.waited / time.Duration(max(c.sent, 1)) }

// fairly runs the clients against one Pelcro for so many windows. Each offers so many times the
// limit.
func fairly(t *testing.T, windows int, offers map[*client]float64) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &pelcro{limit: 120, window: minute, latency: upTo(300 * time.Millisecond)}
		q := newQuota(Config{Limit: 120, Window: minute, RequestTimeout: 30 * second})
		defer q.Close()
		end := time.Now().Add(time.Duration(windows) * minute)
		for c, times := range offers {
			go c.offer(p, q, time.Duration(float64(minute)/(times*120)), end)
		}
		time.Sleep(minute) // the first window knows no waiting calls
		synctest.Wait()
		for c := range offers {
			c.sent, c.rejected, c.waited = 0, 0, 0
		}
		time.Sleep(time.Until(end) + 2*minute)
		synctest.Wait()
		if len(p.rejected) > 0 || p.mostInAWindow() > p.limit {
			t.Errorf("%d responses were 429, at most %d requests were in a window", len(p.rejected), p.mostInAWindow())
		}
		for c := range offers {
			t.Logf("%+v: %d sent after %v on average, %d rejected", c.request, c.sent, c.meanWait(), c.rejected)
		}
	})
}

// A caller that uses a tenth of its share is never rejected while another offers ten times the
// limit.
func TestLightCaller(t *testing.T) {
	for _, heavy := range []*client{{request: Request{Caller: "heavy"}}, {request: Request{Caller: "heavy", Class: Bulk}}} {
		t.Run(heavy.request.Class.String(), func(t *testing.T) {
			light := &client{request: Request{Caller: "light"}}
			fairly(t, 20, map[*client]float64{heavy: 10, light: .05})
			if light.rejected > 0 || light.sent < 100 {
				t.Errorf("%d of the light caller's calls were sent, %d rejected", light.sent, light.rejected)
			}
		})
	}
}

// Callers with shares of 1 and 3 get slots 1:3.
func TestShares(t *testing.T) {
	one, three := &client{request: Request{Caller: "one"}}, &client{request: Request{Caller: "three", Share: 3}}
	fairly(t, 30, map[*client]float64{one: 5, three: 5})
	if ratio := float64(three.sent) / float64(one.sent); ratio < 3*.95 || ratio > 3*1.05 {
		t.Errorf("1:%.2f", ratio)
	}
}

// Single customers wait less than lists, and lists get at least their tenth.
func TestClasses(t *testing.T) {
	gets, lists := &client{request: Request{}}, &client{request: Request{Class: Bulk}}
	fairly(t, 20, map[*client]float64{gets: 5, lists: 5})
	if tenth := (gets.sent + lists.sent) / 10; lists.sent < tenth {
		t.Errorf("lists got %d, a tenth is %d", lists.sent, tenth)
	}
	few, many := &client{request: Request{}}, &client{request: Request{Class: Bulk}}
	fairly(t, 20, map[*client]float64{few: .3, many: 5})
	if few.meanWait() >= many.meanWait() || few.rejected > 0 {
		t.Errorf("single customers waited %v, lists %v", few.meanWait(), many.meanWait())
	}
}

// A call that is not served gives its place to the next call of its caller, and so costs it nothing.
func TestPlaces(t *testing.T) {
	var l line
	names := func() (order string) {
		for _, w := range l.waiting {
			order += w.caller
		}
		return order
	}
	var waiters []*waiter
	for _, caller := range []string{"a", "a", "a", "b", "c", "b"} {
		w := &waiter{caller: caller, cost: 1}
		waiters = append(waiters, w)
		l.add(w)
	}
	steps := []struct {
		what string
		do   func()
		want string
	}{
		{"callers take turns", func() {}, "abcaba"},
		{"the first call leaves", func() { l.remove(waiters[0]) }, "abcab"},
		{"the call moved up", func() { l.remove(waiters[1]) }, "abcb"},
		{"the only call leaves", func() { l.remove(waiters[4]) }, "abb"},
		{"a caller without calls is forgotten", func() {
			if _, known := l.last["c"]; known {
				t.Error("c is remembered")
			}
		}, "abb"},
		{"it comes back", func() { l.add(waiters[4]) }, "abcb"},
		{"the first is served", l.pop, "bcb"},
		{"an idle caller saved nothing", func() { l.add(waiters[0]) }, "bcba"},
		{"the rest is served", func() {
			for range 4 {
				l.pop()
			}
		}, ""},
	}
	for _, step := range steps {
		if step.do(); names() != step.want {
			t.Errorf("%s: %q, not %q", step.what, names(), step.want)
		}
	}
	if len(l.last) > 0 {
		t.Errorf("it remembers %v", l.last)
	}
	if l.remove(waiters[0]) {
		t.Error("it removed a call that does not wait")
	}
}
