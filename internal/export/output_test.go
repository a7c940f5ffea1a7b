package export_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/export"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

// files are the paths of an export.
type files struct{ output, state string }

func newFiles(t *testing.T) files {
	t.Helper()
	folder := t.TempDir()
	return files{filepath.Join(folder, "out"), filepath.Join(folder, "state")}
}

func (f files) open(t *testing.T, request *pelcrov1.StreamCustomersRequest) *export.Output {
	t.Helper()
	output, err := export.OpenFile(f.output, f.state, request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(output.Close)
	return output
}

// read returns the content of a file that only its owner may read.
func read(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode() != 0o600 {
		t.Errorf("%s: %v, %v", name, info.Mode(), err)
	}
	return string(raw)
}

// filtered is a request with everything that a state file remembers.
func filtered() *pelcrov1.StreamCustomersRequest {
	return &pelcrov1.StreamCustomersRequest{
		SiteId:  new(int32(7)),
		Filters: []*pelcrov1.CustomerFilter{{Attribute: "metadata.plan", Operator: pelcrov1.CustomerFilter_OPERATOR_HAS_KEY}},
		Expand:  []pelcrov1.CustomerRelation{pelcrov1.CustomerRelation_CUSTOMER_RELATION_ADDRESSES},
	}
}

// TestContinue: an export that ended after any message is continued by the next run, also if it had
// written a part of the next message, or the export had not begun.
func TestContinue(t *testing.T) {
	const messages = 3
	for _, partial := range []string{"", `{"id":"1","ema`} {
		for ends := range messages + 1 {
			t.Run(fmt.Sprintf("after %d messages and %q", ends, partial), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := newFiles(t)
					output := f.open(t, filtered())
					ctx, cancel := context.WithCancelCause(t.Context())
					stopped := errors.New("stopped")
					first := &service{before: func(ctx context.Context, sent int) error {
						if sent < ends {
							return nil
						}
						synctest.Wait() // the message before is written
						cancel(stopped)
						<-ctx.Done()
						return ctx.Err()
					}}
					if _, err := first.run(ctx, t, output); !errors.Is(err, stopped) {
						t.Fatal(err)
					}
					output.Close()
					read(t, f.state)
					testkit.Replace(t, f.output, read(t, f.output)+partial)

					output = f.open(t, filtered())
					if want := min(ends*perMessage, customers); output.Customers() != int64(want) {
						t.Errorf("it continues after %d customers, want %d", output.Customers(), want)
					}
					second := &service{}
					if _, err := second.run(t.Context(), t, output); err != nil {
						t.Error(err)
					}
					mustHaveAll(t, read(t, f.output))
					if _, err := os.Stat(f.state); !errors.Is(err, os.ErrNotExist) {
						t.Error(err)
					}
					asked := proto.CloneOf(second.requests[0])
					if asked.ResumeToken = ""; !proto.Equal(asked, filtered()) {
						t.Errorf("it asks for %v", asked)
					}
				})
			})
		}
	}
}

// TestNothingWritten: an export that has written nothing may be continued by another request, as when
// the service had rejected the first one.
func TestNothingWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFiles(t)
		f.open(t, filtered()).Close()
		from := &service{}
		if _, err := from.run(t.Context(), t, f.open(t, &pelcrov1.StreamCustomersRequest{})); err != nil || from.requests[0].SiteId != nil {
			t.Error(err, from.requests)
		}
		mustHaveAll(t, read(t, f.output))
	})
}

// TestWithoutState: an export that cannot be continued is written to a file all the same.
func TestWithoutState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFiles(t)
		f.state = ""
		from := &service{before: func(_ context.Context, sent int) error {
			if sent == 1 {
				return ofService(codes.InvalidArgument, 0)
			}
			return nil
		}}
		output := f.open(t, filtered())
		if _, err := from.run(t.Context(), t, output); err == nil {
			t.Error("it succeeded")
		}
		output.Close()
		if _, err := export.OpenFile(f.output, "", filtered()); err == nil || !strings.Contains(err.Error(), "is not empty") {
			t.Error(err)
		}
	})
}

