package pelcro_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/quota"
)

// limited gives the client a quota of so many requests a minute, 0 for what Pelcro says.
func limited(requests int) func(*pelcro.Config) {
	return func(c *pelcro.Config) {
		timeout := c.Timeout
		if timeout == 0 {
			timeout = pelcro.DefaultTimeout
		}
		c.OpenQuota = func([sha256.Size]byte) *quota.Quota {
			return quota.New(quota.Config{Limit: requests, RequestTimeout: timeout})
		}
	}
}

// within returns a context with a deadline, until the test ends.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// spend makes so many gets, which must succeed.
func spend(t *testing.T, client *pelcro.Client, calls int) {
	t.Helper()
	for range calls {
		if err := get(t.Context(), client); err != nil {
			t.Fatal(err)
		}
	}
}

// mustTake checks how long the call took since begin.
func mustTake(t *testing.T, begin time.Time, want time.Duration) {
	t.Helper()
	if took := time.Since(begin).Round(time.Millisecond); took != want {
		t.Errorf("it took %v, want %v", took, want)
	}
}

// TestQuotaSpent: a call without a place before its deadline is rejected on arrival, another waits, and
// its wait is not a part of the time limit.
func TestQuotaSpent(t *testing.T) {
	for _, call := range calls {
		t.Run(call.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				transport := &scripted{attempts: []attempt{responds(200)}}
				client := transport.client(t, limited(2), func(c *pelcro.Config) { c.Timeout = 5 * time.Second })
				spend(t, client, 2)
				begin := time.Now()
				failed := noResponse(t, call.do(within(t, 10*time.Second), client), pelcro.RateLimited, false)
				if failed.RetryAfter != time.Minute || failed.Limit != 2 {
					t.Errorf("wait %v, limit %d", failed.RetryAfter, failed.Limit)
				}
				mustTake(t, begin, 0)
				transport.mustHave(t, 2)
				if err := call.do(within(t, 2*time.Minute), client); err != nil {
					t.Error(err)
				}
				mustTake(t, begin, time.Minute)
				transport.mustHave(t, 3)
			})
		})
	}
}

// TestQuotaCountsAttempts: a retry takes a place, too; an attempt that sent nothing takes none.
func TestQuotaCountsAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := &scripted{attempts: []attempt{responds(503), responds(200)}}
		client := transport.client(t, limited(3))
		spend(t, client, 1) // two attempts
		transport.attempts, transport.times = []attempt{unsent(errBroken)}, nil
		for range 5 {
			noResponse(t, create(t.Context(), client), pelcro.Unreachable, false) // tried once
		}
		transport.attempts, transport.times = []attempt{responds(200)}, nil
		spend(t, client, 1)
		noResponse(t, get(within(t, time.Second), client), pelcro.RateLimited, false)
		transport.mustHave(t, 1)
	})
}

// A retry that the quota has no place for returns the failure before it, which says more.
func TestQuotaRejectsRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := &scripted{attempts: []attempt{responds(503)}}
		client := transport.client(t, limited(1))
		response(t, get(within(t, 10*time.Second), client), 503)
		transport.mustHave(t, 1)
	})
}

// TestGateOfQuota: after a 429 nothing is sent for as long as it says, although no limit is known.
func TestGateOfQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := &scripted{attempts: []attempt{responds(429, "Retry-After", "20"), responds(200)}}
		client := transport.client(t, limited(0))
		response(t, get(t.Context(), client), 429) // not retried here
		failed := noResponse(t, get(within(t, 5*time.Second), client), pelcro.RateLimited, false)
		if failed.RetryAfter != 20*time.Second || failed.Limit != 0 {
			t.Errorf("wait %v, limit %d", failed.RetryAfter, failed.Limit)
		}
		begin := time.Now()
		spend(t, client, 5)
		mustTake(t, begin, 20*time.Second)
	})
}

