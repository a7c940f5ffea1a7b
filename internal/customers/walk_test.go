package customers_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"testing"

	"google.golang.org/grpc/codes"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

const walked = 40 // customers of the upstreams below

// row is a customer of these upstreams.
type row struct {
	ID    int    `json:"id"`
	Email string `json:"email"`
}

// ordered returns all customers in the order of Pelcro's sort parameter. The order of the emails
// is not that of the ids.
func ordered(sort string) []row {
	rows := make([]row, walked)
	for i := range rows {
		rows[i] = row{ID: 1001 + 3*i, Email: fmt.Sprintf("%02d@example.com", i*7%walked)}
	}
	slices.SortFunc(rows, func(a, b row) int {
		switch sort {
		case "-id":
			return cmp.Compare(b.ID, a.ID)
		case "email":
			return cmp.Compare(a.Email, b.Email)
		case "-email":
			return cmp.Compare(b.Email, a.Email)
		}
		return cmp.Compare(a.ID, b.ID)
	})
	return rows
}

// slice is a page as a database returns it.
type slice struct {
	rows         []row
	number, size int
	last         int // the number of the last page
}

// sliceOf cuts a page out of the rows.
func sliceOf(rows []row, number, size int) slice {
	from := min((number-1)*size, len(rows))
	return slice{
		rows: slices.Clone(rows[from:min(from+size, len(rows))]), number: number, size: size, last: max(1, (len(rows)+size-1)/size),
	}
}

// next returns the link to the next page, nil at the end.
func (s slice) next() *string {
	if s.number >= s.last {
		return nil
	}
	return new("http://127.0.0.1:1/customers?page=" + strconv.Itoa(s.number+1))
}

// members of a response.
type members map[string]any

func (s slice) meta() members {
	return members{"current_page": s.number, "last_page": s.last, "per_page": s.size, "total": walked}
}

// isVisible is the condition of the filters below. It hides whole pages, too.
func isVisible(r row) bool { return r.ID%2 == 0 && (r.ID < 1030 || r.ID > 1080) }

// filtered removes the rows that are not visible from a page.
func (s slice) filtered() []row {
	return slices.DeleteFunc(slices.Clone(s.rows), func(r row) bool { return !isVisible(r) })
}

