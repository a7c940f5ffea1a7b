package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// plain is what a good engineer writes in an afternoon: the same calls of Pelcro and the same
// responses, errors with two kinds of details, and nothing else.
type plain struct {
	pelcrov1.UnimplementedCustomerServiceServer
	client *http.Client
	base   string
}

// transport keeps the connections of a busy service.
func transport() *http.Transport {
	return &http.Transport{MaxIdleConns: 256, MaxIdleConnsPerHost: 256, IdleConnTimeout: time.Minute}
}

// streamWorkers is the gateway's number of goroutines that serve one call after the other.
const streamWorkers = 256

func servePlain() error {
	s := grpc.NewServer(grpc.NumStreamWorkers(streamWorkers))
	pelcrov1.RegisterCustomerServiceServer(s, &plain{
		client: &http.Client{Transport: transport(), Timeout: 30 * time.Second},
		base:   os.Getenv(upstreamEnv) + basePath,
	})
	listener, err := listen()
	if err != nil {
		return err
	}
	return s.Serve(listener)
}

// plainCustomer is a customer as Pelcro sends it.
type plainCustomer struct {
	ID                    int64          `json:"id"`
	Email                 *string        `json:"email"`
	FirstName             *string        `json:"first_name"`
	LastName              *string        `json:"last_name"`
	Name                  *string        `json:"name"`
	DisplayName           *string        `json:"display_name"`
	Username              *string        `json:"username"`
	Phone                 *string        `json:"phone"`
	Salutation            *string        `json:"salutation"`
	Title                 *string        `json:"title"`
	TIN                   *string        `json:"tin"`
	Organization          *int64         `json:"organization"`
	Addresses             []int64        `json:"addresses"`
	Subscriptions         []int64        `json:"subscriptions"`
	DefaultSourceID       *int64         `json:"default_source_id"`
	DefaultSource         map[string]any `json:"default_source"`
	EmailConfirm          *bool          `json:"email_confirm"`
	EmailHardbounce       *bool          `json:"email_hardbounce"`
	PhoneConfirm          *bool          `json:"phone_confirm"`
	MailMarketing         *bool          `json:"mail_marketing"`
	TeleMarketing         *bool          `json:"tele_marketing"`
	HasPassword           *int           `json:"has_password"`
	IsImported            *int           `json:"is_imported"`
	Metadata              map[string]any `json:"metadata"`
	OldProviderID         *string        `json:"old_provider_id"`
	PasswordLastUpdatedAt *int64         `json:"password_last_updated_at"`
	LastLoginAt           *int64         `json:"last_login_at"`
	CreatedAt             *int64         `json:"created_at"`
	UpdatedAt             *int64         `json:"updated_at"`
	DeletedAt             *int64         `json:"deleted_at"`
}

// readCustomer reads a customer as Pelcro sends it.
func readCustomer(raw []byte) (*pelcrov1.Customer, error) {
	var response struct {
		Data plainCustomer `json:"data"`
	}
	if err := json.Unmarshal(raw, &response); err != nil {
		return nil, errUnreadable
	}
	return response.Data.message()
}

// readPage reads a page of customers.
func readPage(raw []byte) (*pelcrov1.ListCustomersResponse, error) {
	var response struct {
		Data []plainCustomer `json:"data"`
		Meta struct {
			Total *int32 `json:"total"`
		} `json:"meta"`
	}
	if err := json.Unmarshal(raw, &response); err != nil {
		return nil, errUnreadable
	}
	page := &pelcrov1.ListCustomersResponse{TotalSize: response.Meta.Total, Customers: make([]*pelcrov1.Customer, len(response.Data))}
	for i := range response.Data {
		var err error
		if page.Customers[i], err = response.Data[i].message(); err != nil {
			return nil, err
		}
	}
	return page, nil
}

// The errors of a handler that says little.
var (
	errUnreadable = status.Error(codes.Internal, "cannot read the response")
	errUnbuilt    = status.Error(codes.Internal, "cannot build the request")
	errNoResponse = status.Error(codes.Unavailable, "no response")
)

func (p *plain) GetCustomer(ctx context.Context, req *pelcrov1.GetCustomerRequest) (*pelcrov1.GetCustomerResponse, error) {
	raw, err := p.do(ctx, http.MethodGet, "customers/"+strconv.FormatInt(req.GetId(), 10)+"?"+site(req), nil)
	if err != nil {
		return nil, err
	}
	customer, err := readCustomer(raw)
	return &pelcrov1.GetCustomerResponse{Customer: customer}, err
}

