package customers

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/server"
)

// The pauses of a stream while Pelcro fails, if the failure does not say how long to wait: they double,
// and each is between a half and all of that.
const (
	firstPause = time.Second
	maxPause   = 30 * time.Second
)

// customerStream is one StreamCustomers.
type customerStream struct {
	*service

	to     grpc.ServerStreamingServer[pelcrov1.StreamCustomersResponse]
	siteID int32
	list   pelcro.ListOptions // without a page
	id     digest             // of the list
	walk   *walk
}

func (s *service) StreamCustomers(req *pelcrov1.StreamCustomersRequest, to grpc.ServerStreamingServer[pelcrov1.StreamCustomersResponse]) error {
	c := s.check()
	c.siteID(req.SiteId)
	stream := &customerStream{
		service: s, to: to, siteID: req.GetSiteId(),
		list: pelcro.ListOptions{Sort: sortID, Filters: c.filters(req.GetFilters())},
	}
	stream.id = digestOfList(s.pelcro.SiteID(req.GetSiteId()), stream.list) // a token is not bound to the relations
	stream.list.Expand = c.expand(req.GetExpand())
	stream.walk = c.resume(req.GetResumeToken(), stream.id)
	if err := c.err(); err != nil {
		return err
	}
	return stream.run(pelcro.AsBulk(to.Context()))
}

// resume returns the walk that the token belongs to.
func (c *check) resume(token string, list digest) *walk {
	if token == "" {
		return newWalk(0, 0)
	}
	of, lastID, rows, ok := parseResumeToken(token)
	switch {
	case !ok:
		c.add("resume_token", pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT,
			"Send the resume_token of the last message unchanged, or no token to begin with the first customer.")
	case of != list:
		c.add("resume_token", pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE,
			"The token belongs to a stream of another site or with other filters; send those of that stream, or start again without a token.")
	}
	return newWalk(lastID, rows)
}

// run sends all customers.
func (s *customerStream) run(ctx context.Context) error {
	for pauses := 0; ; {
		if err := server.AwaitMemory(ctx); err != nil {
			return err
		}
		page, err := s.read(ctx)
		if err != nil {
			if isTooLarge(err) && s.walk.shrink() {
				continue
			}
			if err := pause(ctx, err, pauses); err != nil {
				return err
			}
			pauses++
			continue
		}
		pauses = 0
		if err := s.send(ctx, page); err != nil {
			return err
		}
		if page.isLast {
			return nil
		}
	}
}

// streamedPage is what a response of Pelcro adds to a stream.
type streamedPage struct {
	customers []*pelcrov1.Customer
	total     *int32
	isLast    bool
}

// read reads the next page. It does not hold what the response took from the client's budgets while its
// customers wait to be sent: they have a budget of their own then.
func (s *customerStream) read(ctx context.Context) (page streamedPage, err error) {
	list := s.list
	list.Page, list.Limit = s.walk.next()
	response, err := s.pelcro.ListCustomers(ctx, s.siteID, list)
	if err != nil {
		return page, tooLongFilters(err)
	}
	defer response.Release()
	rows, err := s.readMany(response)
	if err != nil {
		return page, err
	}
	said := readPaging(response.JSON)
	page.total = said.totalSize()
	page.customers, page.isLast, err = s.walk.accept(rows, list.Page, list.Limit, said)
	if err != nil {
		return page, response.Invalid(err)
	}
	for _, customer := range page.customers {
		if proto.Size(customer) > maxCustomersBytes {
			return page, response.TooLargeToSend()
		}
	}
	return page, nil
}

func isTooLarge(err error) bool {
	failed, ok := errors.AsType[*pelcro.Error](err)
	return ok && failed.Response != nil && failed.Response.TooLarge
}

// pause waits until the request may be sent again that failed with err, after so many pauses before. It
// returns the error that ends the stream: one that a pause does not fix, or that would outlast the
// caller's deadline.
func pause(ctx context.Context, err error, pauses int) error {
	result := server.Translate(ctx, err)
	code, reason := result.Code(), result.Reason()
	if code != codes.Unavailable && code != codes.ResourceExhausted || reason == pelcrov1.ErrorReason_GATEWAY_SHUTTING_DOWN {
		return err
	}
	longest := min(firstPause<<min(pauses, 10), maxPause)
	wait := max(result.RetryDelay(), longest/2+rand.N(longest/2))
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return err
	}
	server.Count(ctx, "pauses", 1)
	return server.Pause(ctx, wait)
}

// maxCustomersBytes is the room for customers in a message; the rest is for the other fields.
const maxCustomersBytes = server.MaxResponseBytes - 1<<10

// send sends a page, in several messages if it is too large for one.
func (s *customerStream) send(ctx context.Context, page streamedPage) error {
	server.Count(ctx, "pages", 1)
	for rest := page.customers; len(rest) > 0; {
		var some []*pelcrov1.Customer
		some, rest = cut(rest)
		last := some[len(some)-1].GetId()
		err := s.to.Send(&pelcrov1.StreamCustomersResponse{
			Customers:   some,
			ResumeToken: resumeToken(s.id, last, max(s.walk.rows-len(rest), 0)),
			TotalSize:   page.total,
		})
		if err != nil {
			return err
		}
		server.Count(ctx, "customers", len(some))
		s.bulk.streamed.Add(float64(len(some)))
	}
	return nil
}

// cut divides customers into those that fit into a message and the rest.
func cut(customers []*pelcrov1.Customer) (some, rest []*pelcrov1.Customer) {
	size := 0
	for i, customer := range customers {
		size += sizeInList(customer)
		if size > maxCustomersBytes && i > 0 {
			return customers[:i], customers[i:]
		}
	}
	return customers, nil
}

// sizeInList returns how many bytes a customer takes in a response.
func sizeInList(customer *pelcrov1.Customer) int {
	const tagAndLength = 6
	return proto.Size(customer) + tagAndLength
}
