package pelcro

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"golang.org/x/sync/semaphore"
)

// The memory for large bodies is bounded for all calls together. A body above smallBody takes its
// size from the budget of bytes before it is read on, and one with more values than fewValues takes
// those from the budget of values, because a decoded value takes about 300 bytes. Both wait if the
// budget is spent, and the wait counts against the time limit of the call.
const (
	bodyBudget  = 8 << 20
	smallBody   = 16 << 10
	valueBudget = maxValues
	fewValues   = 5_000
)

// errBudgetSpent is a wait for memory that was too long. It says nothing about Pelcro.
var errBudgetSpent = errors.New("too many large responses at the same time")

// budgets are those of a client.
type budgets struct{ bytes, values *semaphore.Weighted }

func newBudgets() budgets {
	return budgets{semaphore.NewWeighted(bodyBudget), semaphore.NewWeighted(valueBudget)}
}

// bodyShare is what one response has taken from the budgets.
type bodyShare struct {
	budgets       budgets
	mu            sync.Mutex
	bytes, values int64
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
	if err := s.budgets.bytes.Acquire(ctx, size); err != nil {
		return fmt.Errorf("%w: %w", errBudgetSpent, err)
	}
	s.bytes = size
	return nil
}

// takeValues takes the values of the response from the budget. A response takes its bytes before, so
// that those that hold values never wait.
func (s *bodyShare) takeValues(ctx context.Context, values int) error {
	if values <= fewValues {
		return nil
	}
	if err := s.budgets.values.Acquire(ctx, int64(values)); err != nil {
		return fmt.Errorf("%w: %w", errBudgetSpent, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values = int64(values)
	return nil
}

// takeShare takes what a response that was read before takes.
func (r *Response) takeShare(ctx context.Context) error {
	if len(r.Body) <= smallBody {
		return nil
	}
	if err := r.share.take(ctx, int64(len(r.Body))); err != nil {
		return err
	}
	if err := r.share.takeValues(ctx, r.JSON.Count()); err != nil {
		r.Release()
		return err
	}
	return nil
}

// Release gives back what a large response has taken from the budgets of the client. It must be called
// after a response has been decoded; more than one call does no harm.
func (r *Response) Release() {
	r.share.mu.Lock()
	defer r.share.mu.Unlock()
	r.share.budgets.bytes.Release(r.share.bytes)
	r.share.budgets.values.Release(r.share.values)
	r.share.bytes, r.share.values = 0, 0
}

// ReleaseAfter is Release when ctx has ended: that of the handler, until whose end what was decoded is
// needed.
func (r *Response) ReleaseAfter(ctx context.Context) {
	r.share.mu.Lock()
	defer r.share.mu.Unlock()
	if r.share.bytes > 0 || r.share.values > 0 {
		context.AfterFunc(ctx, r.Release)
	}
}

// readAll reads at most so many bytes. take is called before those beyond smallBody are read, into one
// buffer for all of them: growing ones would leave several times as much garbage.
func readAll(from io.Reader, most int, take func() error) ([]byte, error) {
	from = io.LimitReader(from, int64(most))
	start, err := io.ReadAll(io.LimitReader(from, smallBody))
	if err != nil || len(start) < smallBody {
		return start, err
	}
	if err := take(); err != nil {
		return start, err
	}
	all := bytes.NewBuffer(make([]byte, 0, most+bytes.MinRead))
	all.Write(start)
	_, err = all.ReadFrom(from)
	return all.Bytes(), err
}
