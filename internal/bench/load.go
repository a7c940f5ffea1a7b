package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// target is a part with the connections to it.
type target struct {
	*process
	conns []*grpc.ClientConn
	web   *http.Client
}

// newTarget connects to a part; over gRPC by the given number of connections, which the callers
// share.
func newTarget(p *process, connections int) (*target, error) {
	t := &target{process: p}
	if p.name == "proxy" || p.name == "upstream" {
		pool := transport()
		pool.MaxIdleConns, pool.MaxIdleConnsPerHost = 0, 10_000
		t.web = &http.Client{Transport: pool}
		return t, nil
	}
	for range connections {
		conn, err := grpc.NewClient("passthrough:///"+p.address,
			grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultServiceConfig(`{}`))
		if err != nil {
			return t, err
		}
		t.conns = append(t.conns, conn)
	}
	return t, nil
}

func (t *target) close() {
	for _, conn := range t.conns {
		conn.Close()
	}
	if t.web != nil {
		t.web.CloseIdleConnections()
	}
}

// scenario is a kind of call, over gRPC and, for the proxy, over HTTP.
type scenario struct {
	name string
	// rpc makes the call for a site. Each call is for another one, so that the gateway cannot join equal
	// reads, which would share a request to the upstream.
	rpc  func(ctx context.Context, c pelcrov1.CustomerServiceClient, site int32) error
	code codes.Code
	// vanguard is the code that vanguard-go returns for the same response. It reads {"message": …}
	// as a google.rpc.Status with the code OK, so the client has no response message.
	vanguard codes.Code
	method   string
	path     string
	body     []byte
	status   int
}

func get(name string, id int64, code, vanguard codes.Code, httpStatus int) scenario {
	return scenario{
		name: name,
		rpc: func(ctx context.Context, c pelcrov1.CustomerServiceClient, site int32) error {
			_, err := c.GetCustomer(ctx, &pelcrov1.GetCustomerRequest{Id: id, SiteId: &site})
			return err
		},
		code: code, vanguard: vanguard, method: http.MethodGet, path: "customers/" + strconv.FormatInt(id, 10) + "?site_id=1", status: httpStatus,
	}
}

func create(name, email string, code, vanguard codes.Code, httpStatus int) scenario {
	return scenario{
		name: name,
		rpc: func(ctx context.Context, c pelcrov1.CustomerServiceClient, site int32) error {
			_, err := c.CreateCustomer(ctx, &pelcrov1.CreateCustomerRequest{SiteId: &site, Customer: &pelcrov1.Customer{
				Email: &email, FirstName: new("Ada"), LastName: new("Lovelace"), Phone: new("+49 30 1234567"), Title: new("Countess"),
				Metadata: &structpb.Struct{Fields: map[string]*structpb.Value{"plan": structpb.NewStringValue("gold")}},
			}})
			return err
		},
		code: code, vanguard: vanguard, method: http.MethodPost, path: "customers?site_id=1", status: httpStatus,
		body: []byte(`{"email":"` + email + `","first_name":"Ada","last_name":"Lovelace","metadata":{"plan":"gold"},"phone":"+49 30 1234567","title":"Countess"}`),
	}
}

var (
	getOK  = get("get", 1001, codes.OK, codes.OK, http.StatusOK)
	listOK = scenario{
		name: "list of 100",
		rpc: func(ctx context.Context, c pelcrov1.CustomerServiceClient, site int32) error {
			_, err := c.ListCustomers(ctx, &pelcrov1.ListCustomersRequest{PageSize: 100, SiteId: &site})
			return err
		},
		code: codes.OK, method: http.MethodGet, path: "customers?limit=100&page=1&site_id=1&sort=id", status: http.StatusOK,
	}
	createOK     = create("create", "ada.lovelace@example.com", codes.OK, codes.OK, http.StatusCreated)
	createBad    = create("create with two violations", "nope", codes.InvalidArgument, codes.Internal, http.StatusBadRequest)
	getMissing   = get("get 404", customerMissing, codes.NotFound, codes.Internal, http.StatusNotFound)
	getThrottled = get("429 storm", customerThrottled, codes.ResourceExhausted, codes.Internal, http.StatusTooManyRequests)
)

// call makes the n-th call.
func (t *target) call(ctx context.Context, s scenario, n int) error {
	if t.web == nil {
		err := s.rpc(ctx, pelcrov1.NewCustomerServiceClient(t.conns[n%len(t.conns)]), int32(n+1))
		want := s.code
		if t.name == "vanguard" {
			want = s.vanguard
		}
		if status.Code(err) != want {
			return fmt.Errorf("%s of %s: %w", s.name, t.name, err)
		}
		return nil
	}
	req, err := http.NewRequestWithContext(ctx, s.method, "http://"+t.address+basePath+s.path, bytes.NewReader(s.body))
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", "Bearer "+benchKey)
	resp, err := t.web.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != s.status {
		return fmt.Errorf("%s of %s: HTTP %d", s.name, t.name, resp.StatusCode)
	}
	return nil
}

// measurement is the result of one target in one round.
type measurement struct {
	perSecond float64
	p50, p99  time.Duration
	cpu       time.Duration // of the server, for each call
	rss       int
}

// tally has the durations of a target's calls in a round.
type tally struct {
	took    []time.Duration // each call
	elapsed time.Duration
}

// measure returns the measurement of a tally. The CPU time is all that the process has used in the
// round: what it did between its turns, such as collecting garbage, belongs to its calls.
func (t *target) measure(done tally, cpuBefore time.Duration) (measurement, error) {
	cpu, rss, err := t.usage()
	slices.Sort(done.took)
	calls := len(done.took)
	return measurement{
		perSecond: float64(calls) / done.elapsed.Seconds(),
		p50:       done.took[calls/2],
		p99:       done.took[calls*99/100],
		cpu:       (cpu - cpuBefore) / time.Duration(calls),
		rss:       rss,
	}, err
}

// run makes calls from concurrent callers, each as soon as its last call has ended, and adds them to
// the tally.
func (t *target) run(ctx context.Context, s scenario, calls, callers int, to *tally) error {
	group, ctx := errgroup.WithContext(metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token))
	var next atomic.Int64
	took := make([]time.Duration, calls)
	begin := time.Now()
	for range callers {
		group.Go(func() error {
			for n := int(next.Add(1)) - 1; n < calls; n = int(next.Add(1)) - 1 {
				start := time.Now()
				if err := t.call(ctx, s, n); err != nil {
					return err
				}
				took[n] = time.Since(start)
			}
			return nil
		})
	}
	err := group.Wait()
	to.elapsed += time.Since(begin)
	to.took = append(to.took, took...)
	return err
}
