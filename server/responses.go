package server

import (
	"context"
	"runtime"
	"sync"

	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// The memory for large responses that are not sent yet is bounded for all calls together. gRPC would
// keep any number of them for clients that read slowly.
const (
	// responseBudget is for those of unary calls.
	responseBudget = 16 << 20
	smallResponse  = 32 << 10
)

// responses encodes responses, those of unary calls or the messages of streams.
type responses struct{ unsent *semaphore.Weighted }

func newResponses(budget int64) *responses {
	return &responses{semaphore.NewWeighted(budget)}
}

// encodedResponse is a large response as bytes, for [codec].
type encodedResponse struct {
	data mem.Buffer
	// freed is closed when the bytes are no longer in memory, except if their connection has ended.
	freed <-chan struct{}
}

// encode returns a response as gRPC shall get it: a large one as bytes, when the budget has room for
// it, so that the message and what it was made of are no longer needed. reserved is what was already
// taken from the budget for it; encode gives back what is too much.
func (s *responses) encode(ctx context.Context, response any, reserved int64) (any, error) {
	message, ok := response.(proto.Message)
	size := int64(0)
	if ok {
		size = int64(proto.Size(message))
	}
	if size <= smallResponse {
		s.unsent.Release(reserved)
		return response, nil
	}
	if size <= reserved {
		s.unsent.Release(reserved - size)
	} else {
		s.unsent.Release(reserved) // those who hold some and wait for more would wait for each other
		if err := s.unsent.Acquire(ctx, size); err != nil {
			return nil, ctx.Err()
		}
	}
	release := sync.OnceFunc(func() { s.unsent.Release(size) })
	encoded, err := proto.MarshalOptions{UseCachedSize: true}.Marshal(message)
	if err != nil {
		release()
		return nil, errUnencodable
	}
	held := &sentBuffer{release: release, freed: make(chan struct{})}
	// gRPC frees a buffer that was sent, or whose stream has ended, but not those of a connection
	// that has ended.
	runtime.AddCleanup(held, func(release func()) { release() }, release)
	return encodedResponse{mem.NewBuffer(&encoded, held), held.freed}, nil
}

// sentBuffer is the pool of one buffer: gRPC puts it back when it needs it no longer.
type sentBuffer struct {
	release func()
	freed   chan struct{}
}

// Get implements [mem.BufferPool]. Nothing calls it.
func (*sentBuffer) Get(length int) *[]byte { return new(make([]byte, length)) }

// Put implements [mem.BufferPool].
func (b *sentBuffer) Put(*[]byte) {
	b.release()
	close(b.freed)
}
