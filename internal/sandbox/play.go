package sandbox

import (
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// scriptedID returns the number of the failure that the id in the path asks for.
func scriptedID(id string) (int, bool) {
	n, err := strconv.Atoi(id)
	_, ok := scriptedFor(n)
	return n, err == nil && (ok || reset <= n && n <= cutShort)
}

// createdToo is what an email has after the number of a failure if the customer is created all the
// same: the response fails, not the create.
const createdToo = "+created"

// scriptedEmail returns the number of the failure that an email http-N@anything asks for, and whether
// the customer is created before, as http-N+created@anything asks.
func scriptedEmail(email any) (number int, created, ok bool) {
	content, _ := email.(string)
	local, _, hasAt := strings.Cut(content, "@")
	text, ok := strings.CutPrefix(local, "http-")
	text, created = strings.CutSuffix(text, createdToo)
	number, scripted := scriptedID(text)
	return number, created, ok && scripted && hasAt
}

// play responds with a failure. Unlike every other response, it does not depend on Accept.
func play(w http.ResponseWriter, r *http.Request, number int, now time.Time) {
	switch number {
	case reset:
		resetConnection(w)
	case silence:
		<-r.Context().Done()
		panic(http.ErrAbortHandler) // net/http's way to end without a response
	case cutShort:
		start := []byte(`{"data":{"id":603,"email":"cut@exam`)
		w.Header().Set("Content-Length", strconv.Itoa(10*len(start)))
		write(w, http.StatusOK, "application/json", start)
	default:
		row, _ := scriptedFor(number)
		header, body := row.response(r, now)
		if row.by != Laravel {
			clear(w.Header()) // a proxy has no headers of Laravel's rate limit
		}
		maps.Copy(w.Header(), header)
		w.WriteHeader(row.status)
		_, _ = io.WriteString(w, body)
	}
}

// resetConnection drops the connection so that the client gets a reset, not an orderly end. Over
// HTTP/2, where net/http does not give the connection away, only the stream is reset.
func resetConnection(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = connection.Close()
}
