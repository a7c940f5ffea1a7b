package customers

import (
	"encoding/base64"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"slices"

	"google.golang.org/protobuf/proto"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// The sizes of a page (AIP-158): Pelcro's own default and maximum.
const (
	defaultPageSize = 10
	maxPageSize     = 100
)

// maxEmptyPages is how many pages in a row may be empty although more are said to follow. Rows that
// Pelcro filters after paging leave empty pages; a list that never ends would cost its quota.
const maxEmptyPages = 50

// page is one page of a walk through a list: the parameters of the request, and facts about the
// pages before. A page token holds it. The token is opaque to callers, but not secret.
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
	// query is a digest of the request's other fields: with one of them changed, a later page
	// would belong to another list.
	query digest
}

type digest = uint64

var (
	errOtherPage    = errors.New("the response is another page than the one asked for")
	errRepeatedPage = errors.New("the response has the rows of an earlier page")
	errOtherOrder   = errors.New("the rows are not in the order asked for")
	errEndless      = errors.New("the list does not end")
)

// page returns the page that the request asks for.
func (c *check) page(req *pelcrov1.ListCustomersRequest) page {
	if req.GetPageSize() < 0 {
		c.add("page_size", pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE, "Must not be negative; 0 means 10.")
	}
	size := min(int(req.GetPageSize()), maxPageSize)
	if req.GetPageToken() == "" {
		if size == 0 {
			size = defaultPageSize
		}
		return page{number: 1, size: size, query: digestOfQuery(req)}
	}
	p, ok := parseToken(req.GetPageToken())
	switch {
	case !ok:
		c.add("page_token", pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT,
			"Send the next_page_token of the previous page unchanged, or no token for the first page.")
	case p.query != digestOfQuery(req):
		c.add("page_token", pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE,
			"The token belongs to a list with other parameters; send those of the first page, or start again without a token.")
	case 0 < size && size < p.size:
		c.add("page_size", pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE,
			"Must not shrink within a list; leave it out, or start again without a token.")
	}
	return p
}

// accept returns the rows of the page that were not returned before, and an error for a response
// that is not the page asked for: because Pelcro, or a cache before it, ignores the page number or
// returns the last page for every number beyond it.
//
// In id order, rows up to the last id are dropped: a customer that was created in between moves
// them to the next page. If the last id itself is not among them, they are not rows that moved.
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
	var added []*pelcrov1.Customer
	hasLast := false
	for _, row := range rows {
		if p.isNew(row.GetId(), sort) {
			added = append(added, row)
		}
		hasLast = hasLast || row.GetId() == p.lastID
	}
	switch {
	case len(added) == 0:
		return nil, errRepeatedPage
	case len(added) < len(rows) && !hasLast:
		return nil, errOtherOrder
	}
	return added, nil
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
// links lack the parameters of the list. rows are all rows of the response.
func (p page) next(rows []*pelcrov1.Customer, sort string, said paging) (token string, err error) {
	if !said.more(p.number, len(rows)) {
		return "", nil
	}
	p.number++
	p.size = said.size(p.size, len(rows))
	if len(rows) == 0 {
		p.empty++
	} else {
		p.empty, p.rows = 0, digestOfRows(rows)
	}
	if isByID(sort) {
		for _, row := range rows {
			if p.isNew(row.GetId(), sort) {
				p.lastID = row.GetId()
			}
		}
	}
	if p.empty > maxEmptyPages || p.number > math.MaxInt32 {
		return "", errEndless
	}
	return p.token(), nil
}

// pageFormat is the text of a page in a token, before base64.
const pageFormat = "%d %d %d %d %d %d"

func (p page) token() string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, pageFormat, p.query, p.rows, p.number, p.size, p.lastID, p.empty))
}

// parseToken reads a token; ok is false for any text that [page.token] does not write.
func parseToken(token string) (p page, ok bool) {
	raw, _ := base64.RawURLEncoding.DecodeString(token)
	_, err := fmt.Sscanf(string(raw), pageFormat, &p.query, &p.rows, &p.number, &p.size, &p.lastID, &p.empty)
	isPossible := err == nil && 2 <= p.number && p.number <= math.MaxInt32 && 1 <= p.size && p.size <= maxPageSize &&
		p.lastID >= 0 && 0 <= p.empty && p.empty <= maxEmptyPages
	return p, isPossible && p.token() == token
}

// digestOfQuery returns a digest of the fields of the request that decide which list it is.
func digestOfQuery(req *pelcrov1.ListCustomersRequest) digest {
	query := proto.CloneOf(req)
	query.PageSize, query.PageToken = 0, ""
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(query)
	if err != nil {
		panic(err) // the request was just unmarshalled
	}
	return digestOf(raw)
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
