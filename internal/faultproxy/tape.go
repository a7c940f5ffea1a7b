package faultproxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// tape reads HTTP messages and keeps their bytes, so that they can be passed on as
// they came and still be known to be complete.
type tape struct {
	*bufio.Reader
	record record
}

// record remembers what was read from the connection.
type record struct {
	from net.Conn
	raw  []byte
}

func newTape(from net.Conn) *tape {
	t := &tape{record: record{from: from}}
	t.Reader = bufio.NewReader(&t.record)
	return t
}

func (r *record) Read(b []byte) (int, error) {
	n, err := r.from.Read(b)
	r.raw = append(r.raw, b[:n]...)
	return n, err
}

// taken returns the bytes that were consumed since the last call, without those that
// were only read ahead.
func (t *tape) taken() []byte { return t.cut(len(t.record.raw) - t.Buffered()) }

// all returns also the bytes read ahead.
func (t *tape) all() []byte { return t.cut(len(t.record.raw)) }

func (t *tape) cut(n int) []byte {
	taken := t.record.raw[:n:n]
	t.record.raw = t.record.raw[n:]
	return taken
}

// relay passes the upstream's answer on as it comes, and reports whether it is the
// last one of its connection. Something that is no answer is passed on as well, up to
// its end: it is not for the proxy to judge the upstream.
func relay(upstream net.Conn, request *http.Request, out *shaper) (last bool, err error) {
	in := newTape(upstream)
	for {
		response, err := http.ReadResponse(in.Reader, request)
		if err != nil {
			if _, err := out.Write(in.all()); err != nil {
				return true, err
			}
			_, err := io.Copy(out, upstream)
			return true, err
		}
		header := in.taken()
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

func relayBody(in *tape, body io.Reader, out io.Writer) error {
	buffer := make([]byte, 16<<10)
	for {
		_, readErr := body.Read(buffer)
		if _, err := out.Write(in.taken()); err != nil {
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
