package reload_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/pelcro-grpc/pelcro-grpc/internal/reload"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// interval is the time between two polls.
const interval = reload.Delay / 3

// canary is in the files and must not be in an error.
const canary = "canary-secret-4711"

// watched are two files that are followed, in a bubble of synctest: time passes when the test says
// so.
type watched struct {
	t       *testing.T
	dir     string
	a, b    string
	mu      sync.Mutex
	adopted []string  // the versions, in order
	begin   time.Time // before that version 2 is invalid
	reports []string  // what was reported, "adopted" for nil
}

// valid are contents that adopt accepts: both files have the same version.
func valid(version string) string { return version + " " + canary }

func (w *watched) adopt(contents [][]byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	a, b := string(contents[0]), string(contents[1])
	if a != b || !strings.HasSuffix(a, canary) {
		return errors.New("they do not match")
	}
	if strings.HasPrefix(a, "2") && time.Now().Before(w.begin) {
		return errors.New("too early")
	}
	w.adopted = append(w.adopted, strings.TrimSuffix(a, " "+canary))
	return nil
}

func (w *watched) report(err error) {
	text := "adopted"
	if err != nil {
		text = strings.ReplaceAll(err.Error(), w.dir+"/", "")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reports = append(w.reports, text)
}

// in runs the test with two watched files of version 1.
func in(t *testing.T, test func(w *watched)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := &watched{t: t, dir: dir, a: filepath.Join(dir, "a"), b: filepath.Join(dir, "b")}
		w.write(w.a, valid("1"))
		w.write(w.b, valid("1"))
		w.watch()
		test(w)
		for _, text := range w.reports {
			if strings.Contains(text, canary) {
				t.Errorf("the secret is reported: %s", text)
			}
		}
	})
}

func (w *watched) watch() {
	w.t.Helper()
	files, err := reload.Open([]string{w.a, w.b}, w.adopt)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		files.Watch(ctx, w.report)
	}()
	w.t.Cleanup(func() { cancel(); <-ended })
	// From here on each poll is in the middle between two changes.
	time.Sleep(interval / 2)
	synctest.Wait()
}

func (w *watched) write(name, content string) {
	w.t.Helper()
	w.must(os.WriteFile(name, []byte(content), 0o600))
}

func (w *watched) replace(name, content string) {
	w.t.Helper()
	w.write(name+".new", content)
	w.must(os.Rename(name+".new", name))
}

func (w *watched) link(name, target string) {
	w.t.Helper()
	w.must(os.Symlink(target, name+".new"))
	w.must(os.Rename(name+".new", name))
}

func (w *watched) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// after waits for so many polls.
func (w *watched) after(polls int) {
	time.Sleep(time.Duration(polls) * interval)
	synctest.Wait()
}

func (w *watched) mustHave(adopted, reports []string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(w.adopted, adopted) {
		w.t.Errorf("adopted %q, want %q", w.adopted, adopted)
	}
	if !slices.Equal(w.reports, reports) {
		w.t.Errorf("reported %q, want %q", w.reports, reports)
	}
}

