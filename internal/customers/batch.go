package customers

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"google.golang.org/protobuf/types/known/durationpb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/server"
)

const (
	// maxBatch is how many ids a batch may have. A request of Pelcro has at most maxPageSize of them:
	// even long ones are far from the longest URL.
	maxBatch = 1000
	// maxFailures is how many requests in a row may fail before a batch stops asking.
	maxFailures = 3
	// maxKept bounds, by their ids, the batches that hold customers until they have the others. The
	// next ones wait. A batch of one request takes no more memory than a list, and does not count.
	maxKept = 3 * maxBatch
	// maxBatchBytes is the room for customers in a response; the rest is for the ids of others.
	maxBatchBytes = server.MaxResponseBytes - 64<<10
)

// batch is one BatchGetCustomers.
type batch struct {
	*service

	siteID int32
	expand []string
	// next are the requests to make.
	next []part
	// isIgnored says that Pelcro did not filter by id, so that each request reads one customer.
	isIgnored bool

	// found has nil for an id that is missing.
	found    map[int64]*pelcrov1.Customer
	failures []*pelcrov1.BatchGetCustomersFailure
	// size is that of the customers in the response, isFull says that no more fit.
	size   int
	isFull bool
}

// part is a request of a batch, for these ids. One id is read by itself, for the reason given.
type part struct {
	ids []int64
	why readReason
}

func (s *service) BatchGetCustomers(ctx context.Context, req *pelcrov1.BatchGetCustomersRequest) (*pelcrov1.BatchGetCustomersResponse, error) {
	c := s.check()
	ids := c.ids(req.GetIds())
	c.siteID(req.SiteId)
	b := &batch{service: s, siteID: req.GetSiteId(), expand: c.expand(req.GetExpand()), found: make(map[int64]*pelcrov1.Customer, len(ids))}
	if err := c.err(); err != nil {
		return nil, err
	}
	if len(ids) > maxPageSize {
		if err := s.kept.Acquire(ctx, int64(len(ids))); err != nil {
			return nil, ctx.Err()
		}
		context.AfterFunc(ctx, func() { s.kept.Release(int64(len(ids))) })
	}
	for chunk := range slices.Chunk(ids, maxPageSize) {
		b.next = append(b.next, part{ids: chunk})
	}
	if err := b.run(pelcro.AsBulk(ctx), req.GetAllowPartial()); err != nil {
		return nil, err
	}
	resp := b.response(ids)
	server.Count(ctx, "customers", len(resp.GetCustomers()))
	server.Count(ctx, "missing", len(resp.GetMissingIds()))
	if len(resp.GetFailures()) > 0 {
		server.Count(ctx, "failures", len(resp.GetFailures()))
	}
	s.bulk.batched.Add(float64(len(resp.GetCustomers())))
	return resp, nil
}

// ids checks the ids of a batch, and returns each once.
func (c *check) ids(asked []int64) []int64 {
	switch {
	case len(asked) == 0:
		c.add("ids", pelcrov1.FieldViolationReason_FIELD_REQUIRED, "Give at least one id.")
	case len(asked) > maxBatch:
		c.add("ids", pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE, "Give at most 1,000 ids; use several calls, or StreamCustomers.")
		return nil
	}
	ids, seen := make([]int64, 0, len(asked)), make(map[int64]bool, len(asked))
	for i, id := range asked {
		if id <= 0 {
			c.add("ids["+strconv.Itoa(i)+"]", pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE, "Ids of customers are greater than 0.")
		}
		if !seen[id] {
			ids = append(ids, id)
		}
		seen[id] = true
	}
	return ids
}

// run makes the requests. A failed one ends the batch, unless that may be partial.
func (b *batch) run(ctx context.Context, allowPartial bool) error {
	for failed := 0; len(b.next) > 0; {
		asked := b.next[0]
		b.next = b.next[1:]
		err := b.request(ctx, asked)
		switch {
		case err == nil:
			failed = 0
		case isTooLarge(err) && !b.isFull && len(asked.ids) > 1:
			half := len(asked.ids) / 2
			b.first(part{ids: asked.ids[:half]}, part{ids: asked.ids[half:]})
		case !allowPartial || ctx.Err() != nil:
			return err
		default:
			failed++
			b.fail(ctx, asked, err, failed == maxFailures || b.isFull)
		}
	}
	return nil
}

// first has these requests made before the others.
func (b *batch) first(parts ...part) { b.next = append(parts, b.next...) }

// singly returns a request for each of these customers.
func singly(ids []int64, why readReason) []part {
	parts := make([]part, len(ids))
	for i := range ids {
		parts[i] = part{ids: ids[i : i+1], why: why}
	}
	return parts
}

// request makes a request. What it does not find out is left to more of them.
func (b *batch) request(ctx context.Context, asked part) error {
	switch {
	case asked.why == confirmMissing && b.byID.works.Load():
		b.found[asked.ids[0]] = nil
		return nil
	case len(asked.ids) == 1:
		return b.readByID(ctx, asked.ids[0], asked.why)
	case b.isIgnored:
		b.first(singly(asked.ids, filterBroken)...)
		return nil
	}
	result, err := b.filterByID(ctx, asked.ids)
	if err != nil {
		return err
	}
	missing := slices.DeleteFunc(slices.Clone(asked.ids), func(id int64) bool { return b.found[id] != nil })
	switch {
	case len(missing) == 0:
	case !result.isFiltered:
		b.isIgnored = true
		b.first(singly(missing, filterBroken)...)
	case !result.isWhole && len(missing) < len(asked.ids): // Pelcro returns fewer at a time than were asked for
		b.first(part{ids: missing})
	case result.isWhole && b.byID.works.Load():
		for _, id := range missing {
			b.found[id] = nil
		}
	default:
		b.next = append(b.next, singly(missing, confirmMissing)...) // later ones may show that the filter works
	}
	return nil
}

// keep keeps customers for the response.
func (b *batch) keep(response *pelcro.Response, customers map[int64]*pelcrov1.Customer) error {
	for _, customer := range customers {
		b.size += sizeInList(customer)
	}
	if b.size > maxBatchBytes {
		b.isFull = true
		return response.TooLargeToSend()
	}
	maps.Copy(b.found, customers)
	return nil
}

// fail records a request that failed, and isLast that no other will be made.
func (b *batch) fail(ctx context.Context, failed part, err error, isLast bool) {
	result := server.Translate(ctx, err)
	failure := &pelcrov1.BatchGetCustomersFailure{
		Ids: failed.ids, Code: int32(result.Code()), Reason: result.Reason(), Message: result.Status().Message(),
	}
	if delay := result.RetryDelay(); delay > 0 {
		failure.RetryDelay = durationpb.New(delay)
	}
	if isLast {
		failure.Ids = slices.Clone(failed.ids)
		for _, other := range b.next {
			failure.Ids = append(failure.Ids, other.ids...)
		}
		b.next = nil
	}
	b.failures = append(b.failures, failure)
}

// response returns what became of the ids.
func (b *batch) response(ids []int64) *pelcrov1.BatchGetCustomersResponse {
	resp := &pelcrov1.BatchGetCustomersResponse{Failures: b.failures}
	for _, id := range ids {
		customer, isKnown := b.found[id]
		switch {
		case customer != nil:
			resp.Customers = append(resp.Customers, customer)
		case isKnown:
			resp.MissingIds = append(resp.MissingIds, id)
		}
	}
	return resp
}
