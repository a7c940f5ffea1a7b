package pelcro

import (
	"context"
	"io"
	"net/http"
	"sync"

	"golang.org/x/sync/semaphore"
)

// The memory for large bodies is bounded for all calls together: a body above smallBody takes its
// size from the budget before it is read on, and waits if the budget is spent. The wait counts
// against the time limit of the call.
const (
	bodyBudget = 32 << 20
	smallBody  = 256 << 10
)

// bodyShare is what one response has taken from the budget.
type bodyShare struct {
	budget *semaphore.Weighted
	mu     sync.Mutex
	bytes  int64
}

// sizeOf returns how much a response takes from the budget. A size that is not known beforehand, as
// with gzip, counts as the largest that is read.
func sizeOf(from *http.Response) int64 {
	if from.Header.Get("Content-Encoding") == "" && from.ContentLength > 0 {
		return min(MaxBody, from.ContentLength)
	}
	return MaxBody
}

// take takes the size from the budget, unless that has been done.
func (s *bodyShare) take(ctx context.Context, size int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes > 0 {
		return nil
	}
	if err := s.budget.Acquire(ctx, size); err != nil {
		return err
	}
	s.bytes = size
	return nil
}

// Release gives back what a large response has taken from the budget of the client. It must be called
// after a response has been decoded; more than one call does no harm.
func (r *Response) Release() {
	r.share.mu.Lock()
	defer r.share.mu.Unlock()
	r.share.budget.Release(r.share.bytes)
	r.share.bytes = 0
}

// shareReader is a body, or the content of a compressed one, that calls take before it is large.
type shareReader struct {
	io.Reader

	take func() error
	read int
}

func (r *shareReader) Read(b []byte) (int, error) {
	if r.read > smallBody {
		if err := r.take(); err != nil {
			return 0, err
		}
	}
	n, err := r.Reader.Read(b)
	r.read += n
	return n, err
}
