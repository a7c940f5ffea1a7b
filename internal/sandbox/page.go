package sandbox

import "strconv"

// page is the envelope of a list, as Laravel's LengthAwarePaginator writes it behind an API resource.
type page struct {
	Data  []customerResource `json:"data"`
	Links pageLinks          `json:"links"`
	Meta  pageMeta           `json:"meta"`
}

type pageLinks struct {
	First string  `json:"first"`
	Last  string  `json:"last"`
	Prev  *string `json:"prev"`
	Next  *string `json:"next"`
}

type pageMeta struct {
	CurrentPage int        `json:"current_page"`
	From        *int       `json:"from"`
	LastPage    int        `json:"last_page"`
	Links       []pageLink `json:"links"`
	Path        string     `json:"path"`
	PerPage     int        `json:"per_page"`
	To          *int       `json:"to"`
	Total       int        `json:"total"`
}

type pageLink struct {
	URL    *string `json:"url"`
	Label  string  `json:"label"`
	Active bool    `json:"active"`
}

// paginate returns one page of all rows. A page beyond the end is empty. The links have the page
// number, but neither limit nor site_id nor filters, as in Pelcro's documentation: a client that
// follows them gets another list.
func paginate(rows []*customer, number, limit int, path string, expanded expansion) page {
	total := len(rows)
	last := max((total+limit-1)/limit, 1)
	link := func(n int) *string { return new(path + "?page=" + strconv.Itoa(n)) }

	result := page{
		Data:  []customerResource{},
		Links: pageLinks{First: *link(1), Last: *link(last)},
		Meta:  pageMeta{CurrentPage: number, LastPage: last, Path: path, PerPage: limit, Total: total},
	}
	if number <= last && total > 0 {
		from := (number - 1) * limit
		to := min(from+limit, total)
		for _, c := range rows[from:to] {
			result.Data = append(result.Data, c.resource(expanded))
		}
		result.Meta.From, result.Meta.To = new(from+1), new(to)
	}
	if number > 1 {
		result.Links.Prev = link(number - 1)
	}
	if number < last {
		result.Links.Next = link(number + 1)
	}
	links := []pageLink{{URL: result.Links.Prev, Label: "&laquo; Previous"}}
	for _, n := range numbered(number, last) {
		if n == gap {
			links = append(links, pageLink{Label: "..."})
			continue
		}
		links = append(links, pageLink{URL: link(n), Label: strconv.Itoa(n), Active: n == number})
	}
	links = append(links, pageLink{URL: result.Links.Next, Label: "Next &raquo;"})
	result.Meta.Links = links
	return result
}

// gap is "..." among page numbers.
const gap = 0

// numbered returns the page numbers that Laravel links to by default: all if there are few,
// otherwise both ends and three on each side of the current page.
func numbered(current, last int) []int {
	const (
		side = 3
		edge = side + 4
	)
	from, to := current-side, current+side
	switch {
	case last < 2*side+8:
		from, to = 1, last
	case current <= edge:
		from, to = 1, edge+side
	case current > last-edge:
		from, to = last-edge-side+1, last
	}
	var numbers []int
	for n := 1; n <= last; n++ {
		switch {
		case n <= 2, from <= n && n <= to, n > last-2:
			numbers = append(numbers, n)
		case numbers[len(numbers)-1] != gap:
			numbers = append(numbers, gap)
		}
	}
	return numbers
}
