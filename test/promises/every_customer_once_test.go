package promises_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/quota"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// changing is a Pelcro whose customers are deleted and created while they are read, at random: with each
// request, until so many were. It has the limit of throttled.
type changing struct {
	throttled

	random           *rand.Rand
	ids              []int64
	next             int64
	deletes, creates int
	requests         int
}

// newChanging returns one with 5,000 customers.
func newChanging(seed uint64) *changing {
	p := &changing{throttled: throttled{limit: 120, window: time.Minute}, random: rand.New(rand.NewPCG(seed, 38)), deletes: 200, creates: 200}
	for range 5000 {
		p.create()
	}
	return p
}

// minLatency is the shortest time that a response takes.
const minLatency = 50 * time.Millisecond

// latency is how long a response takes.
func (p *changing) latency() time.Duration { return minLatency + p.rand(400*time.Millisecond) }

func (p *changing) rand(most time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Duration(p.random.Int64N(int64(most)))
}

func (p *changing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	remaining, ok := p.take(time.Now())
	w.Header().Set("X-Ratelimit-Limit", strconv.Itoa(p.limit))
	w.Header().Set("X-Ratelimit-Remaining", strconv.Itoa(remaining))
	if !ok {
		respond(w, http.StatusTooManyRequests, `{"message":"Too Many Attempts."}`)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests++
	p.change()
	number, _ := strconv.Atoi(r.URL.Query().Get("page"))
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	from := min((number-1)*limit, len(p.ids))
	rows := []map[string]any{}
	for _, id := range p.ids[from:min(from+limit, len(p.ids))] {
		rows = append(rows, map[string]any{"id": id, "email": fmt.Sprintf("%d@example.com", id)})
	}
	body, err := json.Marshal(map[string]any{"data": rows, "meta": map[string]any{
		"current_page": number, "per_page": limit, "total": len(p.ids), "last_page": (len(p.ids) + limit - 1) / limit,
	}})
	if err != nil {
		panic(err)
	}
	respond(w, http.StatusOK, string(body))
}

// change deletes and creates some customers.
func (p *changing) change() {
	for range min(p.deletes, 2+p.random.IntN(4)) {
		p.deletes--
		i := p.random.IntN(len(p.ids))
		p.ids = slices.Delete(p.ids, i, i+1)
	}
	for range min(p.creates, 2+p.random.IntN(4)) {
		p.creates--
		p.create()
	}
}

func (p *changing) create() {
	p.next += 1 + p.random.Int64N(3)
	p.ids = append(p.ids, p.next)
}

// inMemory runs the service on a test's clock, in front of the Pelcro.
func inMemory(t *testing.T, pelcro *changing) *service {
	t.Helper()
	return start(t, gatewaytest.InMemoryURL, gatewaytest.InMemory(pelcro, pelcro.latency), func(c *gatewaytest.Config) {
		c.Pelcro.OpenQuota = func([sha256.Size]byte) *quota.Quota {
			return quota.New(quota.Config{Limit: pelcro.limit, RequestTimeout: 30 * time.Second})
		}
	})
}

// interruption is what happens to a stream while it is read.
type interruption int

const (
	nothing interruption = iota
	broken               // by the client
	restart              // of the service
)

// reader reads a stream over interruptions.
type reader struct {
	service *service
	token   string // of the last message
	walked  []int64
}

// read reads until the stream ends; after so many messages, it is interrupted.
func (r *reader) read(t *testing.T, pelcro *changing, how interruption, after int) error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := r.service.Customers.StreamCustomers(ctx, &pelcrov1.StreamCustomersRequest{ResumeToken: r.token})
	if err != nil {
		return err
	}
	stopped := make(chan error, 1)
	for messages := 0; ; messages++ {
		if messages == after {
			switch how {
			case broken:
				time.Sleep(pelcro.rand(minLatency)) // another page is on its way
				return errBroken
			case restart:
				go func() { stopped <- r.service.Stop() }()
			case nothing:
			}
		}
		page, err := stream.Recv()
		if err != nil {
			if how == restart && messages >= after {
				if err := <-stopped; err != nil {
					t.Error(err)
				}
				r.service = inMemory(t, pelcro)
			}
			return err
		}
		for _, customer := range page.GetCustomers() {
			r.walked = append(r.walked, customer.GetId())
		}
		r.token = page.GetResumeToken()
	}
}

var errBroken = errors.New("the test broke the stream")

// TestR38EveryCustomerOnce walks through 5,000 customers while 200 are deleted and 200 created, over
// ten broken streams and three restarts of the service.
func TestR38EveryCustomerOnce(t *testing.T) {
	parallelUnlessSoaking(t)
	for seed := range uint64(scaled(50, 5)) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { walkChanging(t, seed) })
		})
	}
}

func walkChanging(t *testing.T, seed uint64) {
	t.Helper()
	pelcro := newChanging(seed)
	before := slices.Clone(pelcro.ids)
	random := rand.New(rand.NewPCG(seed, 39))
	interruptions := slices.Concat(slices.Repeat([]interruption{broken}, 10), slices.Repeat([]interruption{restart}, 3))
	random.Shuffle(len(interruptions), func(i, j int) {
		interruptions[i], interruptions[j] = interruptions[j], interruptions[i]
	})
	r := &reader{service: inMemory(t, pelcro)}
	for _, how := range append(interruptions, nothing) {
		switch err := r.read(t, pelcro, how, 1+random.IntN(4)); {
		case how == nothing && errors.Is(err, io.EOF), how == broken && errors.Is(err, errBroken):
		case how == restart && gatewaytest.Reason(err) == "GATEWAY_SHUTTING_DOWN":
		default:
			t.Fatal(err)
		}
	}
	pelcro.mu.Lock()
	defer pelcro.mu.Unlock()
	if !slices.IsSorted(r.walked) || len(slices.Compact(slices.Clone(r.walked))) != len(r.walked) {
		t.Error("customers are not in order, or twice")
	}
	for _, id := range before {
		_, survived := slices.BinarySearch(pelcro.ids, id)
		if _, found := slices.BinarySearch(r.walked, id); survived && !found {
			t.Errorf("customer %d is missing", id)
		}
	}
	if pelcro.requests > 75 || len(pelcro.rejected) > 0 || pelcro.deletes+pelcro.creates > 0 {
		t.Errorf("%d requests, %d of them rejected; %d changes left", pelcro.requests, len(pelcro.rejected), pelcro.deletes+pelcro.creates)
	}
	t.Logf("%d requests, %d customers", pelcro.requests, len(r.walked))
}
