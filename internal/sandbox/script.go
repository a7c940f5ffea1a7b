package sandbox

import (
	"cmp"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The numbers that ask for a failure. Those from 601 are failures without a status of their own.
const (
	firstScripted = 300
	reset         = 601
	silence       = 602
	cutShort      = 603
	wrongType     = 604
	lastScripted  = wrongType
)

// scripted is the response to the number first, or to all numbers from first to last.
//
// In the values of header and in the body, {status} is the status, {text} its name, {host},
// {method} and {path} are the request's, and {reset} is the Unix second of now plus Retry-After.
type scripted struct {
	first, last int
	status      int    // 0: the number itself
	by          Writer // empty: Laravel
	text        string // empty: the name that net/http has for the status
	header      map[string]string
	body        string
	// bodies are the bodies for the HTTP methods that do not get body.
	bodies map[string]string
}

// message is the body that Laravel's exception handler writes.
func message(text string) string {
	return "{\n    \"message\": \"" + text + "\"\n}"
}

// The pages of the proxies.
const (
	nginxPage = "<html>\r\n<head><title>{status} {text}</title></head>\r\n<body>\r\n" +
		"<center><h1>{status} {text}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
	cloudflarePage = "<!DOCTYPE html>\n<html lang=\"en-US\">\n<head>\n<title>{host} | {status}: {text}</title>\n" +
		"<meta charset=\"UTF-8\" />\n</head>\n<body>\n<div id=\"cf-wrapper\">\n" +
		"<h1><span>{text}</span> <span class=\"code-label\">Error code {status}</span></h1>\n" +
		"</div>\n</body>\n</html>\n"
)

// script is read from top to bottom; the first row with the number is the response. The last rows
// have the statuses without a row of their own. A field error is about a field that the request of
// the operation has: a create's and an update's body has an email, the others have a query only.
var script = []scripted{
	{first: 304, by: Nginx, header: map[string]string{"ETag": `"5f3759df"`}},
	{first: 300, last: 399, by: Nginx, body: nginxPage, header: map[string]string{"Location": "http://{host}/login"}},

	{first: 400, body: `{"errors":{"email":["The email field is required."]}}`, bodies: map[string]string{
		http.MethodGet:    `{"errors":{"expand":["The selected expand is invalid."]}}`,
		http.MethodDelete: `{"errors":{"site_id":["The selected site id is invalid."]}}`,
	}},
	{first: 401, body: `{"message":"Unauthenticated."}`},
	{first: 403, body: message("This action is unauthorized.")},
	{first: 404, body: message(`No query results for model [App\\Models\\Customer] 404`)},
	{first: 405, header: map[string]string{"Allow": "HEAD"},
		body: message("The {method} method is not supported for route {path}. Supported methods: HEAD.")},
	{first: 407, by: Nginx, body: nginxPage, header: map[string]string{"Proxy-Authenticate": `Basic realm="proxy"`}},
	{first: 408, by: Nginx, text: "Request Time-out", body: nginxPage, header: map[string]string{"Connection": "close"}},
	{first: 411, by: Nginx, body: nginxPage},
	{first: 413, by: Nginx, body: nginxPage, header: map[string]string{"Connection": "close"}},
	{first: 414, by: Nginx, text: "Request-URI Too Large", body: nginxPage, header: map[string]string{"Connection": "close"}},
	{first: 419, body: message("CSRF token mismatch.")},
	{first: 421, by: Nginx, body: nginxPage},
	{first: 422, body: `{"message":"The email field must be a valid email address. (and 1 more error)",` +
		`"errors":{"email":["The email field must be a valid email address."],` +
		`"first_name":["The first name field must not be greater than 255 characters."]}}`, bodies: map[string]string{
		http.MethodGet:    `{"message":"The selected expand is invalid.","errors":{"expand":["The selected expand is invalid."]}}`,
		http.MethodDelete: `{"message":"The selected site id is invalid.","errors":{"site_id":["The selected site id is invalid."]}}`,
	}},
	{first: 426, by: Nginx, body: nginxPage, header: map[string]string{"Upgrade": "TLS/1.2, HTTP/1.1"}},
	{first: 429, body: message("Too Many Attempts."), header: map[string]string{ // with the limit that Pelcro documents
		"Retry-After": "30", "X-RateLimit-Limit": "120", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "{reset}"}},
	{first: 431, by: Nginx, body: nginxPage, header: map[string]string{"Connection": "close"}},
	{first: 444, by: Nginx, text: "No Response", body: nginxPage},
	{first: 494, by: Nginx, text: "Request Header Or Cookie Too Large", body: nginxPage},
	{first: 495, by: Nginx, text: "SSL Certificate Error", body: nginxPage},
	{first: 496, by: Nginx, text: "SSL Certificate Required", body: nginxPage},
	{first: 497, by: Nginx, text: "HTTP Request Sent to HTTPS Port", body: nginxPage},
	{first: 499, by: Nginx, text: "Client Closed Request", body: nginxPage},

	{first: 500, body: message("Server Error")},
	{first: 502, by: Nginx, body: nginxPage},
	{first: 503, body: message("Service Unavailable"), header: map[string]string{"Retry-After": "60"}},
	{first: 504, by: Nginx, text: "Gateway Time-out", body: nginxPage},
	{first: 505, by: Nginx, body: nginxPage},
	{first: 509, by: Nginx, text: "Bandwidth Limit Exceeded", body: nginxPage},
	{first: 511, by: Nginx, body: nginxPage},
	{first: 520, by: Cloudflare, text: "Web server is returning an unknown error", body: cloudflarePage},
	{first: 521, by: Cloudflare, text: "Web server is down", body: cloudflarePage},
	{first: 522, by: Cloudflare, text: "Connection timed out", body: cloudflarePage},
	{first: 523, by: Cloudflare, text: "Origin is unreachable", body: cloudflarePage},
	{first: 524, by: Cloudflare, text: "A timeout occurred", body: cloudflarePage},
	{first: 525, by: Cloudflare, text: "SSL handshake failed", body: cloudflarePage},
	{first: 526, by: Cloudflare, text: "Invalid SSL certificate", body: cloudflarePage},
	{first: 527, by: Cloudflare, text: "Railgun error", body: cloudflarePage},
	{first: 530, by: Cloudflare, text: "Origin DNS error", body: cloudflarePage},
	{first: 529, by: Nginx, text: "Site is overloaded", body: nginxPage},
	{first: 598, by: Nginx, text: "Network Read Timeout", body: nginxPage},
	{first: 599, by: Nginx, text: "Network Connect Timeout", body: nginxPage},

	// Laravel's abort(N) without a message writes an empty one. Here it is the name of the status.
	{first: 400, last: 499, body: message("{text}")},
	{first: 500, last: 599, body: message("{text}")},

	{first: wrongType, status: http.StatusOK, body: laravelPage, header: map[string]string{"Content-Type": htmlType}},
}

// scriptedFor returns the response to a number, complete with its defaults, and false if it has none.
func scriptedFor(number int) (scripted, bool) {
	for _, row := range script {
		if row.first <= number && number <= max(row.first, row.last) {
			row.status = cmp.Or(row.status, number)
			row.by = cmp.Or(row.by, Laravel)
			row.text = cmp.Or(row.text, http.StatusText(row.status))
			return row, true
		}
	}
	return scripted{}, false
}

// headersOf are the headers that a writer sends with everything.
var headersOf = map[Writer]map[string]string{
	Laravel: {"Content-Type": "application/json", "Cache-Control": "no-cache, private"},
	Nginx:   {"Content-Type": "text/html", "Server": "nginx"},
	Cloudflare: {"Content-Type": "text/html; charset=UTF-8", "Server": "cloudflare",
		"Cache-Control": "private, max-age=0, no-store, no-cache, must-revalidate"},
}

// response returns the headers and the body that the request gets at that time.
func (s scripted) response(r *http.Request, now time.Time) (header http.Header, body string) {
	delay, _ := strconv.ParseInt(s.header["Retry-After"], 10, 64)
	fill := strings.NewReplacer(
		"{status}", strconv.Itoa(s.status), "{text}", s.text,
		"{host}", r.Host, "{method}", r.Method, "{path}", routePath(r),
		"{reset}", strconv.FormatInt(now.Unix()+delay, 10),
	)
	values := maps.Clone(headersOf[s.by])
	maps.Copy(values, s.header)
	header = http.Header{}
	for name, value := range values {
		header.Set(name, fill.Replace(value))
	}
	body = s.body
	if other, differs := s.bodies[r.Method]; differs {
		body = other
	}
	if body == "" {
		header.Del("Content-Type")
	}
	return header, fill.Replace(body)
}