// TestPagingStyles walks 40 customers behind upstreams that page in different ways. A walk returns
// every customer once and in order, or it ends with PELCRO_MALFORMED_RESPONSE; and it ends.
func TestPagingStyles(t *testing.T) {
	const limit = 15 // Pelcro's own
	for _, style := range []struct {
		name string
		// mayFail says that an upstream does not let a walk of several pages succeed.
		mayFail bool
		// emptyEnd is how many empty pages more confirm the end.
		emptyEnd int
		visible  func(row) bool // nil for all
		page     func(rows []row, number, size int) members
	}{
		{"standard", false, 0, nil, func(rows []row, number, size int) members {
			s := sliceOf(rows, number, size)
			return members{"data": s.rows, "links": members{"next": s.next()}, "meta": s.meta()}
		}},
		{"capped pages", false, 0, nil, func(rows []row, number, size int) members {
			s := sliceOf(rows, number, min(size, limit))
			return members{"data": s.rows, "links": members{"next": s.next()}, "meta": s.meta()}
		}},
		{"capped pages without meta", false, 0, nil, func(rows []row, number, size int) members {
			return members{"data": sliceOf(rows, number, min(size, limit)).rows}
		}},
		{"size ignored", false, 0, nil, func(rows []row, number, _ int) members {
			s := sliceOf(rows, number, limit)
			return members{"data": s.rows, "meta": s.meta()}
		}},
		{"simplePaginate", false, 0, nil, func(rows []row, number, size int) members {
			s := sliceOf(rows, number, size)
			return members{
				"data": s.rows, "links": members{"first": "x", "last": nil, "prev": nil, "next": s.next()},
				"meta": members{"current_page": number, "per_page": size},
			}
		}},
		{"simplePaginate without resource", false, 0, nil, func(rows []row, number, size int) members {
			s := sliceOf(rows, number, size)
			return members{"data": s.rows, "current_page": number, "per_page": size, "next_page_url": s.next(), "prev_page_url": nil}
		}},
		{"paginator without resource", false, 0, nil, func(rows []row, number, size int) members {
			s := sliceOf(rows, number, size)
			body := members{"data": s.rows, "next_page_url": s.next(), "links": []members{{"url": nil, "label": "Next", "active": false}}}
			maps.Copy(body, s.meta())
			return body
		}},
		{"meta.pagination", false, 0, nil, func(rows []row, number, size int) members {
			s := sliceOf(rows, number, size)
			var links any = []string{} // PHP's empty object
			if s.next() != nil {
				links = members{"next": s.next()}
			}
			return members{"data": s.rows, "meta": members{"pagination": members{
				"total": walked, "count": len(s.rows), "per_page": size, "current_page": number, "total_pages": s.last, "links": links,
			}}}
		}},
		{"no paging information", false, 0, nil, func(rows []row, number, size int) members {
			return members{"data": sliceOf(rows, number, size).rows}
		}},
		{"rows filtered after paging", false, 0, isVisible, func(rows []row, number, size int) members {
			s := sliceOf(rows, number, size)
			return members{"data": s.filtered(), "meta": s.meta()}
		}},
		{"rows filtered after paging, numeric keys", false, 0, isVisible, func(rows []row, number, size int) members {
			s := sliceOf(rows, number, size)
			data := map[int]row{}
			for i, r := range s.rows {
				if isVisible(r) {
					data[i] = r
				}
			}
			return members{"data": inOrder(data), "meta": s.meta()}
		}},
		{"rows filtered after simplePaginate", false, 0, isVisible, func(rows []row, number, size int) members {
			s := sliceOf(rows, number, size)
			return members{"data": s.filtered(), "links": members{"next": s.next()}}
		}},
		{"capped pages, size echoed", false, 0, nil, func(rows []row, number, size int) members {
			said := sliceOf(rows, number, size).meta()
			return members{"data": sliceOf(rows, number, min(size, limit)).rows, "meta": said}
		}},
		{"rows filtered after paging, only a total", false, 4, isVisible, func(rows []row, number, size int) members {
			return members{"data": sliceOf(rows, number, size).filtered(), "total": walked}
		}},
		{"page ignored, with current_page", true, 0, nil, func(rows []row, _, size int) members {
			s := sliceOf(rows, 1, size)
			return members{"data": s.rows, "meta": s.meta()}
		}},
		{"page ignored, with the current_page asked for", true, 0, nil, func(rows []row, number, size int) members {
			s := sliceOf(rows, 1, size)
			s.number = number
			return members{"data": s.rows, "meta": s.meta()}
		}},
		{"page ignored, without current_page", true, 0, nil, func(rows []row, _, size int) members {
			return members{"data": sliceOf(rows, 1, size).rows}
		}},
		{"page and size ignored", true, 0, nil, func(rows []row, _, _ int) members {
			return members{"data": rows}
		}},
		{"order ignored", true, 0, nil, func(_ []row, number, size int) members {
			s := sliceOf(ordered("-email"), number, size)
			return members{"data": s.rows, "meta": s.meta()}
		}},
		{"clamped page, with current_page", true, 0, nil, func(rows []row, number, size int) members {
			s := sliceOf(rows, number, size)
			s = sliceOf(rows, min(number, s.last), size)
			return members{"data": s.rows, "meta": members{"current_page": s.number}}
		}},
		{"clamped page, without current_page", true, 0, nil, func(rows []row, number, size int) members {
			s := sliceOf(rows, number, size)
			return members{"data": sliceOf(rows, min(number, s.last), size).rows}
		}},
	} {
		t.Run(style.name, func(t *testing.T) {
			pelcro := responding(func(w http.ResponseWriter, r *http.Request) {
				number, _ := strconv.Atoi(r.URL.Query().Get("page"))
				size, _ := strconv.Atoi(r.URL.Query().Get("limit"))
				body, err := json.Marshal(style.page(ordered(r.URL.Query().Get("sort")), number, size))
				if err != nil {
					panic(err)
				}
				respond(http.StatusOK, string(body))(w, r)
			})
			g := start(t, pelcro)
			for orderBy, sort := range map[string]string{"id": "id", "id desc": "-id", "email": "email", "email desc": "-email"} {
				want := []int64{}
				for _, r := range ordered(sort) {
					if style.visible == nil || style.visible(r) {
						want = append(want, int64(r.ID))
					}
				}
				for _, size := range []int32{3, 10, 15, 39, 40, 100} {
					before := len(pelcro.received())
					got, err := tryWalk(t, g, &pelcrov1.ListCustomersRequest{PageSize: size, OrderBy: orderBy})
					switch {
					case err != nil && !style.mayFail:
						t.Errorf("order_by %q, page_size %d: %s", orderBy, size, err.text)
					case err != nil:
						err.mustBe(t, codes.Internal, pelcrov1.ErrorReason_PELCRO_MALFORMED_RESPONSE)
						if len(slices.Compact(slices.Sorted(slices.Values(got)))) != len(got) {
							t.Errorf("order_by %q, page_size %d: rows twice before the error: %v", orderBy, size, got)
						}
					case style.mayFail && sameRows(got, want):
					case !slices.Equal(got, want):
						t.Errorf("order_by %q, page_size %d: %v\nwant %v", orderBy, size, got, want)
					}
					pages := (walked + int(size) - 1) / int(size)
					if requests := len(pelcro.received()) - before; requests > max(pages, walked/limit+1)+1+style.emptyEnd {
						t.Errorf("order_by %q, page_size %d: %d requests", orderBy, size, requests)
					}
				}
			}
		})
	}
}

// tryWalk returns the ids of all pages, and the error that ended the walk, if any.
func tryWalk(t *testing.T, g *gateway, req *pelcrov1.ListCustomersRequest) (all []int64, failed *failure) {
	t.Helper()
	for {
		resp, r := call(t.Context(), g.customers.ListCustomers, req)
		if r.err != nil {
			return all, new(r.failure(t))
		}
		all = append(all, ids(resp)...)
		if req.PageToken = resp.GetNextPageToken(); req.GetPageToken() == "" {
			return all, nil
		}
		if len(all) > 10*walked {
			t.Fatal("the walk does not end")
		}
	}
}

// sameRows reports whether both have the same ids, each once, in any order.
func sameRows(a, b []int64) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// inOrder is a JSON object with numeric keys in ascending order, as PHP prints an array.
func inOrder(rows map[int]row) json.RawMessage {
	object := []byte("{")
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		raw, err := json.Marshal(rows[key])
		if err != nil {
			panic(err)
		}
		if len(object) > 1 {
			object = append(object, ',')
		}
		object = fmt.Appendf(object, `"%d":%s`, key, raw)
	}
	return append(object, '}')
}
