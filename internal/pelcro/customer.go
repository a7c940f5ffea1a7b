package pelcro

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/pelcro-grpc/pelcro-grpc/internal/quota"
)

// endpoint is one of Pelcro's operations.
type endpoint struct {
	method   string
	template string // of the path; logs, metrics and traces have it without values
	retry    retryPolicy
	class    quota.Class // of its calls, unless their caller has the lower one
}

// name names the operation in logs and traces.
func (e *endpoint) name() string { return e.method + " " + e.template }

const (
	customers    = "customers"
	someCustomer = "customers/{id}"
)

var (
	getCustomer   = &endpoint{http.MethodGet, someCustomer, retrySafe, quota.Interactive}
	listCustomers = &endpoint{http.MethodGet, customers, retrySafe, quota.Bulk}
	// findCustomers is a list of which a create needs the result, so it does not wait behind lists.
	findCustomers  = &endpoint{http.MethodGet, customers, retrySafe, quota.Interactive}
	createCustomer = &endpoint{http.MethodPost, customers, retryNever, quota.Interactive}
	updateCustomer = &endpoint{http.MethodPut, someCustomer, retryIfNotSent, quota.Interactive}
	deleteCustomer = &endpoint{http.MethodDelete, someCustomer, retryIfNotSent, quota.Interactive}
)

var endpoints = []*endpoint{getCustomer, listCustomers, findCustomers, createCustomer, updateCustomer, deleteCustomer, readAccount}

// ListOptions are the parameters of a list.
type ListOptions struct {
	Page  int // from 1
	Limit int // customers per page, 1 to 100
	// Sort is "id" or "email", with a leading "-" for descending.
	Sort    string
	Filters []Filter
	Expand  []string
}

// Filter is one condition
// (https://docs.pelcro.com/reference/api-core-filtering-and-sorting). The syntax has no escapes: a
// comma in a value, or a bracket in an attribute, would be read as syntax.
type Filter struct {
	Attribute string // for example "email" or "metadata.color"
	Operator  string // for example "eq"
	Values    []string
}

// SiteID returns the site of a call that names the site siteID: for 0 the configured one.
func (c *Client) SiteID(siteID int32) int32 { return cmp.Or(siteID, c.config.SiteID) }

// GetCustomer reads a customer
// (https://docs.pelcro.com/reference/api-core-get-customer). A siteID of 0 means the configured
// one, here and below.
func (c *Client) GetCustomer(ctx context.Context, siteID int32, id int64, expand []string) (*Response, error) {
	query := url.Values{}
	if len(expand) > 0 {
		query.Set("expand", strings.Join(expand, ","))
	}
	return c.do(ctx, request{endpoint: getCustomer, siteID: siteID, id: id, query: query})
}

// ListCustomers reads one page of customers
// (https://docs.pelcro.com/reference/api-core-list-customers).
func (c *Client) ListCustomers(ctx context.Context, siteID int32, list ListOptions) (*Response, error) {
	return c.do(ctx, request{endpoint: listCustomers, siteID: siteID, query: list.query()})
}

func (list ListOptions) query() url.Values {
	query := url.Values{
		"page":  {strconv.Itoa(list.Page)},
		"limit": {strconv.Itoa(list.Limit)},
		"sort":  {list.Sort},
	}
	for _, f := range list.Filters {
		query.Add("filter["+f.Attribute+"]", f.Operator+":"+strings.Join(f.Values, ","))
	}
	if len(list.Expand) > 0 {
		query.Set("expand", strings.Join(list.Expand, ","))
	}
	return query
}

// FindCustomers reads the first customers, in the order of their ids, that meet a condition.
func (c *Client) FindCustomers(ctx context.Context, siteID int32, condition Filter, limit int) (*Response, error) {
	query := ListOptions{Page: 1, Limit: limit, Sort: "id", Filters: []Filter{condition}}.query()
	return c.do(ctx, request{endpoint: findCustomers, siteID: siteID, query: query})
}

// CreateCustomer creates a customer
// (https://docs.pelcro.com/reference/api-core-create-customer). Attributes with the value nil are
// sent as null.
func (c *Client) CreateCustomer(ctx context.Context, siteID int32, attributes map[string]any) (*Response, error) {
	return c.do(ctx, request{endpoint: createCustomer, siteID: siteID, body: attributes})
}

// UpdateCustomer changes the named attributes of a customer and leaves the others
// (https://docs.pelcro.com/reference/api-core-update-customer).
func (c *Client) UpdateCustomer(ctx context.Context, siteID int32, id int64, attributes map[string]any) (*Response, error) {
	return c.do(ctx, request{endpoint: updateCustomer, siteID: siteID, id: id, body: attributes})
}

// DeleteCustomer deletes a customer
// (https://docs.pelcro.com/reference/api-core-delete-customer). A success has no body.
func (c *Client) DeleteCustomer(ctx context.Context, siteID int32, id int64) (*Response, error) {
	return c.do(ctx, request{endpoint: deleteCustomer, siteID: siteID, id: id})
}