// TestChanges: however the files change, the new content is in use after the third poll.
func TestChanges(t *testing.T) {
	for _, test := range []struct {
		name   string
		before func(w *watched) // nil: both files are written in place
		change func(w *watched)
	}{
		{"written in place", nil, func(w *watched) {
			w.write(w.a, valid("2"))
			w.write(w.b, valid("2"))
		}},
		{"renamed", nil, func(w *watched) {
			w.replace(w.a, valid("2"))
			w.replace(w.b, valid("2"))
		}},
		{"the same size and time", nil, func(w *watched) {
			info, err := os.Stat(w.a)
			w.must(err)
			for _, name := range []string{w.a, w.b} {
				w.write(name, valid("2"))
				w.must(os.Chtimes(name, info.ModTime(), info.ModTime()))
			}
		}},
		{"deleted and made again", nil, func(w *watched) {
			w.must(os.Remove(w.a))
			w.must(os.Remove(w.b))
			w.write(w.a, valid("2"))
			w.write(w.b, valid("2"))
		}},
		{"links to other files", func(w *watched) {
			w.replace(w.a+"1", valid("1"))
			w.replace(w.a+"2", valid("2"))
			w.link(w.a, w.a+"1")
			w.link(w.b, w.a+"1")
		}, func(w *watched) {
			w.link(w.a, w.a+"2")
			w.link(w.b, w.a+"2")
		}},
		{"Kubernetes", func(w *watched) {
			w.volume("1")
			w.link(w.a, "..data/a")
			w.link(w.b, "..data/b")
		}, func(w *watched) { w.volume("2") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				w := &watched{t: t, dir: dir, a: filepath.Join(dir, "a"), b: filepath.Join(dir, "b")}
				if test.before == nil {
					test.before = func(w *watched) {
						w.write(w.a, valid("1"))
						w.write(w.b, valid("1"))
					}
				}
				test.before(w)
				w.watch()
				w.after(10)
				w.mustHave([]string{"1"}, nil)
				test.change(w)
				w.after(2)
				w.mustHave([]string{"1"}, nil)
				w.after(1)
				w.mustHave([]string{"1", "2"}, []string{"adopted"})
				w.after(10)
				w.mustHave([]string{"1", "2"}, []string{"adopted"})
			})
		})
	}
}

// volume writes a version of a volume as the kubelet does: a new folder, and a link to it that is
// swapped.
func (w *watched) volume(version string) {
	w.t.Helper()
	folder := filepath.Join(w.dir, "..2026_"+version)
	w.must(os.Mkdir(folder, 0o700))
	w.write(filepath.Join(folder, "a"), valid(version))
	w.write(filepath.Join(folder, "b"), valid(version))
	w.link(filepath.Join(w.dir, "..data"), "..2026_"+version)
}

// TestInvalidContentKeepsOld: invalid content is reported once, and the previous content stays in
// use.
func TestInvalidContentKeepsOld(t *testing.T) {
	const unreadable = "cannot be read: no such file or directory"
	for _, test := range []struct {
		name   string
		spoil  func(w *watched)
		report string
	}{
		{"rejected", func(w *watched) { w.write(w.a, valid("2")) }, "they do not match"},
		{"deleted", func(w *watched) { w.must(os.Remove(w.a)) }, "a " + unreadable},
		{"both deleted", func(w *watched) { w.must(os.Remove(w.a)); w.must(os.Remove(w.b)) }, "a " + unreadable + "\nb " + unreadable},
		{"empty", func(w *watched) { w.write(w.b, "") }, "b is empty"},
		{"a link to nothing", func(w *watched) { w.link(w.a, "nothing") }, "a " + unreadable},
		{"a link to itself", func(w *watched) { w.link(w.a, "a") }, "a cannot be read: too many levels of symbolic links"},
		{"a folder", func(w *watched) { w.must(os.Remove(w.a)); w.must(os.Mkdir(w.a, 0o700)) }, "a is not a regular file"},
		{"a pipe", func(w *watched) { w.must(os.Remove(w.a)); w.pipe(w.a) }, "a is not a regular file"},
		{"too large", func(w *watched) { w.write(w.a, strings.Repeat("x", reload.MaxFile+1)) }, "a is larger than 1024 KiB"},
		{"not for this user", func(w *watched) {
			if os.Geteuid() == 0 {
				w.t.Skip("root may read everything")
			}
			w.must(os.Chmod(w.a, 0))
		}, "a cannot be read: permission denied"},
	} {
		t.Run(test.name, func(t *testing.T) {
			in(t, func(w *watched) {
				test.spoil(w)
				w.after(3)
				w.mustHave([]string{"1"}, nil)
				w.after(1)
				w.mustHave([]string{"1"}, []string{test.report})
				w.after(100)
				w.mustHave([]string{"1"}, []string{test.report})

				w.must(os.RemoveAll(w.a))
				w.write(w.a, valid("1"))
				w.write(w.b, valid("1"))
				w.after(1)
				w.mustHave([]string{"1"}, []string{test.report, "adopted"})

				w.must(os.Remove(w.a))
				w.after(4)
				w.replace(w.a, valid("3"))
				w.replace(w.b, valid("3"))
				w.after(3)
				w.mustHave([]string{"1", "3"}, []string{test.report, "adopted", "a " + unreadable, "adopted"})
			})
		})
	}
}

