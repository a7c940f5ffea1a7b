package export

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// The waits before a broken stream is continued, if its error does not say how long to wait: they
// double.
const (
	firstWait = time.Second
	maxWait   = 30 * time.Second
)

// reachWithin is how long an export tries to reach a service that it has not reached yet: a wrong
// address or CA shall not keep it for longer.
const reachWithin = time.Minute

// Config is what an export needs.
type Config struct {
	Service pelcrov1.CustomerServiceClient
	Output  *Output
	// GiveUpAfter is how long the export tries to continue without receiving anything.
	GiveUpAfter time.Duration
	// OnProgress is told about what was written, after each message.
	OnProgress func(Progress)
	// OnBreak is told about a stream that broke and is continued after the wait.
	OnBreak func(err error, wait time.Duration)
}

// Progress is how far an export is.
type Progress struct {
	Customers int64 // written, by earlier runs too
	Total     int64 // that match, 0 if that is not known
}

// StuckError ends an export that received nothing for too long, or would have to wait too long.
type StuckError struct {
	// Why is a part of a sentence.
	Why string
	// Err is the last error of the service.
	Err error
}

func (e *StuckError) Error() string { return e.Why + ": " + e.Err.Error() }

// Unwrap returns the last error of the service.
func (e *StuckError) Unwrap() error { return e.Err }

// Run writes the customers that are not written yet. When ctx ends it returns the cause of that; what
// the state file has is then still true.
func Run(ctx context.Context, config Config) error {
	started := time.Now()
	e := &exporter{Config: config, giveUp: started.Add(config.GiveUpAfter)}
	for {
		messages, err := e.read(ctx)
		switch {
		case err == nil:
			return e.Output.complete()
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !isTemporary(err):
			return err
		case messages > 0 && status.Code(err) == codes.DeadlineExceeded:
			continue // it was open for as long as a stream may be
		}
		e.reached = e.reached || isOfService(err) || status.Code(err) != codes.Unavailable
		end := e.giveUp
		if !e.reached {
			end = started.Add(reachWithin)
		}
		delay := delayOf(err)
		wait := cmp.Or(delay, min(firstWait<<min(e.breaks, 10), maxWait))
		switch {
		case time.Until(end) > wait:
		case !e.reached:
			return &StuckError{"the service was not reached", err}
		case delay > 0:
			return &StuckError{fmt.Sprintf("the service asks to wait for %s", delay), err}
		default:
			return &StuckError{fmt.Sprintf("nothing was received for %s", e.GiveUpAfter), err}
		}
		e.OnBreak(err, wait)
		e.breaks++
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

type exporter struct {
	Config

	// giveUp is when the export ends unless it receives something before.
	giveUp time.Time
	// reached says that there was a response of the service.
	reached bool
	// breaks counts the streams that broke since the last message.
	breaks int
}

// read writes the customers of one stream, and returns how many messages it received. The deadline has
// the service report why it pauses, instead of pausing for ever.
func (e *exporter) read(ctx context.Context) (messages int, err error) {
	ctx, cancel := context.WithDeadline(ctx, e.giveUp)
	defer cancel()
	stream, err := e.Service.StreamCustomers(ctx, e.Output.request())
	if err != nil {
		return 0, err
	}
	for ; ; messages++ {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return messages, nil
		}
		if err != nil {
			return messages, err
		}
		e.giveUp, e.reached, e.breaks = time.Now().Add(e.GiveUpAfter), true, 0
		if err := e.Output.append(message); err != nil {
			return messages, err
		}
		e.OnProgress(Progress{Customers: e.Output.Customers(), Total: int64(message.GetTotalSize())})
	}
}

// isTemporary reports whether a new stream may succeed.
func isTemporary(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded:
		return true
	case codes.ResourceExhausted:
		return isOfService(err) // otherwise it is gRPC's own: a message is too large
	case codes.Canceled, codes.Internal:
		return !isOfService(err) // gRPC's own: something between here and the service reset the stream
	default:
		return false
	}
}

// isOfService reports whether the service made the error, and not gRPC or something in between.
func isOfService(err error) bool { return detail[*errdetails.ErrorInfo](err) != nil }

// delayOf returns how long to wait by the error, 0 if it does not say that.
func delayOf(err error) time.Duration {
	return detail[*errdetails.RetryInfo](err).GetRetryDelay().AsDuration()
}

// detail returns a detail of an error, nil if it has none; the getters of nil work.
func detail[D any](err error) (found D) {
	for _, each := range status.Convert(err).Details() {
		if d, ok := each.(D); ok {
			return d
		}
	}
	return found
}

func sleep(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
