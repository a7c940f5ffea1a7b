package faultproxy

import (
	"context"
	"sync"
)

// Counts is what a proxy has seen since it began. Each step is counted before it has
// an effect: by the time a client knows how its request ended, or the upstream knows
// of the request at all, the numbers include it.
type Counts struct {
	// Connections were accepted, also those reset right after that.
	Connections int
	// Requests were read in whole, header and body: how often clients sent one.
	Requests int
	// Passed are the requests of which the upstream got at least a part: how often
	// it can have acted.
	Passed int
}

// counter holds Counts and tells of their changes.
type counter struct {
	mu      sync.Mutex
	counts  Counts
	changed chan struct{} // closed at the next change
}

func newCounter() *counter { return &counter{changed: make(chan struct{})} }

func (c *counter) add(more Counts) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts.Connections += more.Connections
	c.counts.Requests += more.Requests
	c.counts.Passed += more.Passed
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *counter) now() (Counts, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts, c.changed
}

// Counts returns the numbers of this moment.
func (p *Proxy) Counts() Counts {
	counts, _ := p.counter.now()
	return counts
}

// WaitFor returns when the numbers are as wanted, or with the context's error. It is
// for tests that act in the middle of an exchange, such as a client that gives up
// once the upstream has its request.
func (p *Proxy) WaitFor(ctx context.Context, wanted func(Counts) bool) error {
	for {
		counts, changed := p.counter.now()
		if wanted(counts) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
