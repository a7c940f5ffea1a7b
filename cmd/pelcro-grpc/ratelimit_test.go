package main

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

func TestRateLimitProblems(t *testing.T) {
	const (
		badForm   = `is not a limit; use auto, off, or requests and a time, for example 120/1m`
		badNumber = `must be 1 to 1000000 requests in 1s to 24h, for example 120/1m`
		badShare  = "--rate-limit-share must be greater than 0 and at most 1, for example 0.8"
		badRedis  = "--redis-url is not the URL of a Redis; use redis://HOST:6379 or, with TLS and a password, rediss://USER:PASSWORD@HOST:6379"
	)
	limit := func(value, problem string) []string { return []string{`--rate-limit "` + value + `" ` + problem} }
	for _, test := range []struct {
		name string
		args []string
		want []string
	}{
		{"a word", []string{"--rate-limit=on"}, limit("on", badForm)},
		{"a number alone", []string{"--rate-limit=120"}, limit("120", badForm)},
		{"a negative number", []string{"--rate-limit=-1/1m"}, limit("-1/1m", badForm)},
		{"no requests", []string{"--rate-limit=0/1m"}, limit("0/1m", badNumber)},
		{"no unit", []string{"--rate-limit=120/60"}, limit("120/60", badNumber)},
		{"a short time", []string{"--rate-limit=1/100ms"}, limit("1/100ms", badNumber)},
		{"a long time", []string{"--rate-limit=1/25h"}, limit("1/25h", badNumber)},
		{"no share", []string{"--rate-limit-share=0"}, []string{badShare}},
		{"more than all", []string{"--rate-limit-share=1.1"}, []string{badShare}},
		{"not a number", []string{"--rate-limit-share=NaN"}, []string{badShare}},
		{"not Redis", []string{"--redis-url=http://redis.example.org"}, []string{badRedis}},
		{
			"a password on the command line", []string{"--redis-url=rediss://user:" + canaryKey + "@redis.example.org"},
			[]string{"--redis-url holds a password, which others can see in the list of processes; put the URL into PELCRO_GRPC_REDIS_URL instead"},
		},
		{"a key with a dot", []string{"--request-id-key=a.b"}, []string{`--request-id-key "a.b" must be 1 to 64 letters, digits, _ or -, for example grpc_request_id`}},
		{
			"a short settle time", []string{"--create-settle-time=20s"},
			[]string{"--create-settle-time must be at least --request-timeout (30s) and at most 30m0s, for example 2m0s"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv(keyEnv, canaryKey)
			runWith(t, "", append([]string{"serve", "--site-id=7"}, test.args...)...).mustReject(t, test.want...)
		})
	}
}

func TestRateLimitFlags(t *testing.T) {
	for _, test := range []struct {
		name               string
		command            serveCommand
		want               rateLimit
		calls, connections int
	}{
		{"nothing", serveCommand{RateLimitShare: 1, MaxConcurrent: 1000}, rateLimit{share: 1}, 1000, 100},
		{"with a sandbox", serveCommand{RateLimitShare: 1, MaxConcurrent: 1000, upstreamFlags: upstreamFlags{Sandbox: true}}, rateLimit{off: true, share: 1}, 1000, 100},
		{"a sandbox with a limit", serveCommand{RateLimit: "auto", RateLimitShare: 1, MaxConcurrent: 1000, upstreamFlags: upstreamFlags{Sandbox: true}}, rateLimit{share: 1}, 1000, 100},
		{"Pelcro's", serveCommand{RateLimit: "120/1m", RateLimitShare: .8, MaxConcurrent: 1000}, rateLimit{requests: 120, window: time.Minute, share: .8}, 1000, 100},
		{"a small one", serveCommand{RateLimit: "10/1s", RateLimitShare: 1, MaxConcurrent: 1000}, rateLimit{requests: 10, window: time.Second, share: 1}, 1000, 10},
		{"a large one", serveCommand{RateLimit: "6000/1m", RateLimitShare: 1, MaxConcurrent: 1000}, rateLimit{requests: 6000, window: time.Minute, share: 1}, 6000, 100},
		{"a large one, few calls", serveCommand{RateLimit: "6000/1m", RateLimitShare: 1, MaxConcurrent: 20}, rateLimit{requests: 6000, window: time.Minute, share: 1}, 20, 20},
	} {
		t.Run(test.name, func(t *testing.T) {
			var found problems
			got := test.command.rateLimit(nil, &found)
			if got != test.want || len(found) > 0 {
				t.Errorf("%+v, want %+v; %v", got, test.want, found)
			}
			if calls, connections := test.command.concurrentCalls(got), test.command.idleConnections(got); calls != test.calls || connections != test.connections {
				t.Errorf("%d calls, %d idle connections, want %d, %d", calls, connections, test.calls, test.connections)
			}
		})
	}
}

// TestPasswordOfRedis: the settings show the address of Redis without its password.
func TestPasswordOfRedis(t *testing.T) {
	c := serveCommand{RateLimitShare: 1, RedisURL: "rediss://user:" + canaryKey + "@redis.example.org:6379"}
	config := validConfig{upstream: pelcro.Config{BaseURL: must(pelcro.ParseBaseURL(defaultPelcroURL))}}
	if got := c.effectiveSettings(config)["redis-url"]; got != "rediss://user:xxxxx@redis.example.org:6379" {
		t.Errorf("got %v", got)
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// TestQuotaOfService: the account's limit is read at the start, and the service sends no more. What
// waits when it stops ends immediately, and was not sent.
func TestQuotaOfService(t *testing.T) {
	const limit = 5
	var requests atomic.Int32
	url := testkit.Upstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if strings.HasSuffix(r.URL.Path, "/account") {
			_, _ = w.Write([]byte(`{"data":{"api_core_rate_limit":` + strconv.Itoa(limit) + `}}`))
			return
		}
		_, _ = w.Write([]byte(`{"data":{"id":42}}`))
	}))
	p := startWithAdmin(t, "--pelcro-url="+url, "--site-id=7", "--pelcro-api-key-file="+testkit.File(t, canaryKey), "--rate-limit=auto")
	p.err.Match(t, `"requests_per_minute":5`)
	customers := pelcrov1.NewCustomerServiceClient(p.conn)
	request := &pelcrov1.GetCustomerRequest{Id: 42}
	for range limit - 1 { // the account was the first
		if _, err := customers.GetCustomer(t.Context(), request); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := customers.GetCustomer(ctx, request); gatewaytest.Reason(err) != "GATEWAY_RATE_LIMITED" {
		t.Errorf("%v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	waiting := make(chan error)
	go func() {
		_, err := customers.GetCustomer(ctx, request)
		waiting <- err
	}()
	testkit.Eventually(t, "the call waits", func() bool { return counts(p.scrape(t)["pelcro_grpc_quota_waiting"])[""] == 1 })
	stopped := make(chan int)
	go func() { stopped <- p.stop() }()
	if err := <-waiting; gatewaytest.Reason(err) != "GATEWAY_SHUTTING_DOWN" {
		t.Errorf("%v", err)
	}
	<-stopped
	if log := p.err.String(); strings.Contains(log, "ending the calls that are still running") {
		t.Errorf("the stop waited for it: %s", log)
	}
	if n := requests.Load(); n != limit {
		t.Errorf("%d requests, want %d", n, limit)
	}
}
