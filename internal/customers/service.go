package customers

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/requestid"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
	"github.com/pelcro-grpc/pelcro-grpc/server"
)

// Config is what the service needs for creates with a request_id. The zero value is useful.
type Config struct {
	// RequestIDs remembers the ids; nil for a store in memory.
	RequestIDs *requestid.Store
	// RequestIDKey is the metadata key that holds the request_id; empty for [DefaultRequestIDKey].
	RequestIDKey string
	// SettleTime is how long a create that was sent may take to appear at Pelcro; zero for
	// [DefaultSettleTime].
	SettleTime time.Duration
	// Logger gets a line when Pelcro's filter does not find what was created; nil for none.
	Logger *slog.Logger
	// Metrics is where the service registers its metric; nil for none.
	Metrics prometheus.Registerer
}

// The defaults of a Config.
const (
	DefaultRequestIDKey = "grpc_request_id"
	DefaultSettleTime   = 2 * time.Minute
)

// Desc has the name and the methods of the service.
var Desc = &pelcrov1.CustomerService_ServiceDesc

// Service returns pelcro.v1.CustomerService in front of the Pelcro of the client.
func Service(client *pelcro.Client, config Config) server.Service {
	config.RequestIDKey = cmp.Or(config.RequestIDKey, DefaultRequestIDKey)
	config.SettleTime = cmp.Or(config.SettleTime, DefaultSettleTime)
	config.Logger = cmp.Or(config.Logger, slog.New(slog.DiscardHandler))
	if config.RequestIDs == nil {
		config.RequestIDs = requestid.New(requestid.Config{})
	}
	return server.Service{
		Desc: Desc,
		Handler: &service{
			pelcro: client, config: config, filter: newFilterEvidence(config),
			byID: newIDFilter(config), bulk: newBulkMetrics(config), kept: semaphore.NewWeighted(maxKept),
		},
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
	config Config
	filter *filterEvidence
	byID   *idFilter
	bulk   *bulkMetrics
	// kept is the memory for the customers that batches have read, in JSON values.
	kept *semaphore.Weighted
}

func (s *service) check() check { return check{reserved: s.config.RequestIDKey} }

func (s *service) GetCustomer(ctx context.Context, req *pelcrov1.GetCustomerRequest) (*pelcrov1.GetCustomerResponse, error) {
	c := s.check()
	c.id("id", req.GetId())
	c.siteID(req.SiteId)
	expand := c.expand(req.GetExpand())
	if err := c.err(); err != nil {
		return nil, err
	}
	response, err := s.pelcro.GetCustomer(ctx, req.GetSiteId(), req.GetId(), expand)
	customer, err := s.readOne(ctx, response, err)
	if err != nil {
		return nil, err
	}
	return &pelcrov1.GetCustomerResponse{Customer: customer}, nil
}

func (s *service) ListCustomers(ctx context.Context, req *pelcrov1.ListCustomersRequest) (*pelcrov1.ListCustomersResponse, error) {
	c := s.check()
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
	if err != nil {
		return nil, tooLongFilters(err)
	}
	response.ReleaseAfter(ctx)
	rows, err := s.readMany(response)
	if err != nil {
		return nil, err
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
	c := s.check()
	c.siteID(req.SiteId)
	c.requestID(req.RequestId)
	attributes := c.newCustomer(req)
	if err := c.err(); err != nil {
		return nil, err
	}
	var customer *pelcrov1.Customer
	var err error
	if req.RequestId == nil {
		var response *pelcro.Response
		response, err = s.pelcro.CreateCustomer(ctx, req.GetSiteId(), attributes)
		customer, err = s.readOne(ctx, response, err)
	} else {
		customer, err = s.createOnce(ctx, req, attributes)
	}
	if err != nil {
		return nil, err
	}
	return &pelcrov1.CreateCustomerResponse{Customer: customer}, nil
}

func (s *service) UpdateCustomer(ctx context.Context, req *pelcrov1.UpdateCustomerRequest) (*pelcrov1.UpdateCustomerResponse, error) {
	c := s.check()
	c.id("customer.id", req.GetCustomer().GetId())
	c.siteID(req.SiteId)
	attributes := c.changes(req)
	if err := c.err(); err != nil {
		return nil, err
	}
	response, err := s.pelcro.UpdateCustomer(ctx, req.GetSiteId(), req.GetCustomer().GetId(), attributes)
	customer, err := s.readOne(ctx, response, err)
	if err != nil {
		return nil, err
	}
	return &pelcrov1.UpdateCustomerResponse{Customer: customer}, nil
}

func (s *service) DeleteCustomer(ctx context.Context, req *pelcrov1.DeleteCustomerRequest) (*pelcrov1.DeleteCustomerResponse, error) {
	c := s.check()
	c.id("id", req.GetId())
	c.siteID(req.SiteId)
	if err := c.err(); err != nil {
		return nil, err
	}
	response, err := s.pelcro.DeleteCustomer(ctx, req.GetSiteId(), req.GetId())
	if err != nil {
		return nil, err
	}
	response.ReleaseAfter(ctx)
	if err := contradiction("DeleteCustomer", response); err != nil {
		return nil, err
	}
	return &pelcrov1.DeleteCustomerResponse{}, nil
}

// tooLongFilters returns the error of a list, as one of the request if its filters were too long.
func tooLongFilters(err error) error {
	if !errors.Is(err, pelcro.ErrURLTooLong) {
		return err
	}
	var c check // only filters can be long
	c.add("filters", pelcrov1.FieldViolationReason_FIELD_TOO_LONG,
		"The URL of Pelcro's list would be longer than 8 KiB. Send fewer or shorter filter values, in several lists if need be.")
	return c.err()
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

// readMany reads the customers in the response of a list.
func (s *service) readMany(response *pelcro.Response) ([]*pelcrov1.Customer, error) {
	rows, err := readCustomers(response.JSON.Member("data"))
	if err != nil {
		return nil, response.Invalid(err)
	}
	if len(rows) == 0 {
		return nil, contradiction("ListCustomers", response)
	}
	for _, row := range rows {
		s.takeRequestID(row)
	}
	return rows, nil
}

// takeRequestID moves the request_id from the metadata, where Pelcro keeps it, to its field.
func (s *service) takeRequestID(customer *pelcrov1.Customer) {
	stored, isText := customer.GetMetadata().GetFields()[s.config.RequestIDKey].GetKind().(*structpb.Value_StringValue)
	if isText {
		customer.RequestId = &stored.StringValue
		delete(customer.GetMetadata().GetFields(), s.config.RequestIDKey)
	}
}

// readOne reads the customer in the response of a call.
func (s *service) readOne(ctx context.Context, response *pelcro.Response, err error) (*pelcrov1.Customer, error) {
	if err != nil {
		return nil, err
	}
	response.ReleaseAfter(ctx)
	customer, err := readCustomer(response.JSON.Member("data"))
	if err != nil {
		return nil, response.Invalid(err)
	}
	s.takeRequestID(customer)
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
