package requestid

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// use is what one call does with its claim.
func use(t *testing.T, s *Store, id ID, do func(*Claim)) {
	t.Helper()
	claim, err := s.Claim(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	defer claim.Release()
	do(claim)
}

func send(t *testing.T, then func(*Claim)) func(*Claim) {
	t.Helper()
	return func(c *Claim) {
		if err := c.Sending(t.Context()); err != nil {
			t.Fatal(err)
		}
		then(c)
	}
}

func nothing(*Claim)    {}
func rejected(c *Claim) { c.NotCreated() }
func created(c *Claim)  { c.Created(7) }

// known is what a call finds.
func known(t *testing.T, s *Store, id ID) string {
	t.Helper()
	var found string
	use(t, s, id, func(c *Claim) {
		found = fmt.Sprintf("customer %d, known %v since %v, first %v, fingerprint %q", c.CustomerID, c.Known, c.Age.Round(time.Second), c.First, c.Fingerprint)
	})
	return found
}

// What the next call under an id finds, by what the calls before it did.
func TestMemory(t *testing.T) {
	const unknown = `customer 0, known false since 0s, first false, fingerprint ""`
	id := ID{Key: "key", Scope: "scope", Fingerprint: "print"}
	retried := id
	retried.Retried = true
	for _, test := range []struct {
		name string
		do   func(t *testing.T, s *Store)
		next ID
		want string
	}{
		{"nothing", func(*testing.T, *Store) {}, id, unknown},
		{"nothing was sent", func(t *testing.T, s *Store) { use(t, s, id, nothing) }, id, unknown},
		{"Pelcro rejected it", func(t *testing.T, s *Store) { use(t, s, id, send(t, rejected)) }, id, unknown},
		{"the outcome is unknown", func(t *testing.T, s *Store) { use(t, s, id, send(t, nothing)); time.Sleep(time.Minute) },
			id, `customer 0, known true since 1m0s, first false, fingerprint "print"`},
		{"it was created", func(t *testing.T, s *Store) { use(t, s, id, send(t, created)); time.Sleep(time.Minute) },
			id, `customer 7, known true since 0s, first false, fingerprint "print"`},
		{"it was found", func(t *testing.T, s *Store) { use(t, s, id, created) },
			id, `customer 7, known true since 0s, first false, fingerprint "print"`},
		{"an hour ago", func(t *testing.T, s *Store) { use(t, s, id, send(t, created)); time.Sleep(memoryTime + time.Second) }, id, unknown},
		{"another process may have sent it", func(*testing.T, *Store) {}, retried, `customer 0, known true since 0s, first false, fingerprint "print"`},
		{"it was first retried a minute ago", func(t *testing.T, s *Store) { use(t, s, retried, nothing); time.Sleep(time.Minute) },
			retried, `customer 0, known true since 1m0s, first false, fingerprint "print"`},
		{"sent again, unknown", func(t *testing.T, s *Store) {
			use(t, s, id, send(t, nothing))
			time.Sleep(2 * time.Minute)
			use(t, s, id, send(t, nothing))
		}, id, `customer 0, known true since 0s, first false, fingerprint "print"`},
		{"sent again, rejected", func(t *testing.T, s *Store) {
			use(t, s, id, send(t, nothing))
			time.Sleep(2 * time.Minute)
			use(t, s, id, send(t, rejected))
		}, id, `customer 0, known true since 2m0s, first false, fingerprint "print"`},
		{"created under an earlier API key", func(t *testing.T, s *Store) { use(t, s, id, send(t, created)) },
			ID{Key: "new", Earlier: "key", Fingerprint: "other"}, `customer 7, known true since 0s, first false, fingerprint ""`},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := New(Config{})
				test.do(t, s)
				if got := known(t, s, test.next); got != test.want {
					t.Errorf("%s, want %s", got, test.want)
				}
			})
		})
	}
}

// One call at a time has an id; another id does not wait for it.
func TestOneCallAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { oneAtATime(t, New(Config{}), New(Config{}), false) })
}

// oneAtATime runs ten calls of an id in two stores. shared says that these share their ids.
func oneAtATime(t *testing.T, one, two *Store, shared bool) {
	t.Helper()
	id := ID{Key: "key", Scope: "scope"}
	var sent, most, now atomic.Int32
	done := make(chan error)
	for i := range 10 {
		s := one
		if shared && i%2 == 1 {
			s = two
		}
		go func() {
			claim, err := s.Claim(t.Context(), id)
			if err != nil {
				done <- err
				return
			}
			defer func() { claim.Release(); done <- nil }()
			if claim.CustomerID != 0 {
				return
			}
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			sent.Add(1)
			claim.Created(7)
		}()
	}
	for range 10 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if sent.Load() != 1 || most.Load() != 1 {
		t.Errorf("%d creates, %d concurrently", sent.Load(), most.Load())
	}
}

// A call that waits for another one ends with its context.
func TestWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{})
		use(t, s, ID{Key: "key"}, func(*Claim) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := s.Claim(ctx, ID{Key: "key"}); err != context.DeadlineExceeded {
				t.Error(err)
			}
			use(t, s, ID{Key: "other"}, nothing)
		})
	})
}

// The memory is bounded: the id that was not used for the longest time is forgotten.
func TestMemoryIsBounded(t *testing.T) {
	s := New(Config{})
	for i := range maxInMemory + 10 {
		use(t, s, ID{Key: fmt.Sprint(i)}, created)
	}
	if n := s.entries.Len(); n != maxInMemory {
		t.Errorf("%d ids", n)
	}
	for key, want := range map[string]bool{"9": false, "10": true} {
		if got := s.entries.Has(key); got != want {
			t.Errorf("%s is kept: %v", key, got)
		}
	}
}