func (p *plain) ListCustomers(ctx context.Context, req *pelcrov1.ListCustomersRequest) (*pelcrov1.ListCustomersResponse, error) {
	path := "customers?limit=" + strconv.Itoa(int(req.GetPageSize())) + "&page=1&" + site(req) + "&sort=id"
	raw, err := p.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	return readPage(raw)
}

func (p *plain) CreateCustomer(ctx context.Context, req *pelcrov1.CreateCustomerRequest) (*pelcrov1.CreateCustomerResponse, error) {
	c := req.GetCustomer()
	body := map[string]any{}
	for name, value := range map[string]*string{
		"email": c.Email, "first_name": c.FirstName, "last_name": c.LastName, "phone": c.Phone, "title": c.Title, //nolint:protogetter // presence
	} {
		if value != nil {
			body[name] = *value
		}
	}
	if c.GetMetadata() != nil {
		body["metadata"] = c.GetMetadata().AsMap()
	}
	raw, err := p.do(ctx, http.MethodPost, "customers?"+site(req), body)
	if err != nil {
		return nil, err
	}
	customer, err := readCustomer(raw)
	return &pelcrov1.CreateCustomerResponse{Customer: customer}, err
}

// do calls Pelcro and returns the body of the response.
// site is the parameter for the site of a request.
func site(req interface{ GetSiteId() int32 }) string {
	return "site_id=" + strconv.Itoa(int(req.GetSiteId()))
}

func (p *plain) do(ctx context.Context, method, path string, body any) ([]byte, error) {
	var content io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, errUnbuilt
		}
		content = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, p.base+path, content)
	if err != nil {
		return nil, errUnbuilt
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", "Bearer "+benchKey)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, errNoResponse
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, errNoResponse
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return nil, plainError(resp.StatusCode, raw)
	}
	return raw, nil
}

// plainError returns a status with ErrorInfo and, for field errors, BadRequest.
func plainError(code int, raw []byte) error {
	var body struct {
		Message string              `json:"message"`
		Errors  map[string][]string `json:"errors"`
	}
	_ = json.Unmarshal(raw, &body)
	mapped := codes.Unknown
	switch code {
	case http.StatusBadRequest:
		mapped = codes.InvalidArgument
	case http.StatusNotFound:
		mapped = codes.NotFound
	case http.StatusTooManyRequests:
		mapped = codes.ResourceExhausted
	}
	details := []protoadapt.MessageV1{
		&errdetails.ErrorInfo{Reason: http.StatusText(code), Domain: "pelcro", Metadata: map[string]string{"status": strconv.Itoa(code)}},
	}
	if len(body.Errors) > 0 {
		bad := &errdetails.BadRequest{}
		for field, texts := range body.Errors {
			for _, text := range texts {
				bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{Field: field, Description: text})
			}
		}
		details = append(details, bad)
	}
	s, err := status.New(mapped, body.Message).WithDetails(details...)
	if err != nil {
		return status.Error(codes.Internal, "cannot build the status")
	}
	return s.Err()
}

func (c *plainCustomer) message() (*pelcrov1.Customer, error) {
	m := &pelcrov1.Customer{
		Id: c.ID, Email: c.Email, FirstName: c.FirstName, LastName: c.LastName, Name: c.Name, DisplayName: c.DisplayName,
		Username: c.Username, Phone: c.Phone, Salutation: c.Salutation, Title: c.Title, Tin: c.TIN, OrganizationId: c.Organization,
		AddressIds: c.Addresses, SubscriptionIds: c.Subscriptions,
		DefaultSourceId: c.DefaultSourceID, EmailConfirm: c.EmailConfirm, EmailHardbounce: c.EmailHardbounce,
		PhoneConfirm: c.PhoneConfirm, MailMarketing: c.MailMarketing, TeleMarketing: c.TeleMarketing,
		HasPassword: isOne(c.HasPassword), IsImported: isOne(c.IsImported), OldProviderId: c.OldProviderID,
		PasswordLastUpdatedAt: at(c.PasswordLastUpdatedAt), LastLoginAt: at(c.LastLoginAt),
		CreatedAt: at(c.CreatedAt), UpdatedAt: at(c.UpdatedAt), DeletedAt: at(c.DeletedAt),
	}
	var err error
	if m.Metadata, err = structpb.NewStruct(c.Metadata); err != nil {
		return nil, errUnreadable
	}
	return m, nil
}

func isOne(n *int) *bool {
	if n == nil {
		return nil
	}
	return new(*n == 1)
}

func at(seconds *int64) *timestamppb.Timestamp {
	if seconds == nil {
		return nil
	}
	return timestamppb.New(time.Unix(*seconds, 0))
}
