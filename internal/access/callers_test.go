package access_test

import (
	"sync"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/access"
)

// TestHeaders: an invalid header is not treated as a missing one.
func TestHeaders(t *testing.T) {
	type read func([]string) (string, bool)
	for _, test := range []struct {
		name   string
		read   read
		values []string
		token  string
		ok     bool
	}{
		{"none", access.Bearer, nil, "", true},
		{"a token", access.Bearer, []string{"Bearer abc"}, "abc", true},
		{"another case, more spaces", access.Bearer, []string{"bEARER   abc"}, "abc", true},
		{"two values", access.Bearer, []string{"Bearer abc", "Bearer abc"}, "", false},
		{"another scheme", access.Bearer, []string{"Basic abc"}, "", false},
		{"no scheme", access.Bearer, []string{"abc"}, "", false},
		{"no token", access.Bearer, []string{"Bearer"}, "", false},
		{"only spaces", access.Bearer, []string{"Bearer  "}, "", false},
		{"empty", access.Bearer, []string{""}, "", false},
		{"bare: none", access.Bare, nil, "", true},
		{"bare: a token", access.Bare, []string{"abc"}, "abc", true},
		{"bare: two values", access.Bare, []string{"abc", "abc"}, "", false},
		{"bare: empty", access.Bare, []string{""}, "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if token, ok := test.read(test.values); token != test.token || ok != test.ok {
				t.Errorf("%q %v, want %q %v", token, ok, test.token, test.ok)
			}
		})
	}
}

// TestInvalidHeader: a good certificate does not make up for an invalid header.
func TestInvalidHeader(t *testing.T) {
	c := access.NewCallers(access.Bearer)
	if err := c.Load([][]byte{[]byte(callers)}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		values []string
		caller string
	}{
		{"none", nil, "probe"},
		{"a token", []string{"Bearer token-all"}, "all"},
		{"another scheme", []string{"Basic token-all"}, ""},
		{"empty", []string{""}, ""},
		{"twice", []string{"Bearer token-all", "Bearer token-all"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := unknown
			if test.caller != "" {
				want = allowed
			}
			if caller, err := c.Authorize(test.values, chain("probe.example.org"), get); caller.Name != test.caller || err != want {
				t.Errorf("%q %v", caller.Name, err)
			}
		})
	}
}

// TestTokenRotation: while a token is replaced step by step, no call with a token that is valid at
// that step is rejected.
func TestTokenRotation(t *testing.T) {
	c := access.NewCallers(access.Bare)
	if caller, err := c.Authorize([]string{"old"}, nil, get); caller.Name != "" || err != unknown {
		t.Errorf("before it is loaded: %q %v", caller.Name, err)
	}
	line := func(token string) string { return "billing " + hashOf(token) + " *\n" }
	load := func(file string) {
		t.Helper()
		if err := c.Load([][]byte{[]byte(file)}); err != nil {
			t.Fatal(err)
		}
	}
	// during does the step while calls with the token go on.
	during := func(token string, step func()) {
		stop := make(chan struct{})
		var calls sync.WaitGroup
		for range 4 {
			calls.Go(func() {
				for {
					if caller, err := c.Authorize([]string{token}, nil, get); caller.Name != "billing" || err != allowed {
						t.Errorf("%s: %q %v", token, caller.Name, err)
					}
					select {
					case <-stop:
						return
					default:
					}
				}
			})
		}
		step()
		close(stop)
		calls.Wait()
	}
	load(line("old"))
	for range 100 {
		during("old", func() { load(line("old") + line("new")) })
		during("new", func() { load(line("new")) })
		if _, err := c.Authorize([]string{"old"}, nil, get); err != unknown {
			t.Errorf("the old token stays valid: %v", err)
		}
		if err := c.Load([][]byte{[]byte("billing " + canary + " *")}); err == nil {
			t.Error("an invalid file is in use")
		}
		during("new", func() { load(line("new") + line("old")) })
		during("old", func() { load(line("old")) })
	}
}

// TestIncompleteLastLine: a file that may be half written is not used, although its lines are valid.
func TestIncompleteLastLine(t *testing.T) {
	c := access.NewCallers(access.Bare)
	old := "billing " + hashOf("old") + " *\n"
	if err := c.Load([][]byte{[]byte(old)}); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{
		"billing " + hashOf("new") + " *",
		old + "other " + hashOf("new") + " pelcro.v1.CustomerService/Get",
		old + "# a comm",
	} {
		err := c.Load([][]byte{[]byte(file)})
		if err == nil || err.Error() != "its last line is incomplete; end it with a newline" {
			t.Errorf("%q: %v", file, err)
		}
		if caller, err := c.Authorize([]string{"old"}, nil, get); caller.Name != "billing" || err != allowed {
			t.Errorf("%q: the old list is not in use: %q %v", file, caller.Name, err)
		}
	}
}