// TestQuotaFollowsHeaders: the limit and what is left of it are those of Pelcro's headers.
func TestQuotaFollowsHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := &scripted{attempts: []attempt{responds(200, "X-RateLimit-Limit", "10", "X-RateLimit-Remaining", "1")}}
		client := transport.client(t, limited(0))
		spend(t, client, 1)
		transport.attempts = []attempt{responds(200)}
		spend(t, client, 1) // the one that is left: others had eight
		if failed := noResponse(t, get(within(t, time.Second), client), pelcro.RateLimited, false); failed.Limit != 10 {
			t.Errorf("limit %d", failed.Limit)
		}
	})
}

// TestQuotaAndBreaker: a call that waits for the quota holds no probe of the breaker, and one that the
// open breaker would reject does not wait.
func TestQuotaAndBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := &scripted{}
		client := transport.client(t, guarded, limited(20))
		begin := time.Now()
		fails(t, transport, client, 20, responds(500))
		noResponse(t, get(within(t, 2*time.Minute), client), pelcro.CircuitOpen, false)
		mustTake(t, begin, 0)
		time.Sleep(time.Second + 1)
		transport.attempts = []attempt{responds(200)}
		waiting := make(chan error, 1)
		go func() { waiting <- get(within(t, 2*time.Minute), client) }()
		synctest.Wait()
		if err := get(pelcro.WithAuthorization(t.Context(), "Bearer of another account"), client); err != nil {
			t.Errorf("the probe is not free: %v", err)
		}
		if err := <-waiting; err != nil {
			t.Error(err)
		}
		mustTake(t, begin, time.Minute)
	})
}

// TestStopWaiting: a stop ends the calls that wait for the quota, and those that would have to; others
// go on.
func TestStopWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := &scripted{attempts: []attempt{responds(200)}}
		client := transport.client(t, limited(2))
		spend(t, client, 2)
		waiting := make(chan error, len(calls))
		for _, call := range calls {
			go func() { waiting <- call.do(within(t, 5*time.Minute), client) }()
		}
		synctest.Wait()
		begin := time.Now()
		client.StopWaiting()
		for range calls {
			noResponse(t, <-waiting, pelcro.Stopped, false)
		}
		noResponse(t, get(t.Context(), client), pelcro.Stopped, false)
		mustTake(t, begin, 0)
		time.Sleep(time.Minute)
		spend(t, client, 2)
		transport.mustHave(t, 4)
	})
}

// TestQuotaOfEachCredential: callers' own credentials are of other accounts.
func TestQuotaOfEachCredential(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := &scripted{attempts: []attempt{responds(200)}}
		client := transport.client(t, limited(1))
		for n := range 3000 { // more than are remembered
			ctx := pelcro.WithAuthorization(t.Context(), fmt.Sprintf("Bearer %d", n))
			if err := get(ctx, client); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			noResponse(t, get(ctx, client), pelcro.RateLimited, false)
			cancel()
		}
	})
}

// TestFairSharedReads: a call that joined the waiting request of a bulk caller does not wait for the
// turn of that caller; the bulk caller gets the result earlier.
func TestFairSharedReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pelcroStore := &store{title: "old"}
		client := pelcroStore.client(t, limited(1))
		spend(t, client, 1)
		bulk := pelcro.WithCaller(t.Context(), pelcro.Caller{Name: "nightly", Bulk: true})
		ended := make(chan string, 3)
		start := func(name string, do func() error) {
			go func() {
				if err := do(); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				ended <- name
			}()
			synctest.Wait()
		}
		long, cancel := context.WithTimeout(bulk, time.Hour)
		defer cancel()
		start("another customer", func() error { return get(long, client) })
		start("nightly", func() error { _, err := titleOf(long, client); return err })
		checkout := pelcro.WithCaller(within(t, time.Hour), pelcro.Caller{Name: "checkout"})
		start("checkout", func() error { _, err := titleOf(checkout, client); return err })
		first := map[string]bool{<-ended: true, <-ended: true}
		if !first["checkout"] || !first["nightly"] {
			t.Errorf("first came %v", first)
		}
		<-ended
		if n := pelcroStore.count(); n != 3 {
			t.Errorf("%d requests", n)
		}
	})
}
