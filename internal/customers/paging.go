package customers

import (
	"math"

	"github.com/pelcro-grpc/pelcro-grpc/internal/rawjson"
)

// paging is what the response of a list says of its page, in any of Laravel's forms
// (https://laravel.com/docs/pagination):
//
//   - meta, with page numbers, as Pelcro documents it;
//   - meta and links: a simple paginator, which knows whether there is a next page, but neither the
//     last page nor the total;
//   - the same names beside data: a paginator without an API resource;
//   - meta.pagination: Fractal.
//
// A number that the response does not say is 0.
type paging struct {
	current    int64 // the number of the page, if hasCurrent
	hasCurrent bool
	last       int64 // the number of the last page
	total      int64 // rows of the whole list, if hasTotal
	hasTotal   bool
	perPage    int64 // the size of a page
	link       link  // read only if the last page is not known
}

// link says whether there is a link to a next page. The link itself is never followed.
type link int

const (
	linkUnknown link = iota
	linkNone
	linkNext
)

// readPaging reads what the body of a list says of its page.
func readPaging(body rawjson.Value) paging {
	meta := body.Member("meta")
	places := []rawjson.Value{meta, meta.Member("pagination"), body}
	p := paging{
		last:    firstNumber(places, "last_page", "total_pages"),
		perPage: firstNumber(places, "per_page"),
	}
	for _, place := range places {
		if !p.hasTotal {
			p.total, p.hasTotal = wholeNumber(place.Member("total"))
		}
		if !p.hasCurrent {
			p.current, p.hasCurrent = place.Member("current_page").Integer()
		}
		if p.last == 0 && p.link == linkUnknown { // a page count says more than a link
			p.link = linkOf(place)
		}
	}
	return p
}

// firstNumber returns the first number above 0 with one of the names.
func firstNumber(places []rawjson.Value, names ...string) int64 {
	for _, place := range places {
		for _, name := range names {
			if n, ok := place.Member(name).Integer(); ok && n > 0 {
				return n
			}
		}
	}
	return 0
}

// wholeNumber reads a number that is not negative.
func wholeNumber(v rawjson.Value) (n int64, ok bool) {
	n, ok = v.Integer()
	return max(n, 0), ok && n >= 0
}

// linkOf reads the link to the next page, links.next or next_page_url.
func linkOf(place rawjson.Value) link {
	for _, url := range []rawjson.Value{place.Member("links").Member("next"), place.Member("next_page_url")} {
		text, _ := url.Text()
		switch {
		case url.IsNull():
			return linkNone
		case text != "":
			return linkNext
		}
	}
	return linkUnknown
}

// more reports whether pages follow a page, whose counts include it. A response that does not say it
// is the last page is not taken for one while it has rows: a short page may be cut by Pelcro's own
// limit. Nor is one that says so, if the total says that more rows exist; an empty page then ends
// the list, because a total may count rows that a filter removes.
func (p paging) more(page page) bool {
	hasRows := page.empty == 0
	if more, said := p.saysMore(int64(page.number)); said {
		return more || hasRows && int64(page.returned) < p.total
	}
	return hasRows || p.total > 0 && !p.covered(page)
}

// saysMore returns whether the response says that pages follow the page with that number; said is
// false if it does not say either.
func (p paging) saysMore(number int64) (more, said bool) {
	switch {
	case p.last > 0:
		return number < p.last, true
	case p.link != linkUnknown:
		return p.link == linkNext, true
	case p.total > 0 && p.perPage > 0:
		return number < (p.total-1)/p.perPage+1, true
	}
	return false, false
}

// covered reports whether the pages up to an empty one hold all rows by the total. A page has room
// for as many rows as the largest page had. It may have more room, because a filter removed rows of
// each page, but not more than was asked for; a few more empty pages confirm that.
func (p paging) covered(page page) bool {
	pages := int64(page.number)
	return pages*int64(page.largest) >= p.total ||
		pages*int64(page.size) >= p.total && page.empty >= maxEmptyEnd
}

// size returns the size of the next page: Pelcro's own if that is smaller than the one asked for. A
// size that is smaller than the page itself is not Pelcro's.
func (p paging) size(asked, rows int) int {
	if p.perPage > 0 && p.perPage >= int64(rows) && p.perPage < int64(asked) {
		return int(p.perPage)
	}
	return asked
}

// totalSize returns the total_size of the response, nil if the response does not say it.
func (p paging) totalSize() *int32 {
	if !p.hasTotal {
		return nil
	}
	return new(int32(min(p.total, math.MaxInt32)))
}
