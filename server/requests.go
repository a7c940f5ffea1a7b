package server

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// The memory for requests is bounded for all calls together, whoever makes them.
const (
	// readTimeout is how long after its headers a request, of a stream the first one, may take to
	// arrive.
	readTimeout = 10 * time.Second
	// maxReading is how many requests are read at the same time, and maxConnectionReading how many of
	// one connection. The other calls wait for their turn, with at most 64 KiB of each in memory.
	// Most requests arrive with their headers, so that reading them takes no time.
	maxReading           = 32
	maxConnectionReading = 4
	// maxBuiltinWaiting is how many calls of health and reflection may wait. Those of resources are
	// bounded by Config.MaxConcurrentCalls.
	maxBuiltinWaiting = 100
	// hurryAfter is how long a request may take to arrive while calls of other connections wait. Those
	// of the same connection do not count: on a slow one, requests that were sent together arrive
	// together.
	hurryAfter = 500 * time.Millisecond
	// requestBudget is for the requests of more than smallRequest, from their decoding until the end
	// of their handlers. Further ones are rejected: waiting would fill the memory, too.
	requestBudget = 32 << 20
	smallRequest  = 16 << 10
	// fieldCost is about what a field takes in memory, in addition to its bytes.
	fieldCost = 256
	// maxBuiltinRequest limits the requests of health and reflection, which hold names only, and which
	// streams keep.
	maxBuiltinRequest = 4 << 10
)

var (
	errRequestIncomplete = errors.New("the request did not arrive in time")
	errLargeBuiltin      = errors.New("the request is larger than 4 KiB")
)

// requests reads requests, those of resources or those of health and reflection: so that unknown
// clients, who can call health, take nothing from known ones.
type requests struct {
	maxBytes    int
	maxWaiting  int64 // 0 for no limit
	waiting     atomic.Int64
	readTimeout time.Duration
	turns       *turns
	decoded     *semaphore.Weighted
}

func newRequests(maxBytes int, readTimeout time.Duration) *requests {
	return &requests{
		maxBytes: maxBytes, readTimeout: readTimeout,
		turns: newTurns(maxReading), decoded: semaphore.NewWeighted(requestBudget),
	}
}

// read reads a request with receive and decodes it, within the limits.
func (s *requests) read(ctx context.Context, receive func(any) error, request any) error {
	var raw rawRequest
	switch err := s.receive(ctx, receive, &raw); {
	case errors.Is(err, io.EOF): // a stream has no more requests
		return err
	case errors.Is(err, errRequestIncomplete), errors.Is(err, ErrOverloaded):
		return err
	case err != nil:
		return readError{err}
	}
	encoded := raw.data.MaterializeToBuffer(requestBuffers)
	raw.data.Free()
	defer encoded.Free()
	if err := s.admit(ctx, encoded.ReadOnlyData(), request); err != nil {
		return err
	}
	if err := protobuf.Unmarshal(mem.BufferSlice{encoded}, request); err != nil {
		return undecodableError{err}
	}
	r := rpcOf(ctx)
	r.request = request
	return r.checkSite(request)
}

// receive receives the bytes of a request when it is its turn, but ends with ctx and with the time for
// it.
func (s *requests) receive(ctx context.Context, receive func(any) error, request *rawRequest) error {
	var late <-chan time.Time
	if rpcOf(ctx).request == nil { // between others a client may do nothing
		timer := time.NewTimer(time.Until(rpcOf(ctx).began.Add(s.readTimeout)))
		defer timer.Stop()
		late = timer.C
	}
	ofConnection := connectionOf(ctx).turns
	if err := s.wait(ctx, late, ofConnection); err != nil {
		return err
	}
	var raw rawRequest
	received := make(chan error, 1)
	go func() {
		defer ofConnection.end() // only now: an abandoned request is in memory until its stream ends
		defer s.turns.end()
		received <- receive(&raw)
	}()
	hurry := time.NewTicker(hurryAfter)
	defer hurry.Stop()
	for {
		select {
		case err := <-received:
			*request = raw
			return err
		case <-late:
			return errRequestIncomplete
		case <-hurry.C:
			if s.turns.waiting.Load() == 0 {
				continue
			}
			select {
			case err := <-received: // meanwhile; it does not count as incomplete
				*request = raw
				return err
			default:
				return errRequestIncomplete
			}
		case <-ctx.Done():
			if cause := context.Cause(ctx); errors.Is(cause, errStopping) || errors.Is(cause, errCallerDeadline) {
				return ctx.Err()
			}
			// The stream has ended: by the caller, or by gRPC itself, which then has an error of
			// its own.
			err := <-received
			*request = raw
			return err
		}
	}
}

// wait waits for a turn of the connection, and then for one in all.
func (s *requests) wait(ctx context.Context, late <-chan time.Time, ofConnection *turns) error {
	defer s.waiting.Add(-1)
	if waiting := s.waiting.Add(1); s.maxWaiting > 0 && waiting > s.maxWaiting {
		return ErrOverloaded
	}
	if err := ofConnection.wait(ctx, late); err != nil {
		return err
	}
	err := s.turns.wait(ctx, late)
	if err != nil {
		ofConnection.end()
	}
	return err
}

// turns are those of calls whose requests are being read.
type turns struct {
	reading chan struct{} // has an element for each
	waiting atomic.Int64  // calls without a turn
}

func newTurns(most int) *turns { return &turns{reading: make(chan struct{}, most)} }

func (t *turns) wait(ctx context.Context, late <-chan time.Time) error {
	select {
	case t.reading <- struct{}{}:
		return nil // not counted as waiting, which ends requests that arrive slowly
	default:
	}
	t.waiting.Add(1)
	defer t.waiting.Add(-1)
	select {
	case t.reading <- struct{}{}:
		return nil
	case <-late:
		return errRequestIncomplete
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *turns) end() { <-t.reading }

// admit checks what decoding the request would take, and takes it from the budget until ctx, that of
// the handler, ends.
func (s *requests) admit(ctx context.Context, encoded []byte, request any) error {
	message, ok := request.(proto.Message)
	if !ok {
		return nil
	}
	fields, err := checkFields(message.ProtoReflect().Descriptor(), encoded)
	switch {
	case err != nil:
		return err
	case len(encoded) > s.maxBytes:
		return errLargeBuiltin
	}
	cost := int64(len(encoded) + fields*fieldCost)
	switch {
	case cost <= smallRequest:
	case !s.decoded.TryAcquire(cost):
		return ErrOverloaded
	default:
		context.AfterFunc(ctx, func() { s.decoded.Release(cost) })
	}
	return nil
}

// requestBuffers are buffers of at most twice the size of what they hold. gRPC's own would take 1 MiB
// for a request of 33 KiB.
var requestBuffers = newRequestBuffers()

func newRequestBuffers() mem.BufferPool {
	pool, err := mem.NewBinaryTieredBufferPool(8, 11, 12, 13, 14, 15, 16, 17, 18, 19)
	if err != nil {
		panic(err) // the sizes are constants
	}
	return pool
}

// requestsOf returns what reads the requests of the call.
func (s *Server) requestsOf(ctx context.Context) *requests {
	if rpcOf(ctx).method.operation.Name == "" {
		return s.builtinRequests
	}
	return s.resourceRequests
}
