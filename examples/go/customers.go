package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"time"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// customers calls the customer service and handles its errors.
type customers struct {
	service pelcrov1.CustomerServiceClient
	maxWait time.Duration
	out     io.Writer
}

// reason returns the reason of an error: one of the contract's constants.
func reason(err error) pelcrov1.ErrorReason {
	return pelcrov1.ErrorReason(pelcrov1.ErrorReason_value[detail[*errdetails.ErrorInfo](err).GetReason()])
}

// detail returns a detail of an error, nil if it has none; the getters of nil work.
func detail[D any](err error) (found D) {
	for _, detail := range status.Convert(err).Details() {
		if d, ok := detail.(D); ok {
			return d
		}
	}
	return found
}

// createCorrected creates a customer, with the other email if Pelcro rejects the first.
func (c customers) createCorrected(ctx context.Context, email, correctEmail string) (*pelcrov1.Customer, error) {
	customer, err := c.create(ctx, email)
	if reason(err) != pelcrov1.ErrorReason_PELCRO_VALIDATION_FAILED {
		return customer, err
	}
	for _, v := range detail[*errdetails.BadRequest](err).GetFieldViolations() {
		c.sayf("rejected: %s: %s (%s)", v.GetField(), v.GetDescription(), v.GetReason())
	}
	return c.create(ctx, correctEmail)
}

// getAfterDelay gets a customer. After a rate limit it waits for the delay of the error
// and retries once.
func (c customers) getAfterDelay(ctx context.Context, id int64) (*pelcrov1.Customer, error) {
	customer, err := c.get(ctx, id)
	if reason(err) != pelcrov1.ErrorReason_PELCRO_RATE_LIMITED {
		return customer, err
	}
	delay := defaultDelay
	if retry := detail[*errdetails.RetryInfo](err); retry != nil {
		delay = retry.GetRetryDelay().AsDuration()
	}
	c.wait(ctx, delay)
	return c.get(ctx, id)
}

// createOnce creates a customer: exactly one, however often it has to send the request, because all
// of its attempts have the same request_id. The service finds out what became of the earlier ones.
func (c customers) createOnce(ctx context.Context, email string) (*pelcrov1.Customer, error) {
	request := newCustomer(email)
	for {
		response, err := c.service.CreateCustomer(ctx, request)
		if status.Code(err) != codes.Unavailable {
			return response.GetCustomer(), err
		}
		c.sayf("%s: sending it again", reason(err))
		c.wait(ctx, detail[*errdetails.RetryInfo](err).GetRetryDelay().AsDuration())
	}
}

// readAll uses each customer. A stream that breaks is continued after the last message that was used.
func (c customers) readAll(ctx context.Context, use func(*pelcrov1.Customer)) error {
	request := &pelcrov1.StreamCustomersRequest{}
	for {
		err := c.readStream(ctx, request, use)
		if code := status.Code(err); code != codes.Unavailable && code != codes.ResourceExhausted {
			return err
		}
		c.sayf("%s: continuing the stream", reason(err))
		delay := detail[*errdetails.RetryInfo](err).GetRetryDelay().AsDuration()
		c.wait(ctx, cmp.Or(delay, streamDelay))
	}
}

// readStream reads until the stream ends or breaks. The request then asks for the rest.
func (c customers) readStream(ctx context.Context, request *pelcrov1.StreamCustomersRequest, use func(*pelcrov1.Customer)) error {
	stream, err := c.service.StreamCustomers(ctx, request)
	if err != nil {
		return err
	}
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, customer := range message.GetCustomers() {
			use(customer)
		}
		request.ResumeToken = message.GetResumeToken()
	}
}

// getMany gets customers by their ids, with one request to Pelcro for each hundred.
func (c customers) getMany(ctx context.Context, ids ...int64) (found []*pelcrov1.Customer, missing []int64, err error) {
	response, err := c.service.BatchGetCustomers(ctx, &pelcrov1.BatchGetCustomersRequest{Ids: ids})
	return response.GetCustomers(), response.GetMissingIds(), err
}

// newCustomer returns a create with a request_id of its own.
func newCustomer(email string) *pelcrov1.CreateCustomerRequest {
	return &pelcrov1.CreateCustomerRequest{
		RequestId: new(uuid.NewString()),
		Customer:  &pelcrov1.Customer{Email: &email},
	}
}

// wait waits at most maxWait. It also returns when ctx ends; the next call then fails.
func (c customers) wait(ctx context.Context, delay time.Duration) {
	if delay > c.maxWait {
		c.sayf("retry delay %s: waiting %s (-max-wait)", delay, c.maxWait)
		delay = c.maxWait
	}
	select {
	case <-ctx.Done():
	case <-time.After(delay):
	}
}

func (c customers) create(ctx context.Context, email string) (*pelcrov1.Customer, error) {
	response, err := c.service.CreateCustomer(ctx, newCustomer(email))
	return response.GetCustomer(), err
}

func (c customers) get(ctx context.Context, id int64) (*pelcrov1.Customer, error) {
	response, err := c.service.GetCustomer(ctx, &pelcrov1.GetCustomerRequest{Id: id})
	return response.GetCustomer(), err
}
