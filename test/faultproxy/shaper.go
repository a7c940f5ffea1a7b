package faultproxy

import (
	"context"
	"errors"
	"io"
	"math"
	"time"
)

// errCut means that the fault allows no more bytes.
var errCut = errors.New("faultproxy: response cut")

// tick is the time between two pieces of a response with a bandwidth: too short for a test
// to notice, long compared with the cost of a timer.
const tick = 20 * time.Millisecond

// shaper writes one response with the delays and the length of a fault.
type shaper struct {
	ctx   context.Context
	fault Fault
	to    io.Writer

	written int64
	header  int64     // bytes before the body, 0 as long as that is unknown
	due     time.Time // of the next byte, if there is a rate
}

// body records that the body starts after the next n bytes.
func (s *shaper) body(n int) { s.header = s.written + int64(n) }

// left returns how many more bytes the fault allows.
func (s *shaper) left() int64 {
	switch {
	case s.fault.at != inResponse, s.fault.inBody && s.header == 0:
		return math.MaxInt64
	case s.fault.inBody:
		return s.header + s.fault.keep - s.written
	}
	return s.fault.keep - s.written
}

// Write writes the bytes in the pieces and at the times of the fault. It fails with errCut
// when more bytes are written than the fault allows, and when the context ends.
func (s *shaper) Write(b []byte) (passed int, err error) {
	left := s.left()
	cut := int64(len(b)) > left
	b = b[:min(int64(len(b)), left)]
	for len(b) > 0 {
		piece := b[:min(len(b), s.step())]
		if err := s.hold(len(piece)); err != nil {
			return passed, err
		}
		n, err := s.to.Write(piece)
		passed += n
		s.written += int64(n)
		if err != nil {
			return passed, err
		}
		b = b[n:]
	}
	if cut {
		return passed, errCut
	}
	return passed, nil
}

// step returns the size of a piece.
func (s *shaper) step() int {
	switch {
	case s.fault.size > 0:
		return s.fault.size
	case s.fault.rate > 0:
		return max(1, int(int64(s.fault.rate)*int64(tick)/int64(time.Second)))
	}
	return math.MaxInt
}

// hold waits until a piece of n bytes may be written.
func (s *shaper) hold(n int) error {
	first := s.written == 0
	switch {
	case s.fault.rate > 0:
		if first {
			s.due = time.Now()
		}
		s.due = s.due.Add(time.Duration(int64(n) * int64(time.Second) / int64(s.fault.rate)))
		return wait(s.ctx, time.Until(s.due))
	case s.fault.size > 0 && !first:
		return wait(s.ctx, s.fault.pause)
	case first:
		return wait(s.ctx, s.fault.latency())
	}
	return nil
}
