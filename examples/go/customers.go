package main

import (
	"context"
	"io"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// customers are the customers of a site, and what to do when they cannot be had.
type customers struct {
	service pelcrov1.CustomerServiceClient
	maxWait time.Duration
	out     io.Writer
}

// reason returns the reason of an error: one of the contract's constants.
func reason(err error) pelcrov1.ErrorReason {
	return pelcrov1.ErrorReason(pelcrov1.ErrorReason_value[detail[*errdetails.ErrorInfo](err).GetReason()])
}

// detail returns a detail of an error. Without one it returns nil, whose getters
// work.
func detail[D any](err error) (found D) {
	for _, detail := range status.Convert(err).Details() {
		if d, ok := detail.(D); ok {
			return d
		}
	}
	return found
}

// createCorrected creates a customer; with the other email if the first one is
// refused.
func (c customers) createCorrected(ctx context.Context, email, correctEmail string) (*pelcrov1.Customer, error) {
	customer, err := c.create(ctx, email)
	if reason(err) != pelcrov1.ErrorReason_PELCRO_VALIDATION_FAILED {
		return customer, err
	}
	for _, v := range detail[*errdetails.BadRequest](err).GetFieldViolations() {
		c.sayf("refused: %s: %s (%s)", v.GetField(), v.GetDescription(), v.GetReason())
	}
	return c.create(ctx, correctEmail)
}

// getPatiently gets a customer; it waits once, as told, if a rate limit is reached.
func (c customers) getPatiently(ctx context.Context, id int64) (*pelcrov1.Customer, error) {
	customer, err := c.get(ctx, id)
	if reason(err) != pelcrov1.ErrorReason_PELCRO_RATE_LIMITED {
		return customer, err
	}
	delay := longPause
	if told := detail[*errdetails.RetryInfo](err); told != nil {
		delay = told.GetRetryDelay().AsDuration()
	}
	c.wait(ctx, delay)
	return c.get(ctx, id)
}

// createOnce creates a customer, but no second one if the first try may have
// worked.
func (c customers) createOnce(ctx context.Context, email string) (*pelcrov1.Customer, error) {
	customer, err := c.create(ctx, email)
	if reason(err) != pelcrov1.ErrorReason_PELCRO_OUTCOME_UNKNOWN {
		return customer, err
	}
	c.sayf("nobody knows whether %s was created: looking for it", email)
	c.wait(ctx, settling)
	if customer, err = c.lookUp(ctx, email); customer != nil || err != nil {
		return customer, err
	}
	c.sayf("it is not there: creating it again")
	return c.create(ctx, email)
}

// wait waits, but no longer than maxWait. When ctx ends meanwhile the next call says
// so.
func (c customers) wait(ctx context.Context, delay time.Duration) {
	if delay > c.maxWait {
		c.sayf("told to wait %s: waiting %s, as -max-wait says", delay, c.maxWait)
		delay = c.maxWait
	}
	select {
	case <-ctx.Done():
	case <-time.After(delay):
	}
}

func (c customers) create(ctx context.Context, email string) (*pelcrov1.Customer, error) {
	response, err := c.service.CreateCustomer(ctx, &pelcrov1.CreateCustomerRequest{Customer: &pelcrov1.Customer{Email: &email}})
	return response.GetCustomer(), err
}

func (c customers) get(ctx context.Context, id int64) (*pelcrov1.Customer, error) {
	response, err := c.service.GetCustomer(ctx, &pelcrov1.GetCustomerRequest{Id: id})
	return response.GetCustomer(), err
}

// lookUp returns the customer with that email, nil if there is none.
func (c customers) lookUp(ctx context.Context, email string) (*pelcrov1.Customer, error) {
	response, err := c.service.ListCustomers(ctx, &pelcrov1.ListCustomersRequest{Filters: []*pelcrov1.CustomerFilter{{
		Attribute: "email",
		Operator:  pelcrov1.CustomerFilter_OPERATOR_EQUALS,
		Values:    []string{email},
	}}})
	if err != nil || len(response.GetCustomers()) == 0 {
		return nil, err
	}
	return response.GetCustomers()[0], nil
}
