package faultproxy

import (
	"context"
	"sync"
)

// Counts are the steps since the start of a proxy. Each step is counted before it has an
// effect: before the client knows how its request ended, and before the upstream receives
// the request.
type Counts struct {
	// Connections is the number of accepted connections, including those that were then
	// reset.
	Connections int
	// Requests is the number of complete requests of clients.
	Requests int
	// Passed is the number of requests of which the upstream received at least a part: how
	// often it may have acted.
	Passed int
}

// counter holds Counts and signals their changes.
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

// Counts returns the current counts.
func (p *Proxy) Counts() Counts {
	counts, _ := p.counter.now()
	return counts
}

// WaitFor returns when the counts are as wanted, or with the context's error. It is for
// tests that act during an exchange, such as a client that cancels once the upstream has
// its request.
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
