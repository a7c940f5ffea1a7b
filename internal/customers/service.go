package customers

import (
	"context"
	"errors"
	"strconv"

	"google.golang.org/protobuf/proto"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
	"github.com/pelcro-grpc/pelcro-grpc/server"
)

// Service returns pelcro.v1.CustomerService in front of the Pelcro of the client.
func Service(client *pelcro.Client) server.Service {
	return server.Service{
		Desc:       &pelcrov1.CustomerService_ServiceDesc,
		Handler:    &service{pelcro: client},
		Operations: mapping.CustomerOperations(),
		ResourceID: resourceID,
	}
}

// resourceID returns the id of the customer that the request names, empty for none.
func resourceID(request any) string {
	var id int64
	switch request := request.(type) {
	case *pelcrov1.UpdateCustomerRequest:
		id = request.GetCustomer().GetId()
	case interface{ GetId() int64 }:
		id = request.GetId()
	}
	if id == 0 {
		return ""
	}
	return strconv.FormatInt(id, 10)
}

// service has the handlers: check the request, call Pelcro, convert the response.
type service struct {
	pelcrov1.UnimplementedCustomerServiceServer
	pelcro *pelcro.Client
}

func (s *service) GetCustomer(ctx context.Context, req *pelcrov1.GetCustomerRequest) (*pelcrov1.GetCustomerResponse, error) {
	var c check
	c.id("id", req.GetId())
	c.siteID(req.SiteId)
	expand := c.expand(req.GetExpand())
	if err := c.err(); err != nil {
		return nil, err
	}
	customer, err := readOne(s.pelcro.GetCustomer(ctx, req.GetSiteId(), req.GetId(), expand))
	if err != nil {
		return nil, err
	}
	return &pelcrov1.GetCustomerResponse{Customer: customer}, nil
}

func (s *service) ListCustomers(ctx context.Context, req *pelcrov1.ListCustomersRequest) (*pelcrov1.ListCustomersResponse, error) {
	var c check
	c.siteID(req.SiteId)
	page := c.page(req)
	list := pelcro.ListOptions{
		Page:    page.number,
		Limit:   page.size,
		Sort:    c.orderBy(req.GetOrderBy()),
		Filters: c.filters(req.GetFilters()),
		Expand:  c.expand(req.GetExpand()),
	}
	c.list(&page, digestOfList(s.pelcro.SiteID(req.GetSiteId()), list))
	if err := c.err(); err != nil {
		return nil, err
	}
	response, err := s.pelcro.ListCustomers(ctx, req.GetSiteId(), list)
	if errors.Is(err, pelcro.ErrURLTooLong) { // only filters can be long
		c.add("filters", pelcrov1.FieldViolationReason_FIELD_TOO_LONG,
			"The URL of Pelcro's list would be longer than 8 KiB. Send fewer or shorter filter values, in several lists if need be.")
		return nil, c.err()
	}
	if err != nil {
		return nil, err
	}
	defer response.Release()
	rows, err := readCustomers(response.JSON.Member("data"))
	if err != nil {
		return nil, response.Invalid(err)
	}
	if len(rows) == 0 {
		if err := contradiction("ListCustomers", response); err != nil {
			return nil, err
		}
	}
	paging := readPaging(response.JSON)
	customers, err := page.accept(rows, list.Sort, paging)
	if err != nil {
		return nil, response.Invalid(err)
	}
	next, err := page.next(rows, customers, list.Sort, paging)
	if err != nil {
		return nil, response.Invalid(err)
	}
	resp := &pelcrov1.ListCustomersResponse{Customers: customers, NextPageToken: next, TotalSize: paging.totalSize()}
	if err := sendable(response, resp); err != nil {
		return nil, err
	}
	return resp, nil
}

func (s *service) CreateCustomer(ctx context.Context, req *pelcrov1.CreateCustomerRequest) (*pelcrov1.CreateCustomerResponse, error) {
	var c check
	c.siteID(req.SiteId)
	attributes := c.newCustomer(req)
	if err := c.err(); err != nil {
		return nil, err
	}
	customer, err := readOne(s.pelcro.CreateCustomer(ctx, req.GetSiteId(), attributes))
	if err != nil {
		return nil, err
	}
	return &pelcrov1.CreateCustomerResponse{Customer: customer}, nil
}

func (s *service) UpdateCustomer(ctx context.Context, req *pelcrov1.UpdateCustomerRequest) (*pelcrov1.UpdateCustomerResponse, error) {
	var c check
	c.id("customer.id", req.GetCustomer().GetId())
	c.siteID(req.SiteId)
	attributes := c.changes(req)
	if err := c.err(); err != nil {
		return nil, err
	}
	customer, err := readOne(s.pelcro.UpdateCustomer(ctx, req.GetSiteId(), req.GetCustomer().GetId(), attributes))
	if err != nil {
		return nil, err
	}
	return &pelcrov1.UpdateCustomerResponse{Customer: customer}, nil
}

func (s *service) DeleteCustomer(ctx context.Context, req *pelcrov1.DeleteCustomerRequest) (*pelcrov1.DeleteCustomerResponse, error) {
	var c check
	c.id("id", req.GetId())
	c.siteID(req.SiteId)
	if err := c.err(); err != nil {
		return nil, err
	}
	response, err := s.pelcro.DeleteCustomer(ctx, req.GetSiteId(), req.GetId())
	if err != nil {
		return nil, err
	}
	defer response.Release()
	if err := contradiction("DeleteCustomer", response); err != nil {
		return nil, err
	}
	return &pelcrov1.DeleteCustomerResponse{}, nil
}

var errContradiction = errors.New("the response contradicts its status")

// contradiction returns the error of a response whose status says success and whose content says
// otherwise, nil for a success. A response with usable data needs no such check.
func contradiction(operation string, response *pelcro.Response) error {
	op, _ := mapping.CustomerOperation(operation)
	if mapping.FromResponse(mapping.Call{Operation: op}, mapping.Response{StatusCode: response.StatusCode, Header: response.Header, Body: response.Body}).OK() {
		return nil
	}
	return response.Invalid(errContradiction)
}

// readOne reads the customer in the response of a call.
func readOne(response *pelcro.Response, err error) (*pelcrov1.Customer, error) {
	if err != nil {
		return nil, err
	}
	defer response.Release()
	customer, err := readCustomer(response.JSON.Member("data"))
	if err != nil {
		return nil, response.Invalid(err)
	}
	// All responses with a customer have the same size.
	return customer, sendable(response, &pelcrov1.GetCustomerResponse{Customer: customer})
}

// sendable rejects a message that gRPC would reject without a reason, because it is too large.
func sendable(response *pelcro.Response, message proto.Message) error {
	if proto.Size(message) > server.MaxResponseBytes {
		return response.TooLargeToSend()
	}
	return nil
}