// TestFileErrors: a file that does not fit is rejected with the remedy, and is left as it is.
func TestFileErrors(t *testing.T) {
	change := func(f func(*pelcrov1.StreamCustomersRequest)) *pelcrov1.StreamCustomersRequest {
		request := filtered()
		f(request)
		return request
	}
	for _, test := range []struct {
		name string
		// prepare changes the files of an export with 10 customers, which the request then continues.
		prepare func(t *testing.T, f *files)
		request *pelcrov1.StreamCustomersRequest
		want    string
	}{
		{
			"another site", nil, change(func(r *pelcrov1.StreamCustomersRequest) { r.SiteId = nil }),
			"STATE belongs to an export with another site; continue that one, name another state file, or remove this one to start again",
		},
		{
			"other filters and relations", nil, change(func(r *pelcrov1.StreamCustomersRequest) { r.Filters, r.Expand = nil, nil }),
			"STATE belongs to an export with other filters and other relations; continue that one, name another state file, or remove this one to start again",
		},
		{
			"another output", func(_ *testing.T, f *files) { f.output += "2" }, filtered(),
			"STATE belongs to an export with the output OUTPUT; continue that one, name another state file, or remove this one to start again",
		},
		{
			"no state", func(t *testing.T, f *files) { mustRemove(t, f.state) }, filtered(),
			"OUTPUT is not empty, and there is no state file to continue it; remove it, or name another file",
		},
		{
			"no output", func(t *testing.T, f *files) { mustRemove(t, f.output) }, filtered(),
			"OUTPUT is missing, but STATE continues it; put it back, or remove STATE to start again",
		},
		{
			"a shorter output", func(t *testing.T, f *files) { testkit.Replace(t, f.output, "{}\n") }, filtered(),
			"OUTPUT is shorter than STATE says; remove both to start again",
		},
		{
			"some other JSON", func(t *testing.T, f *files) { testkit.Replace(t, f.state, `{"name": "x"}`) }, filtered(),
			"STATE is not a state file of export; name another one",
		},
		{
			"not JSON", func(t *testing.T, f *files) { testkit.Replace(t, f.state, "x") }, filtered(),
			"STATE is not a state file of export; name another one",
		},
		{
			"a folder as output", func(t *testing.T, f *files) { mustRemove(t, f.state); mustRemove(t, f.output); mustMake(t, f.output) }, filtered(),
			"OUTPUT cannot be written (is a directory); name a file that this user may write",
		},
		{
			"a device as output", func(t *testing.T, f *files) { mustRemove(t, f.state); f.output = os.DevNull }, filtered(),
			"OUTPUT is not a regular file; name another one, or none for standard output",
		},
		{
			"a state file that cannot be written", func(t *testing.T, f *files) { mustRemove(t, f.output); f.state += "2/state" }, filtered(),
			"STATE cannot be written (no such file or directory); name a state file that this user may write",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFiles(t)
				original := f.output
				begin(t, f)
				if test.prepare != nil {
					test.prepare(t, &f)
				}
				before, _ := os.ReadFile(original)
				_, err := export.OpenFile(f.output, f.state, test.request)
				want := strings.NewReplacer("STATE", f.state, "OUTPUT", original).Replace(test.want)
				if test.name == "a device as output" {
					want = strings.Replace(test.want, "OUTPUT", f.output, 1)
				}
				if _, ok := errors.AsType[export.FileError](err); !ok || err.Error() != want {
					t.Errorf("got:  %v\nwant: %s", err, want)
				}
				if after, _ := os.ReadFile(original); string(before) != string(after) {
					t.Errorf("the output is now %q", after)
				}
			})
		})
	}
}

// TestLocked: two exports cannot write the same file.
func TestLocked(t *testing.T) {
	f := newFiles(t)
	f.open(t, filtered())
	if _, err := export.OpenFile(f.output, f.state, filtered()); err == nil || !strings.HasPrefix(err.Error(), f.output+" is locked (") {
		t.Error(err)
	}
}

// begin makes the files of an export that failed after 10 customers.
func begin(t *testing.T, f files) {
	t.Helper()
	output := f.open(t, filtered())
	from := &service{before: func(_ context.Context, sent int) error {
		if sent == 1 {
			return ofService(codes.InvalidArgument, 0)
		}
		return nil
	}}
	if _, err := from.run(t.Context(), t, output); err == nil {
		t.Fatal("it succeeded")
	}
	output.Close()
}

func mustRemove(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
}

func mustMake(t *testing.T, folder string) {
	t.Helper()
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
}
