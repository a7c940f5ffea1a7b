// Package reload follows files that change while the program runs: keys,
// certificates, lists.
//
//	files, err := reload.Open([]string{cert, key}, adopt)
//	go files.Watch(ctx, tell)
//
// It looks at what the files hold, twice a second, and at nothing else. So it
// does not matter how they change: written in place, replaced by a rename, by a
// symbolic link that points elsewhere, or by Kubernetes' swap of ..data; and
// there are no watches to lose. What has changed counts from the second look that
// finds the same, because the first may have met a file half written, or one file
// of several: it is in use within [Delay].
//
// What is no good is not used. Then everything stays as it was, and the operator
// is told once, if it is still no good at the look after. A file that is missing,
// empty or cannot be read is never any good.
package reload

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

const (
	// interval is the time from one look to the next.
	interval = 500 * time.Millisecond
	// Delay is how long good content waits at most before it is adopted, but for the
	// time that reading and adopting take.
	Delay = 2 * interval
	// MaxFile is the size of the largest file, in bytes; larger ones are no good.
	MaxFile = 1 << 20
)

// Files are files that are adopted together.
type Files struct {
	names []string
	adopt func(contents [][]byte) error
	// used is what is in use, seen what the last look found. failed is what was no
	// good at a look, told what the operator was told of.
	used, seen, failed, told version
}

// version stands for what the files hold, or why they do not.
type version [sha256.Size]byte

// Open reads the files and gives their contents, in the order of the names, to
// adopt, which keeps what it needs or returns an error and changes nothing. The
// error of Open is adopt's, or a sentence for each file that cannot be read. No
// error of this package holds anything of a file but its name.
func Open(names []string, adopt func(contents [][]byte) error) (*Files, error) {
	f := &Files{names: names, adopt: adopt}
	contents, err := f.read()
	if err != nil {
		return nil, err
	}
	if err := adopt(contents); err != nil {
		return nil, err
	}
	f.used = versionOf(contents, nil)
	f.seen = f.used
	return f, nil
}

// Watch follows the files until ctx ends. It calls adopt for what has changed, and
// tells of it: nil when the files hold what is in use, after a change or after
// they were no good, and an error when they are no good and what was in use stays
// so. One content is told of once, however long it stays. Both functions are
// called by the goroutine of Watch, of which there may be one.
func (f *Files) Watch(ctx context.Context, tell func(error)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			f.look(tell)
		}
	}
}

func (f *Files) look(tell func(error)) {
	contents, err := f.read()
	found := versionOf(contents, err)
	settled := found == f.seen
	f.seen = found
	switch {
	case found == f.used:
		if f.told != (version{}) {
			tell(nil)
		}
		f.failed, f.told = version{}, version{}
		return
	case !settled:
		return
	}
	// What was no good is tried again: a certificate's day may have come.
	if err == nil {
		err = f.adopt(contents)
	}
	switch {
	case err == nil:
		f.used, f.failed, f.told = found, version{}, version{}
		tell(nil)
	case found != f.failed:
		f.failed = found
	case found != f.told:
		f.told = found
		tell(err)
	}
}

// read returns the contents of all files, or an error for each that has none.
func (f *Files) read() ([][]byte, error) {
	contents := make([][]byte, len(f.names))
	problems := make([]error, len(f.names))
	for i, name := range f.names {
		content, err := readFile(name)
		if err != nil {
			problems[i] = fmt.Errorf("%s %w", name, err)
		}
		contents[i] = content
	}
	return contents, errors.Join(problems...)
}

func readFile(name string) ([]byte, error) {
	// Opening a pipe would wait for a writer.
	info, err := os.Stat(name)
	if err != nil {
		return nil, unreadable(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("is no regular file")
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, unreadable(err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, MaxFile+1))
	switch {
	case err != nil:
		return nil, unreadable(err)
	case len(content) == 0:
		return nil, errors.New("is empty")
	case len(content) > MaxFile:
		return nil, fmt.Errorf("is larger than %d KiB", MaxFile>>10)
	}
	return content, nil
}

// unreadable leaves out the name, which stands before.
func unreadable(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		err = path.Err
	}
	return fmt.Errorf("cannot be read: %w", err)
}

func versionOf(contents [][]byte, err error) version {
	hash := sha256.New()
	write := func(part []byte) {
		_ = binary.Write(hash, binary.BigEndian, int64(len(part)))
		hash.Write(part)
	}
	for _, content := range contents {
		write(content)
	}
	if err != nil {
		write([]byte(err.Error()))
	}
	return version(hash.Sum(nil))
}