// TestHalfWritten: half written content is neither adopted nor reported.
func TestHalfWritten(t *testing.T) {
	in(t, func(w *watched) {
		w.write(w.a, valid("2")) // the certificate is new, its key is not
		w.after(3)
		w.mustHave([]string{"1"}, nil)
		w.write(w.b, valid("2"))
		w.after(3)
		w.mustHave([]string{"1", "2"}, []string{"adopted"})

		// A list of which a part would be valid as well.
		w.write(w.a, valid("3"))
		w.write(w.b, valid("3"))
		w.after(2)
		w.write(w.a, valid("4"))
		w.write(w.b, valid("4"))
		w.after(3)
		w.mustHave([]string{"1", "2", "4"}, []string{"adopted", "adopted"})

		w.write(w.a, valid("5"))
		w.after(3)
		w.write(w.a, valid("4"))
		w.after(10)
		w.mustHave([]string{"1", "2", "4"}, []string{"adopted", "adopted"})
	})
}

// TestEachContent: each invalid content is reported.
func TestEachContent(t *testing.T) {
	in(t, func(w *watched) {
		w.write(w.a, "")
		w.after(5)
		w.write(w.b, "")
		w.after(5)
		w.write(w.a, "x")
		w.write(w.b, "x")
		w.after(5)
		w.mustHave([]string{"1"}, []string{"a is empty", "a is empty\nb is empty", "they do not match"})
	})
}

// TestBecomesValid: content that becomes valid with time is adopted then.
func TestBecomesValid(t *testing.T) {
	in(t, func(w *watched) {
		w.mu.Lock()
		w.begin = time.Now().Add(time.Minute)
		w.mu.Unlock()
		w.write(w.a, valid("2"))
		w.write(w.b, valid("2"))
		time.Sleep(time.Minute)
		w.mustHave([]string{"1"}, []string{"too early"})
		w.after(1)
		w.mustHave([]string{"1", "2"}, []string{"too early", "adopted"})
	})
}

// TestOpen: Open reports every file that cannot be used, as a FileError, or the error of adopt.
func TestOpen(t *testing.T) {
	dir := t.TempDir()
	w := &watched{t: t, dir: dir}
	for name, content := range map[string]string{"valid": canary, "other": "x " + canary, "empty": ""} {
		w.write(filepath.Join(dir, name), content)
	}
	for _, test := range []struct {
		names []string
		want  string
		file  string // of the first FileError
	}{
		{[]string{"valid", "valid"}, "", ""},
		{[]string{"valid", "other"}, "they do not match", ""},
		{[]string{"missing", "empty"}, "missing cannot be read: no such file or directory\nempty is empty", "missing"},
		{[]string{"valid", "missing"}, "missing cannot be read: no such file or directory", "missing"},
		{[]string{"empty", "valid"}, "empty is empty", "empty"},
	} {
		t.Run(fmt.Sprint(test.names), func(t *testing.T) {
			files, err := reload.Open([]string{filepath.Join(dir, test.names[0]), filepath.Join(dir, test.names[1])}, w.adopt)
			got := ""
			if err != nil {
				got = strings.ReplaceAll(err.Error(), dir+"/", "")
			}
			if got != test.want || (files == nil) != (test.want != "") {
				t.Errorf("%q, %v", got, files)
			}
			if file, ok := errors.AsType[*reload.FileError](err); ok != (test.file != "") || ok && filepath.Base(file.Name) != test.file {
				t.Errorf("%#v, want a FileError of %q", file, test.file)
			}
		})
	}
}
