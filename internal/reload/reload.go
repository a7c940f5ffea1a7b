// Package reload follows files that change while the program runs: keys, certificates, lists.
//
//	files, err := reload.Open([]string{cert, key}, adopt)
//	go files.Watch(ctx, report)
//
// It reads the files twice a second and compares contents only. So it does not matter how they
// change: written in place, replaced by a rename, by a symbolic link to another file, or by
// Kubernetes' swap of ..data; and there are no file system watches to lose. Changed content is
// adopted when it has not changed for a second, because a poll may have met a file half written, or
// one file of several: it is in use within [Delay]. A writer that pauses for longer must replace the
// file by a rename.
//
// Invalid content is ignored: the previous content stays in use, and the operator gets one report,
// if the next poll still finds it invalid. A file that is missing, empty or unreadable is invalid.
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
	"syscall"
	"time"
)

const (
	// interval is the time between two polls.
	interval = 500 * time.Millisecond
	// settledPolls is how many polls in a row must find changed content unchanged before it is
	// adopted: those of a second.
	settledPolls = 2
	// Delay is the longest wait until valid content is adopted, without the time that reading and
	// adopting take.
	Delay = (1 + settledPolls) * interval
	// MaxFile is the size of the largest valid file, in bytes.
	MaxFile = 1 << 20
)

// FileError is a file that cannot be used. It holds nothing of the file except its name.
type FileError struct {
	Name string
	Err  error
}

func (e *FileError) Error() string { return e.Name + " " + e.Err.Error() }

func (e *FileError) Unwrap() error { return e.Err }

// Files are files that are adopted together.
type Files struct {
	names []string
	adopt func(contents [][]byte) error
	// active is in use, lastSeen was found by the last poll, lastRejected was found invalid by a
	// poll, lastReported was reported as invalid.
	active, lastSeen, lastRejected, lastReported version
	unchanged                                    int // how many polls in a row found lastSeen again
}

// version identifies the contents of the files, or the reason why there are none.
type version [sha256.Size]byte

// Open reads the files and gives their contents, in the order of the names, to adopt, which keeps
// what it needs or returns an error and changes nothing. The error of Open is adopt's, or joins a
// [*FileError] for each file that cannot be used.
func Open(names []string, adopt func(contents [][]byte) error) (*Files, error) {
	f := &Files{names: names, adopt: adopt}
	contents, err := f.read()
	if err != nil {
		return nil, err
	}
	if err := adopt(contents); err != nil {
		return nil, err
	}
	f.active = versionOf(contents, nil)
	f.lastSeen = f.active
	return f, nil
}

// Watch follows the files until ctx ends. It calls adopt with changed contents, and report with the
// result: nil when the files hold what is in use, after a change or after an error, and an error
// when they are invalid and the previous content stays in use. Each content is reported once. Both
// functions are called by the goroutine of Watch; there may be one Watch only.
func (f *Files) Watch(ctx context.Context, report func(error)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			f.poll(report)
		}
	}
}

func (f *Files) poll(report func(error)) {
	contents, err := f.read()
	found := versionOf(contents, err)
	if found == f.lastSeen {
		f.unchanged++
	} else {
		f.lastSeen, f.unchanged = found, 0
	}
	switch {
	case found == f.active:
		if f.lastReported != (version{}) {
			report(nil)
		}
		f.lastRejected, f.lastReported = version{}, version{}
		return
	case f.unchanged < settledPolls:
		return
	}
	// Invalid content is tried again: a certificate becomes valid with time.
	if err == nil {
		err = f.adopt(contents)
	}
	switch {
	case err == nil:
		f.active, f.lastRejected, f.lastReported = found, version{}, version{}
		report(nil)
	case found != f.lastRejected:
		f.lastRejected = found
	case found != f.lastReported:
		f.lastReported = found
		report(err)
	}
}

// read returns the contents of all files, or a FileError for each that cannot be used.
func (f *Files) read() ([][]byte, error) {
	contents := make([][]byte, len(f.names))
	problems := make([]error, len(f.names))
	for i, name := range f.names {
		content, err := readFile(name)
		if err != nil {
			problems[i] = &FileError{name, err}
		}
		contents[i] = content
	}
	return contents, errors.Join(problems...)
}

func readFile(name string) ([]byte, error) {
	// Otherwise the opening of a pipe would wait for a writer.
	file, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, unreadable(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, unreadable(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("is not a regular file")
	}
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

// unreadable leaves out the name, which FileError has.
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
