package server

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math"

	"google.golang.org/protobuf/proto"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/rawjson"
)

// The sizes of a page (AIP-158): Pelcro's own default and maximum.
const (
	defaultPageSize = 10
	maxPageSize     = 100
)

// page is one page of a list. It is what a page token holds; a token is opaque to
// callers, but nothing secret.
type page struct {
	Number int `json:"n"` // from 1
	Size   int `json:"s"`
	// Query is a digest of the request's other fields: with any of them changed,
	// a later page would belong to another list.
	Query []byte `json:"q"`
}

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
		return page{Number: 1, Size: size, Query: queryDigest(req)}
	}
	p, ok := parsePage(req.GetPageToken())
	switch {
	case !ok:
		c.add("page_token", pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT,
			"Give the next_page_token of the previous page as it was, or none for the first page.")
	case string(p.Query) != string(queryDigest(req)):
		c.add("page_token", pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE,
			"The token belongs to a list with other parameters; repeat them as they were, or begin with the first page.")
	case 0 < size && size < p.Size:
		c.add("page_size", pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE,
			"Must not shrink within a list; leave it out, or begin with the first page.")
	}
	return p
}

// next returns the token of the page after p, empty if there is none, and the
// size of the whole list, 0 if it is unknown. Pelcro's links are not used: they
// lack the list's own parameters.
func (p page) next(meta rawjson.Value, rows int) (token string, total int32) {
	number := p.Number + 1
	more := rows >= p.Size
	if m, ok := parseMeta(meta); ok && m.current >= p.Number {
		number, more = m.current+1, m.current < m.last
		total = int32(min(m.total, math.MaxInt32))
	}
	if !more || number > math.MaxInt32 {
		return "", total
	}
	return page{Number: number, Size: p.Size, Query: p.Query}.token(), total
}

func (p page) token() string {
	raw, err := json.Marshal(p)
	if err != nil {
		panic(err) // two numbers and bytes are always JSON
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

func parsePage(token string) (p page, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || json.Unmarshal(raw, &p) != nil {
		return page{}, false
	}
	ok = 1 <= p.Number && p.Number <= math.MaxInt32 && 1 <= p.Size && p.Size <= maxPageSize
	return p, ok
}

// queryDigest returns a digest of all that makes the list what it is.
func queryDigest(req *pelcrov1.ListCustomersRequest) []byte {
	query := &pelcrov1.ListCustomersRequest{
		OrderBy: req.GetOrderBy(), Filters: req.GetFilters(), Expand: req.GetExpand(), SiteId: req.SiteId,
	}
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(query)
	if err != nil {
		panic(err) // the request was just unmarshalled
	}
	sum := sha256.Sum256(raw)
	return sum[:8]
}

// pageMeta is what Laravel says of a page.
type pageMeta struct{ current, last, total int }

// parseMeta reads the "meta" of a list; ok is false if it is no use.
func parseMeta(meta rawjson.Value) (m pageMeta, ok bool) {
	current, ok1 := meta.Member("current_page").Integer()
	last, ok2 := meta.Member("last_page").Integer()
	total, _ := meta.Member("total").Integer()
	if !ok1 || !ok2 || current < 1 || current > math.MaxInt32 || last < 0 {
		return pageMeta{}, false
	}
	return pageMeta{current: int(current), last: int(min(last, math.MaxInt32)), total: int(max(total, 0))}, true
}
