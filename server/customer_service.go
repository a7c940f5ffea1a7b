package server

import (
	"context"

	"google.golang.org/protobuf/proto"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// customerService has the handlers: check the request, call Pelcro, convert the
// answer. What the errors mean is decided in errors.go.
type customerService struct {
	pelcrov1.UnimplementedCustomerServiceServer
	pelcro *pelcro.Client
}

func (s *customerService) GetCustomer(ctx context.Context, req *pelcrov1.GetCustomerRequest) (*pelcrov1.GetCustomerResponse, error) {
	var c check
	c.id("id", req.GetId())
	c.siteID(req.SiteId)
	expand := c.expand(req.GetExpand())
	if err := c.err(); err != nil {
		return nil, err
	}
	reply, err := s.pelcro.GetCustomer(ctx, req.GetSiteId(), req.GetId(), expand)
	if err != nil {
		return nil, err
	}
	customer, err := readCustomer(reply.Data)
	if err != nil {
		return nil, reply.Unusable(err)
	}
	return sendable(reply, &pelcrov1.GetCustomerResponse{Customer: customer})
}

func (s *customerService) ListCustomers(ctx context.Context, req *pelcrov1.ListCustomersRequest) (*pelcrov1.ListCustomersResponse, error) {
	var c check
	c.siteID(req.SiteId)
	page := c.page(req)
	list := pelcro.ListOptions{
		Page:    page.Number,
		Limit:   page.Size,
		Sort:    c.orderBy(req.GetOrderBy()),
		Filters: c.filters(req.GetFilters()),
		Expand:  c.expand(req.GetExpand()),
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	reply, err := s.pelcro.ListCustomers(ctx, req.GetSiteId(), list)
	if err != nil {
		return nil, err
	}
	customers, err := readCustomers(reply.Data)
	if err != nil {
		return nil, reply.Unusable(err)
	}
	if len(customers) == 0 {
		if err := contradiction("ListCustomers", reply); err != nil {
			return nil, err
		}
	}
	next, total := page.next(reply.Body.Member("meta"), len(customers))
	return sendable(reply, &pelcrov1.ListCustomersResponse{Customers: customers, NextPageToken: next, TotalSize: total})
}

func (s *customerService) CreateCustomer(ctx context.Context, req *pelcrov1.CreateCustomerRequest) (*pelcrov1.CreateCustomerResponse, error) {
	var c check
	c.siteID(req.SiteId)
	attributes := c.newCustomer(req)
	if err := c.err(); err != nil {
		return nil, err
	}
	reply, err := s.pelcro.CreateCustomer(ctx, req.GetSiteId(), attributes)
	if err != nil {
		return nil, err
	}
	customer, err := readCustomer(reply.Data)
	if err != nil {
		return nil, reply.Unusable(err)
	}
	return sendable(reply, &pelcrov1.CreateCustomerResponse{Customer: customer})
}

func (s *customerService) UpdateCustomer(ctx context.Context, req *pelcrov1.UpdateCustomerRequest) (*pelcrov1.UpdateCustomerResponse, error) {
	var c check
	c.id("customer.id", req.GetCustomer().GetId())
	c.siteID(req.SiteId)
	attributes := c.changes(req)
	if err := c.err(); err != nil {
		return nil, err
	}
	reply, err := s.pelcro.UpdateCustomer(ctx, req.GetSiteId(), req.GetCustomer().GetId(), attributes)
	if err != nil {
		return nil, err
	}
	customer, err := readCustomer(reply.Data)
	if err != nil {
		return nil, reply.Unusable(err)
	}
	return sendable(reply, &pelcrov1.UpdateCustomerResponse{Customer: customer})
}

func (s *customerService) DeleteCustomer(ctx context.Context, req *pelcrov1.DeleteCustomerRequest) (*pelcrov1.DeleteCustomerResponse, error) {
	var c check
	c.id("id", req.GetId())
	c.siteID(req.SiteId)
	if err := c.err(); err != nil {
		return nil, err
	}
	reply, err := s.pelcro.DeleteCustomer(ctx, req.GetSiteId(), req.GetId())
	if err != nil {
		return nil, err
	}
	if err := contradiction("DeleteCustomer", reply); err != nil {
		return nil, err
	}
	return &pelcrov1.DeleteCustomerResponse{}, nil
}

// contradiction returns the error of a response whose status says success and whose content says
// otherwise, nil for a success. Responses with usable data need not be asked about.
func contradiction(operation string, reply *pelcro.Reply) error {
	op, _ := mapping.CustomerOperation(operation)
	if response := reply.Response(); !mapping.IsSuccess(op, replyOf(response)) {
		return response
	}
	return nil
}

// sendable refuses a response that the transport would refuse without a reason. As
// protobuf JSON grows less than eightfold, so most replies need no measuring.
func sendable[R proto.Message](reply *pelcro.Reply, resp R) (R, error) {
	if len(reply.Data.String()) > MaxResponseBytes/8 && proto.Size(resp) > MaxResponseBytes {
		var none R
		return none, reply.TooLarge()
	}
	return resp, nil
}
