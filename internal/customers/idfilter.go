package customers

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

var errOtherCustomer = errors.New("the response is another customer than the one asked for")

// idFilter is what this process has seen of Pelcro's filter by id. That an id is not found says nothing
// until the filter has found several: it might take the first one only, or be ignored.
type idFilter struct {
	works atomic.Bool // a request with several ids has returned at least two of them
	isBad atomic.Bool // it returned others, was rejected, or did not find what exists
	// confirmed and replaced count single reads: of ids that the filter did not find, and instead of it.
	confirmed, replaced prometheus.Counter
	logger              *slog.Logger
}

func newIDFilter(config Config) *idFilter {
	reads := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "pelcro_grpc_batch_single_reads_total",
		Help: "Reads of single customers for BatchGetCustomers: to confirm that a customer is missing, or because Pelcro's filter by id does not work.",
	}, []string{"cause"})
	if config.Metrics != nil {
		config.Metrics.MustRegister(reads)
	}
	return &idFilter{
		logger:    config.Logger,
		confirmed: reads.WithLabelValues("confirm_missing"), replaced: reads.WithLabelValues("filter_broken"),
	}
}

// fails records that the filter does not work, for the reason given.
func (f *idFilter) fails(reason string) {
	f.works.Store(false)
	if !f.isBad.Swap(true) {
		f.logger.Warn("Pelcro's filter by id does not work: BatchGetCustomers takes a request for each customer", "reason", reason)
	}
}

// finds records that a request with several ids returned at least two of them, and no others.
func (f *idFilter) finds() {
	f.works.Store(true)
	if f.isBad.Swap(false) {
		f.logger.Info("Pelcro's filter by id works")
	}
}

// readReason is why a batch reads a customer by itself.
type readReason int

const (
	onlyOne        readReason = iota // the batch, or its last part, has one id only
	confirmMissing                   // the filter did not find it
	filterBroken                     // the filter does not work
)

// filterResult is what the filter says about ids, besides the customers that it has found.
type filterResult struct {
	// isWhole says that the response has all customers with these ids.
	isWhole bool
	// isFiltered says that the response has no other customers.
	isFiltered bool
}

// filterByID asks Pelcro for the customers with the ids, in one request.
func (b *batch) filterByID(ctx context.Context, ids []int64) (result filterResult, err error) {
	values := make([]string, len(ids))
	for i, id := range ids {
		values[i] = strconv.FormatInt(id, 10)
	}
	response, err := b.pelcro.ListCustomers(ctx, b.siteID, pelcro.ListOptions{
		Page: 1, Limit: maxPageSize, Sort: sortID, Expand: b.expand,
		Filters: []pelcro.Filter{{Attribute: idAttribute, Operator: "eq", Values: values}},
	})
	if isRejectedQuery(err) {
		b.byID.fails("the filter is rejected")
		return result, nil
	}
	if err != nil {
		return result, err
	}
	defer response.Release()
	rows, err := b.readMany(response)
	if err != nil {
		return result, err
	}
	found := map[int64]*pelcrov1.Customer{}
	isFiltered := true
	for _, row := range rows {
		if slices.Contains(ids, row.GetId()) {
			found[row.GetId()] = row
		} else {
			isFiltered = false
		}
	}
	said := readPaging(response.JSON)
	more, isKnown := said.saysMore(1)
	result = filterResult{
		isFiltered: isFiltered,
		isWhole:    !more && (isKnown || len(rows) == 0) && (!said.hasTotal || said.total <= int64(len(rows))),
	}
	switch {
	case !result.isFiltered:
		b.byID.fails("the filter is ignored")
	case len(found) > 1:
		b.byID.finds()
	}
	return result, b.keep(response, found)
}

// readByID reads one customer.
func (b *batch) readByID(ctx context.Context, id int64, why readReason) error {
	switch why {
	case confirmMissing:
		b.byID.confirmed.Inc()
	case filterBroken:
		b.byID.replaced.Inc()
	case onlyOne:
	}
	response, err := b.pelcro.GetCustomer(ctx, b.siteID, id, b.expand)
	if err != nil {
		if isMissing(err) {
			b.found[id] = nil
			return nil
		}
		return err
	}
	defer response.Release()
	customer, err := readCustomer(response.JSON.Member("data"))
	if err != nil {
		return response.Invalid(err)
	}
	if why == confirmMissing {
		b.byID.fails("a customer that exists is not found")
	}
	b.takeRequestID(customer)
	if customer.GetId() != id {
		return response.Invalid(errOtherCustomer)
	}
	return b.keep(response, map[int64]*pelcrov1.Customer{id: customer})
}

// isMissing reports whether a read of one customer failed because it does not exist.
func isMissing(err error) bool {
	failure, ok := failureOf(err)
	if !ok || failure.Response == nil {
		return false
	}
	op, _ := mapping.CustomerOperation("GetCustomer")
	return mapping.FromResponse(mapping.Call{Operation: op}, *failure.Response).Reason() == pelcrov1.ErrorReason_PELCRO_NOT_FOUND
}
