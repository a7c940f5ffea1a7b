package export

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// state is what the state file has: how to continue an export.
type state struct {
	// Output is the absolute path of the output.
	Output string `json:"output"`
	// Request asks for the customers that are not in the output yet.
	Request jsonRequest `json:"request"`
	// Bytes is the length of the output with whole messages.
	Bytes     int64 `json:"bytes"`
	Customers int64 `json:"customers"`
}

// jsonRequest is written as protobuf's JSON.
type jsonRequest struct {
	*pelcrov1.StreamCustomersRequest
}

// MarshalJSON implements [json.Marshaler].
func (r jsonRequest) MarshalJSON() ([]byte, error) {
	return protojson.Marshal(r.StreamCustomersRequest)
}

// UnmarshalJSON implements [json.Unmarshaler].
func (r *jsonRequest) UnmarshalJSON(raw []byte) error {
	r.StreamCustomersRequest = &pelcrov1.StreamCustomersRequest{}
	return protojson.Unmarshal(raw, r.StreamCustomersRequest)
}

// readState reads a state file. It returns nil if there is none, or no path of one.
func readState(path string) (*state, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // no state is a state, too
	}
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // the same
	}
	if err != nil {
		return nil, fileErrorf("%s cannot be read (%w); name a state file that this user may read", path, cause(err))
	}
	saved := &state{}
	if err := json.Unmarshal(raw, saved); err != nil || saved.Output == "" || saved.Request.StreamCustomersRequest == nil || saved.Bytes < 0 {
		return nil, fileErrorf("%s is not a state file of export; name another one", path)
	}
	return saved, nil
}

// mustContinue returns an error if the state is that of another export than the one asked for.
func (s *state) mustContinue(asked state, path string) error {
	saved, request := s.Request, asked.Request
	var different []string
	switch {
	case s.Output == asked.Output && s.Bytes == 0:
		return nil // nothing is mixed with what was asked for before
	case s.Output != asked.Output:
		different = append(different, "the output "+s.Output)
	}
	if saved.GetSiteId() != request.GetSiteId() {
		different = append(different, "another site")
	}
	if !slices.EqualFunc(saved.GetFilters(), request.GetFilters(), func(a, b *pelcrov1.CustomerFilter) bool { return proto.Equal(a, b) }) {
		different = append(different, "other filters")
	}
	if !slices.Equal(saved.GetExpand(), request.GetExpand()) {
		different = append(different, "other relations")
	}
	if len(different) == 0 {
		return nil
	}
	return fileErrorf("%s belongs to an export with %s; continue that one, name another state file, or remove this one to start again",
		path, strings.Join(different, " and "))
}

// save replaces the state file. A crash leaves the old or the new one.
func (s *state) save(path string) error {
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	written := path + ".new"
	if err := writeSynced(written, append(raw, '\n')); err != nil {
		return err
	}
	return os.Rename(written, path)
}

func writeSynced(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Write(content); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	return file.Close()
}
