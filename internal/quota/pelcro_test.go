package quota

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// pelcro is a fake Pelcro with Laravel's fixed window, which begins with the first request after the
// one before has ended. It runs in a synctest bubble.
type pelcro struct {
	limit   int
	window  time.Duration
	latency func() time.Duration // of a half of the round trip

	mu       sync.Mutex
	began    time.Time
	count    int
	arrivals []time.Time // of the requests that were not rejected
	rejected []time.Time
}

// upTo returns a latency that is at random, up to the longest.
func upTo(longest time.Duration) func() time.Duration {
	random := rand.New(rand.NewPCG(1, 2))
	var mu sync.Mutex
	return func() time.Duration {
		mu.Lock()
		defer mu.Unlock()
		return time.Duration(random.Int64N(int64(longest) + 1))
	}
}

// request is the whole round trip of one request.
func (p *pelcro) request() Response {
	time.Sleep(p.latency())
	r := p.receive(time.Now())
	time.Sleep(p.latency())
	return r
}

func (p *pelcro) receive(now time.Time) Response {
	p.mu.Lock()
	defer p.mu.Unlock()
	if end := p.began.Add(p.window); !now.Before(end) {
		p.began, p.count = now, 0
	}
	r := Response{Arrived: true, Limit: p.limit}
	if p.count >= p.limit {
		p.rejected = append(p.rejected, now)
		r.RateLimited, r.RetryAfter = true, p.began.Add(p.window).Sub(now)
		return r
	}
	p.count++
	p.arrivals = append(p.arrivals, now)
	r.Remaining = p.limit - p.count
	return r
}

// mostInAWindow returns the most requests that arrived in any window, wherever it begins.
func (p *pelcro) mostInAWindow() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	most := 0
	for i, first := range p.arrivals {
		end, _ := slices.BinarySearchFunc(p.arrivals, first.Add(p.window), time.Time.Compare)
		most = max(most, end-i)
	}
	return most
}

// used returns the part of the limit that was used after the first window.
func (p *pelcro) used() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	limits := len(p.arrivals)/p.limit - 2
	took := p.arrivals[(limits+1)*p.limit].Sub(p.arrivals[p.limit])
	return float64(limits) * float64(p.window) / float64(took)
}
