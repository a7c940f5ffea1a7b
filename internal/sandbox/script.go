package sandbox

import (
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The failures that are no proper answer.
const (
	reset     = 601
	silence   = 602
	cutShort  = 603
	wrongType = 604
)

// A scripted is the answer of all statuses from first to last.
//
// In the values of header and in body, {status} is the number, {text} its name,
// {host}, {method} and {path} are the request's, and {reset} is the Unix second of
// now plus Retry-After.
type scripted struct {
	first, last int
	by          sender
	text        string // the name, where it is not that of net/http
	header      map[string]string
	body        string
}

// A sender is who wrote an answer. What stands in front of Pelcro sends a page and
// none of Laravel's headers.
type sender int

const (
	laravel sender = iota
	nginx
	cloudflare
)

// message is the body that Laravel's exception handler writes.
func message(text string) string {
	return "{\n    \"message\": \"" + text + "\"\n}"
}

// The pages of what stands in front.
const (
	nginxPage = "<html>\r\n<head><title>{status} {text}</title></head>\r\n<body>\r\n" +
		"<center><h1>{status} {text}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
	cloudflarePage = "<!DOCTYPE html>\n<html lang=\"en-US\">\n<head>\n<title>{host} | {status}: {text}</title>\n" +
		"<meta charset=\"UTF-8\" />\n</head>\n<body>\n<div id=\"cf-wrapper\">\n" +
		"<h1><span>{text}</span> <span class=\"code-label\">Error code {status}</span></h1>\n" +
		"</div>\n</body>\n</html>\n"
)

// script is read top to bottom; the first row that covers a status is its answer.
// The last rows cover what has no row of its own.
var script = []scripted{
	{first: 304, last: 304, by: nginx, header: map[string]string{"ETag": `"5f3759df"`}},
	{first: 300, last: 399, by: nginx, body: nginxPage, header: map[string]string{"Location": "http://{host}/login"}},

	{first: 400, last: 400, body: `{"errors":{"email":["The email field is required."]}}`},
	{first: 401, last: 401, body: `{"message":"Unauthenticated."}`},
	{first: 403, last: 403, body: message("This action is unauthorized.")},
	{first: 404, last: 404, body: message(`No query results for model [App\\Models\\Customer] 404`)},
	{first: 405, last: 405, header: map[string]string{"Allow": "HEAD"},
		body: message("The {method} method is not supported for route {path}. Supported methods: HEAD.")},
	{first: 407, last: 407, by: nginx, body: nginxPage, header: map[string]string{"Proxy-Authenticate": `Basic realm="proxy"`}},
	{first: 408, last: 408, by: nginx, text: "Request Time-out", body: nginxPage, header: map[string]string{"Connection": "close"}},
	{first: 411, last: 411, by: nginx, body: nginxPage},
	{first: 413, last: 413, by: nginx, body: nginxPage, header: map[string]string{"Connection": "close"}},
	{first: 414, last: 414, by: nginx, text: "Request-URI Too Large", body: nginxPage, header: map[string]string{"Connection": "close"}},
	{first: 419, last: 419, body: message("CSRF token mismatch.")},
	{first: 421, last: 421, by: nginx, body: nginxPage},
	{first: 422, last: 422, body: `{"message":"The email field must be a valid email address. (and 1 more error)",` +
		`"errors":{"email":["The email field must be a valid email address."],` +
		`"first_name":["The first name field must not be greater than 255 characters."]}}`},
	{first: 426, last: 426, by: nginx, body: nginxPage, header: map[string]string{"Upgrade": "TLS/1.2, HTTP/1.1"}},
	{first: 429, last: 429, body: message("Too Many Attempts."), header: map[string]string{
		"Retry-After": "30", "X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "{reset}"}},
	{first: 431, last: 431, by: nginx, body: nginxPage, header: map[string]string{"Connection": "close"}},
	{first: 444, last: 444, by: nginx, text: "No Response", body: nginxPage},
	{first: 494, last: 494, by: nginx, text: "Request Header Or Cookie Too Large", body: nginxPage},
	{first: 495, last: 495, by: nginx, text: "SSL Certificate Error", body: nginxPage},
	{first: 496, last: 496, by: nginx, text: "SSL Certificate Required", body: nginxPage},
	{first: 497, last: 497, by: nginx, text: "HTTP Request Sent to HTTPS Port", body: nginxPage},
	{first: 499, last: 499, by: nginx, text: "Client Closed Request", body: nginxPage},

	{first: 500, last: 500, body: message("Server Error")},
	{first: 502, last: 502, by: nginx, body: nginxPage},
	{first: 503, last: 503, body: message("Service Unavailable"), header: map[string]string{"Retry-After": "60"}},
	{first: 504, last: 504, by: nginx, text: "Gateway Time-out", body: nginxPage},
	{first: 505, last: 505, by: nginx, body: nginxPage},
	{first: 509, last: 509, by: nginx, text: "Bandwidth Limit Exceeded", body: nginxPage},
	{first: 511, last: 511, by: nginx, body: nginxPage},
	{first: 520, last: 520, by: cloudflare, text: "Web server is returning an unknown error", body: cloudflarePage},
	{first: 521, last: 521, by: cloudflare, text: "Web server is down", body: cloudflarePage},
	{first: 522, last: 522, by: cloudflare, text: "Connection timed out", body: cloudflarePage},
	{first: 523, last: 523, by: cloudflare, text: "Origin is unreachable", body: cloudflarePage},
	{first: 524, last: 524, by: cloudflare, text: "A timeout occurred", body: cloudflarePage},
	{first: 525, last: 525, by: cloudflare, text: "SSL handshake failed", body: cloudflarePage},
	{first: 526, last: 526, by: cloudflare, text: "Invalid SSL certificate", body: cloudflarePage},
	{first: 527, last: 527, by: cloudflare, text: "Railgun error", body: cloudflarePage},
	{first: 530, last: 530, by: cloudflare, text: "Origin DNS error", body: cloudflarePage},
	{first: 529, last: 529, by: nginx, text: "Site is overloaded", body: nginxPage},
	{first: 598, last: 598, by: nginx, text: "Network Read Timeout", body: nginxPage},
	{first: 599, last: 599, by: nginx, text: "Network Connect Timeout", body: nginxPage},

	// Laravel's abort(N) takes the name as the message here, where a stock one
	// leaves it empty, so that there is something to see.
	{first: 400, last: 499, body: message("{text}")},
	{first: 500, last: 599, body: message("{text}")},
}

// scriptedID returns the number when the id in the path asks for a failure.
func scriptedID(id string) (int, bool) {
	n, err := strconv.Atoi(id)
	return n, err == nil && (300 <= n && n <= 599 || reset <= n && n <= wrongType)
}

// scriptedEmail does so for a body, where http-N@anything asks.
func scriptedEmail(email any) (int, bool) {
	content, _ := email.(string)
	local, _, _ := strings.Cut(content, "@")
	number, ok := strings.CutPrefix(local, "http-")
	n, scripted := scriptedID(number)
	return n, ok && scripted && content != local
}

// play answers with failure n. Unlike all else it takes no notice of Accept: the
// answer is the one that the table has.
func play(w http.ResponseWriter, r *http.Request, n int, now time.Time) {
	switch n {
	case reset:
		resetConnection(w)
	case silence:
		<-r.Context().Done()
		panic(http.ErrAbortHandler) // net/http's way to leave without an answer
	case cutShort:
		start := []byte(`{"data":{"id":603,"email":"cut@exam`)
		w.Header().Set("Content-Length", strconv.Itoa(10*len(start)))
		write(w, http.StatusOK, "application/json", start)
	case wrongType:
		htmlPage(w, http.StatusOK)
	default:
		for i := range script {
			if script[i].first <= n && n <= script[i].last {
				script[i].answer(w, r, n, now)
				return
			}
		}
	}
}

func (s *scripted) answer(w http.ResponseWriter, r *http.Request, status int, now time.Time) {
	name := s.text
	if name == "" {
		name = http.StatusText(status)
	}
	delay, _ := strconv.ParseInt(s.header["Retry-After"], 10, 64)
	fill := strings.NewReplacer(
		"{status}", strconv.Itoa(status), "{text}", name,
		"{host}", r.Host, "{method}", r.Method, "{path}", routePath(r),
		"{reset}", strconv.FormatInt(now.Unix()+delay, 10),
	)
	header := w.Header()
	contentType := "text/html"
	switch s.by {
	case laravel:
		contentType = "application/json"
		header.Set("Cache-Control", "no-cache, private")
	case nginx:
		clear(header)
		header.Set("Server", "nginx")
	case cloudflare:
		clear(header)
		header.Set("Server", "cloudflare")
		header.Set("Cache-Control", "private, max-age=0, no-store, no-cache, must-revalidate")
		contentType = "text/html; charset=UTF-8"
	}
	if s.body != "" {
		header.Set("Content-Type", contentType)
	}
	for key, value := range s.header {
		header.Set(key, fill.Replace(value))
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, fill.Replace(s.body))
}

// resetConnection drops the connection so that the client is told by a reset, not
// by an orderly end. Over HTTP/2, where there is no connection to take, the stream
// is reset.
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
