package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// fail responds as Laravel's exception handler does: with an indented message to clients that want
// JSON, with a page to all others.
func fail(w http.ResponseWriter, r *http.Request, status int, message string) {
	if !wantsJSON(r) {
		htmlPage(w, status)
		return
	}
	var body bytes.Buffer
	_ = json.Indent(&body, plainJSON(map[string]string{"message": message}), "", "    ") // it is valid
	write(w, status, "application/json", body.Bytes())
}

// failMethod responds 405. The Allow header is Symfony's, with spaces after the commas.
func failMethod(w http.ResponseWriter, r *http.Request, verbs []string) {
	allowed := strings.Join(verbs, ", ")
	w.Header().Set("Allow", allowed)
	fail(w, r, http.StatusMethodNotAllowed, fmt.Sprintf(
		"The %s method is not supported for route %s. Supported methods: %s.",
		r.Method, routePath(r), allowed))
}

// failUnauthenticated responds 401 to clients that want JSON and redirects all others to the login
// page. The body is compact, unlike the body of every other error.
func failUnauthenticated(w http.ResponseWriter, r *http.Request) {
	if !wantsJSON(r) {
		redirect(w, baseURL(r)+"/login")
		return
	}
	write(w, http.StatusUnauthorized, "application/json", []byte(`{"message":"Unauthenticated."}`))
}

// failModel responds 404 for a missing customer, with the class name that Laravel reveals.
func failModel(w http.ResponseWriter, r *http.Request, id string) {
	fail(w, r, http.StatusNotFound, `No query results for model [App\Models\Customer] `+id)
}

// failValidation responds with Pelcro's 400, which has errors and no message; a stock Laravel would
// send 422 with both. Clients that do not want JSON are redirected to the page they came from.
func failValidation(w http.ResponseWriter, r *http.Request, found violations) {
	if !wantsJSON(r) {
		back := r.Referer()
		if back == "" {
			back = baseURL(r)
		}
		redirect(w, back)
		return
	}
	respond(w, http.StatusBadRequest, map[string]violations{"errors": found})
}

// violations are the texts of each field, in the order of the rules, which is also their order in
// the JSON.
type violations []violation //nolint:recvcheck // JSON is made of the value, texts are added to the variable

type violation struct {
	field string
	texts []string
}

// add appends a text to a field.
func (v *violations) add(field, text string) {
	for i := range *v {
		if (*v)[i].field == field {
			(*v)[i].texts = append((*v)[i].texts, text)
			return
		}
	}
	*v = append(*v, violation{field, []string{text}})
}

// MarshalJSON prints one object with the fields in order.
func (v violations) MarshalJSON() ([]byte, error) {
	members := make([]string, len(v))
	for i, violation := range v {
		members[i] = fmt.Sprintf("%s:%s", plainJSON(violation.field), plainJSON(violation.texts))
	}
	return []byte("{" + strings.Join(members, ",") + "}"), nil
}
