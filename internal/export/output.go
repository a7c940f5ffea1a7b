package export

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// Output is where the customers go.
type Output struct {
	to io.Writer
	// file is nil for a writer of which nothing can be taken back.
	file *os.File
	// statePath is empty for an export that no other run can continue.
	statePath string
	state     state
	lines     bytes.Buffer
}

// FileError is a file that cannot be used as it is. Its message has the remedy.
type FileError struct{ error }

func fileErrorf(format string, args ...any) error { return FileError{fmt.Errorf(format, args...)} }

// ToWriter returns an output of an export that no other run can continue.
func ToWriter(to io.Writer, request *pelcrov1.StreamCustomersRequest) *Output {
	return &Output{to: to, state: state{Request: jsonRequest{request}}}
}

// OpenFile opens the file of an export, and continues it if the state file exists. With no path of a
// state file, no other run can continue the export. A file with content that the state file does not
// explain is left as it is. Only this user may read the files: they have personal data.
func OpenFile(path, statePath string, request *pelcrov1.StreamCustomersRequest) (*Output, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	o := &Output{statePath: statePath, state: state{Output: path, Request: jsonRequest{request}}}
	saved, err := readState(statePath)
	if err != nil {
		return nil, err
	}
	if saved != nil {
		if err := saved.mustContinue(o.state, statePath); err != nil {
			return nil, err
		}
		if saved.Bytes > 0 {
			o.state = *saved
		}
	}
	if err := o.open(saved != nil); err != nil {
		return nil, err
	}
	if err := o.saveState(); err != nil {
		o.Close()
		return nil, fileErrorf("%s cannot be written (%w); name a state file that this user may write", statePath, cause(err))
	}
	return o, nil
}

// open opens the file and removes what the state does not know of.
func (o *Output) open(isContinued bool) error {
	path := o.state.Output
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && o.state.Bytes > 0 {
		return fileErrorf("%s is missing, but %s continues it; put it back, or remove %[2]s to start again", path, o.statePath)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fileErrorf("%s cannot be written (%w); name a file that this user may write", path, cause(err))
	}
	if err := o.prepare(file, isContinued); err != nil {
		_ = file.Close() // nothing was written
		return err
	}
	o.file, o.to = file, file
	return nil
}

func (o *Output) prepare(file *os.File, isContinued bool) error {
	info, err := file.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fileErrorf("%s is not a regular file; name another one, or none for standard output", o.state.Output)
	}
	if err := lock(file); err != nil {
		return fileErrorf("%s is locked (%w), as by another export that writes it; wait for its end", o.state.Output, err)
	}
	switch {
	case info.Size() > 0 && !isContinued:
		return fileErrorf("%s is not empty, and there is no state file to continue it; remove it, or name another file", o.state.Output)
	case info.Size() < o.state.Bytes:
		return fileErrorf("%s is shorter than %s says; remove both to start again", o.state.Output, o.statePath)
	}
	if err := file.Chmod(0o600); err != nil {
		return err
	}
	if err := file.Truncate(o.state.Bytes); err != nil {
		return err
	}
	_, err = file.Seek(o.state.Bytes, io.SeekStart)
	return err
}

// Customers returns how many customers were written, by earlier runs too.
func (o *Output) Customers() int64 { return o.state.Customers }

// Close closes the file. Another run can continue it by the state file, if there is one.
func (o *Output) Close() {
	if o.file != nil {
		_ = o.file.Close()
	}
}

// request returns the request for the customers that are not written yet.
func (o *Output) request() *pelcrov1.StreamCustomersRequest {
	return o.state.Request.StreamCustomersRequest
}

// append writes the customers of a message, and saves that. What it wrote when it returns an error is
// removed when the export is continued.
func (o *Output) append(message *pelcrov1.StreamCustomersResponse) error {
	o.lines.Reset()
	for _, customer := range message.GetCustomers() {
		if err := appendLine(&o.lines, customer); err != nil {
			return err
		}
	}
	written, err := o.to.Write(o.lines.Bytes())
	if err != nil {
		return err
	}
	o.state.Bytes += int64(written)
	o.state.Customers += int64(len(message.GetCustomers()))
	request, _ := proto.Clone(o.request()).(*pelcrov1.StreamCustomersRequest)
	request.ResumeToken = message.GetResumeToken()
	o.state.Request.StreamCustomersRequest = request
	if o.statePath == "" {
		return nil
	}
	if err := o.file.Sync(); err != nil {
		return err
	}
	return o.saveState()
}

// appendLine appends a customer as protobuf's JSON, whose whitespace differs from build to build, in
// one line without whitespace.
func appendLine(lines *bytes.Buffer, customer *pelcrov1.Customer) error {
	raw, err := protojson.Marshal(customer)
	if err != nil {
		return err
	}
	if err := json.Compact(lines, raw); err != nil {
		return err
	}
	return lines.WriteByte('\n')
}

// complete ends an export that has all customers. The state file is removed last: until then, another
// run completes the export again.
func (o *Output) complete() error {
	if o.file == nil {
		return nil
	}
	if err := o.file.Sync(); err != nil {
		return err
	}
	if o.statePath == "" {
		return nil
	}
	return os.Remove(o.statePath)
}

func (o *Output) saveState() error {
	if o.statePath == "" {
		return nil
	}
	return o.state.save(o.statePath)
}

// cause returns the system's own error, without the path.
func cause(err error) error {
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return failed.Err
	}
	return err
}
