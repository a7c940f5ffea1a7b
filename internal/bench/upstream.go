package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// customerJSON is a customer as Pelcro sends it, with every attribute.
const customerJSON = `{"id":%d,"email":"ada.lovelace@example.com","first_name":"Ada","last_name":"Lovelace","name":"Ada Lovelace",` +
	`"display_name":"Ada","username":"ada","phone":"+49 30 1234567","salutation":"Ms","title":"Countess","tin":null,` +
	`"organization":77,"addresses":[],"subscriptions":[],"default_source_id":null,"default_source":null,` +
	`"email_confirm":true,"email_hardbounce":false,"phone_confirm":null,"mail_marketing":true,"tele_marketing":false,` +
	`"has_password":1,"is_imported":0,"metadata":{"plan":"gold","region":"z\u00fcrich\/west","seats":12},` +
	`"old_provider_id":"crm-4711","password_last_updated_at":1714554000,"last_login_at":1732270000,` +
	`"created_at":1714554000,"updated_at":1732270000,"deleted_at":null}`

// The bodies that the upstream sends.
var (
	oneCustomer = fmt.Appendf(nil, `{"data":`+customerJSON+`}`, 1001)
	aPage       = listOf(100)
	twoErrors   = []byte(`{"errors":{"email":["The email field must be a valid email address."],` +
		`"first_name":["The first name field must not be greater than 255 characters."]}}`)
	notFound  = []byte("{\n    \"message\": \"No query results for model [App\\\\Models\\\\Customer] 404\"\n}")
	throttled = []byte("{\n    \"message\": \"Too Many Attempts.\"\n}")
)

func listOf(n int) []byte {
	b := bytes.NewBufferString(`{"data":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(b, customerJSON, 1001+i)
	}
	b.WriteString(`],"links":{"first":"x","last":"x","prev":null,"next":null},` +
		`"meta":{"current_page":1,"from":1,"last_page":10,"path":"x","per_page":100,"to":100,"total":1000}}`)
	return b.Bytes()
}

// The ids whose response is not an immediate success.
const (
	customerMissing   = 404
	customerThrottled = 429
)

// serveUpstream sends the same responses as Pelcro, always with the same data.
func serveUpstream() error {
	protobufCustomer, protobufPage, err := inProtobufJSON()
	if err != nil {
		return err
	}
	return serveHTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header["Content-Type"] = []string{"application/json"}
		header["X-Ratelimit-Limit"] = []string{"120"}
		header["X-Ratelimit-Remaining"] = []string{"119"}
		customer, page := oneCustomer, aPage
		if strings.HasPrefix(r.URL.Path, vanguardPath) {
			customer, page = protobufCustomer, protobufPage
		}
		status, body := http.StatusOK, customer
		switch {
		case r.Method == http.MethodPost:
			sent, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			status = http.StatusCreated
			if bytes.Contains(sent, []byte("nope")) {
				status, body = http.StatusBadRequest, twoErrors
			}
		case strings.HasSuffix(r.URL.Path, "/customers"):
			body = page
		default:
			id, _ := strconv.Atoi(r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:])
			switch id {
			case customerMissing:
				status, body = http.StatusNotFound, notFound
			case customerThrottled:
				header["Retry-After"] = []string{"30"}
				status, body = http.StatusTooManyRequests, throttled
			}
		}
		header["Content-Length"] = []string{strconv.Itoa(len(body))}
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}))
}
