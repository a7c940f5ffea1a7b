package faultproxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// recordingReader parses HTTP messages, to know where they end, and keeps their bytes, to
// pass them unchanged.
type recordingReader struct {
	*bufio.Reader
	record record
}

// record keeps what was read from the connection.
type record struct {
	from net.Conn
	raw  []byte
}

func newRecordingReader(from net.Conn) *recordingReader {
	t := &recordingReader{record: record{from: from}}
	t.Reader = bufio.NewReader(&t.record)
	return t
}

func (r *record) Read(b []byte) (int, error) {
	n, err := r.from.Read(b)
	r.raw = append(r.raw, b[:n]...)
	return n, err
}

// consumed returns the bytes that were parsed since the last call, without those that were
// only read ahead.
func (t *recordingReader) consumed() []byte { return t.cut(len(t.record.raw) - t.Buffered()) }

// all returns also the bytes read ahead.
func (t *recordingReader) all() []byte { return t.cut(len(t.record.raw)) }

func (t *recordingReader) cut(n int) []byte {
	taken := t.record.raw[:n:n]
	t.record.raw = t.record.raw[n:]
	return taken
}

// relay passes the upstream's response as it arrives, and reports whether it is the last
// one of its connection. Invalid responses also pass, up to the end of the connection.
func relay(upstream net.Conn, request *http.Request, out *shaper) (last bool, err error) {
	in := newRecordingReader(upstream)
	for {
		response, err := http.ReadResponse(in.Reader, request)
		if err != nil {
			if _, err := out.Write(in.all()); err != nil {
				return true, err
			}
			_, err := io.Copy(out, upstream)
			return true, err
		}
		header := in.consumed()
		interim := response.StatusCode < http.StatusOK && response.StatusCode != http.StatusSwitchingProtocols
		if !interim {
			out.body(len(header))
		}
		if _, err := out.Write(header); err != nil {
			return true, err
		}
		if !interim {
			return response.Close, relayBody(in, response.Body, out)
		}
	}
}

func relayBody(in *recordingReader, body io.Reader, out io.Writer) error {
	buffer := make([]byte, 16<<10)
	for {
		_, readErr := body.Read(buffer)
		if _, err := out.Write(in.consumed()); err != nil {
			return err
		}
		if readErr == io.EOF {
			return nil
		}
		if readErr != nil {
			return readErr
		}
	}
}
