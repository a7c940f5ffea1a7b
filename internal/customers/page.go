package customers

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"slices"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
)

// The sizes of a page (AIP-158): Pelcro's own default and maximum.
const (
	defaultPageSize = 10
	maxPageSize     = 100
)

// maxEmptyPages is how many pages in a row may be empty although more are said to follow. Rows that
// Pelcro filters after paging leave empty pages; a list that never ends would cost its quota.
const maxEmptyPages = 50

// maxEmptyEnd is how many pages in a row may be empty after those that hold all rows by the total,
// if pages have the size asked for. Smaller pages would hold rows beyond them.
const maxEmptyEnd = 5

// page is one page of a walk through a list: the parameters of the request, and facts about the
// pages before. A page token holds it (token.go).
//
// Pelcro counts pages and does not say which rows a page must have. So that a walk neither misses
// nor doubles a row without an error, accept compares each response with the pages before.
type page struct {
	number int // from 1
	size   int
	// lastID is, in id order, the id of the last row returned; 0 before the first row.
	lastID int64
	// rows is a digest of the ids of the last page with rows.
	rows digest
	// empty counts the pages without rows since then.
	empty int
	// returned counts the rows returned.
	returned int
	// largest is the number of rows of the largest page.
	largest int
	// query is the digest of the list that the page belongs to.
	query digest
}

type digest = uint64

var (
	errOtherPage    = errors.New("the response is another page than the one asked for")
	errRepeatedPage = errors.New("the response has the rows of an earlier page")
	errOtherOrder   = errors.New("the rows are not in the order asked for")
	errEndless      = errors.New("the list does not end")
)

// page returns the page that the request asks for, before [check.list] knows its list.
func (c *check) page(req *pelcrov1.ListCustomersRequest) page {
	if req.GetPageSize() < 0 {
		c.add("page_size", pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE, "Must not be negative; 0 means 10.")
	}
	size := min(int(req.GetPageSize()), maxPageSize)
	if req.GetPageToken() == "" {
		if size == 0 {
			size = defaultPageSize
		}
		return page{number: 1, size: size}
	}
	p, ok := parseToken(req.GetPageToken())
	switch {
	case !ok:
		c.add("page_token", pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT,
			"Send the next_page_token of the previous page unchanged, or no token for the first page.")
	case 0 < size && size < p.size:
		c.add("page_size", pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE,
			"Must not shrink within a list; leave it out, or start again without a token.")
	}
	return p
}

// list says to which list the page belongs. A token belongs to one list.
func (c *check) list(p *page, query digest) {
	if p.number > 1 && p.query != query {
		c.add("page_token", pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE,
			"The token belongs to a list of another site or with other parameters; send those of the first page, or start again without a token.")
	}
	p.query = query
}

// accept returns the rows of the page that were not returned before, and an error for a response
// that is not the page asked for: because Pelcro, or a cache before it, ignores the page number or
// returns the last page for every number beyond it.
//
// In id order, rows up to the last id are dropped: customers that were created or deleted in between
// move rows to another page. So is a row that is twice on the page.
func (p page) accept(rows []*pelcrov1.Customer, sort string, said paging) ([]*pelcrov1.Customer, error) {
	if said.hasCurrent && said.current != int64(p.number) {
		return nil, errOtherPage
	}
	if len(rows) == 0 {
		return nil, nil
	}
	if !isByID(sort) {
		if digestOfRows(rows) == p.rows {
			return nil, errRepeatedPage
		}
		return rows, nil
	}
	if !slices.IsSortedFunc(rows, inIDOrder(sort)) {
		return nil, errOtherOrder
	}
	var added []*pelcrov1.Customer
	for _, row := range rows {
		if p.isNew(row.GetId(), sort) {
			added = append(added, row)
			p.lastID = row.GetId()
		}
	}
	if len(added) == 0 {
		return nil, errRepeatedPage
	}
	return added, nil
}

// inIDOrder compares customers as the sort parameter does.
func inIDOrder(sort string) func(a, b *pelcrov1.Customer) int {
	return func(a, b *pelcrov1.Customer) int {
		if sort == sortIDDesc {
			a, b = b, a
		}
		return cmp.Compare(a.GetId(), b.GetId())
	}
}

func isByID(sort string) bool { return sort == sortID || sort == sortIDDesc }

// isNew reports whether the id comes after the last one returned, in id order.
func (p page) isNew(id int64, sort string) bool {
	switch {
	case p.lastID == 0:
		return true
	case sort == sortIDDesc:
		return id < p.lastID
	}
	return id > p.lastID
}

// next returns the token of the page after p, empty at the end of the list. It is computed: Pelcro's
// links lack the parameters of the list. rows are all rows of the response, added those that accept
// returned.
func (p page) next(rows, added []*pelcrov1.Customer, sort string, said paging) (token string, err error) {
	p.returned = min(p.returned+len(added), math.MaxInt32)
	p.largest = max(p.largest, len(rows))
	if len(rows) == 0 {
		p.empty++
	} else {
		p.empty, p.rows = 0, digestOfRows(rows)
	}
	if !said.more(p) {
		return "", nil
	}
	p.number++
	p.size = said.size(p.size, len(rows))
	if isByID(sort) && len(added) > 0 {
		p.lastID = added[len(added)-1].GetId()
	}
	if p.empty > maxEmptyPages || p.number > math.MaxInt32 {
		return "", errEndless
	}
	return p.token(), nil
}

// digestOfList returns a digest of what decides which list it is: with another site, order, filter or
// relation, a later page would belong to another list.
func digestOfList(siteID int32, list pelcro.ListOptions) digest {
	return digestOf(fmt.Appendf(nil, "%d %q %q %q", siteID, list.Sort, list.Filters, list.Expand))
}

// digestOfRows returns a digest of the ids of the rows. Their order does not matter: Pelcro promises
// none for equal emails.
func digestOfRows(rows []*pelcrov1.Customer) digest {
	ids := make([]int64, len(rows))
	for i, row := range rows {
		ids[i] = row.GetId()
	}
	slices.Sort(ids)
	return digestOf(fmt.Append(nil, ids))
}

func digestOf(raw []byte) digest {
	hash := fnv.New64a()
	_, _ = hash.Write(raw) // it never fails
	return hash.Sum64()
}
