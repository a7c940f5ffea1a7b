package sandbox

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The defaults of a Config.
const (
	// DefaultAPIKey is the accepted bearer key.
	DefaultAPIKey = "sandbox-key"
	// DefaultSiteID is the accepted site_id.
	DefaultSiteID = 1
	// DefaultRequestsPerMinute is far above the 120 that Pelcro documents, so that a first try
	// does not reach the limit by accident.
	DefaultRequestsPerMinute = 6000
)

// BasePath is the path of all endpoints, as in Pelcro's own URLs, without a slash at the end.
const BasePath = "/api/v1/core"

// Config configures a Sandbox. The zero value is useful.
type Config struct {
	// APIKey is the only bearer key accepted. Empty means DefaultAPIKey.
	APIKey string
	// SiteID is the only site_id accepted. Zero means DefaultSiteID.
	SiteID int
	// RequestsPerMinute is the rate limit. Zero means DefaultRequestsPerMinute; Pelcro documents
	// 120.
	RequestsPerMinute int
	// Now is the clock of the rate limit and of created_at and updated_at. Nil means time.Now. It
	// is called concurrently.
	Now func() time.Time
}

// Sandbox is one Pelcro account with its own customers. It is safe for concurrent use. Ids are
// assigned in order from a fixed start, so that equal requests to a new Sandbox get equal
// responses.
//
// It has no goroutine and needs no closing. A request for customer 602 lasts until its client
// disconnects, so stop an [http.Server] with Close: Shutdown would wait for that client.
type Sandbox struct {
	key    string
	siteID int
	now    func() time.Time

	mu       sync.Mutex
	throttle throttle
	store    store
}

// New returns a Sandbox with the seeded customers.
func New(config Config) *Sandbox {
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Sandbox{
		key:      cmp.Or(config.APIKey, DefaultAPIKey),
		siteID:   cmp.Or(config.SiteID, DefaultSiteID),
		now:      config.Now,
		throttle: throttle{limit: cmp.Or(config.RequestsPerMinute, DefaultRequestsPerMinute)},
		store:    seeded(),
	}
}

// ServeHTTP responds like Pelcro. The checks are in Laravel's order, which clients can observe: an
// unknown route is 404 even without a key; a request with a wrong key does not count against the
// rate limit, a request with a wrong site does.
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, ok := readBody(w, r)
	if !ok {
		return
	}
	id, verbs, found := route(r)
	switch {
	case !found:
		fail(w, r, http.StatusNotFound, "The route "+routePath(r)+" could not be found.")
		return
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", strings.Join(verbs, ","))
		w.WriteHeader(http.StatusOK)
		return
	case !slices.Contains(verbs, r.Method):
		failMethod(w, r, verbs)
		return
	case r.Header.Get("Authorization") != "Bearer "+s.key:
		failUnauthenticated(w, r)
		return
	}
	now := s.now()
	if !s.admit(w, r, now) || !s.checkSite(w, r) {
		return
	}
	if n, ok := scriptedID(id); ok {
		play(w, r, n, now)
		return
	}
	switch {
	case isAccount(r):
		s.account(w)
	case id == "" && r.Method == http.MethodPost:
		s.create(w, r, readInput(r, body), now)
	case id == "":
		s.list(w, r)
	case r.Method == http.MethodPut:
		s.update(w, r, id, readInput(r, body), now)
	case r.Method == http.MethodDelete:
		s.delete(w, r, id)
	default:
		s.get(w, r, id)
	}
}

// route returns the id in the path, empty for the collection, and the verbs of the route. As in
// Laravel, slashes at the end are ignored and, unlike with [http.ServeMux], no path is redirected
// to a cleaner one.
func route(r *http.Request) (id string, verbs []string, found bool) {
	path := strings.TrimRight(r.URL.Path, "/")
	if isAccount(r) {
		return "", []string{http.MethodGet, http.MethodHead}, true
	}
	if path == BasePath+"/customers" {
		return "", []string{http.MethodGet, http.MethodHead, http.MethodPost}, true
	}
	id, found = strings.CutPrefix(path, BasePath+"/customers/")
	if !found || id == "" || strings.Contains(id, "/") {
		return "", nil, false
	}
	return id, []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete}, true
}

// routePath is the path as Laravel prints it in its texts.
func routePath(r *http.Request) string {
	return cmp.Or(strings.Trim(r.URL.EscapedPath(), "/"), "/")
}

// admit counts the request against the rate limit and reports whether it is within it.
func (s *Sandbox) admit(w http.ResponseWriter, r *http.Request, now time.Time) bool {
	s.mu.Lock()
	remaining, wait := s.throttle.hit(now.Unix())
	s.mu.Unlock()

	w.Header().Set("X-RateLimit-Limit", strconv.Itoa(s.throttle.limit))
	w.Header().Set("X-RateLimit-Remaining", strconv.Itoa(remaining))
	if wait == 0 {
		return true
	}
	w.Header().Set("Retry-After", strconv.FormatInt(wait, 10))
	w.Header().Set("X-RateLimit-Reset", strconv.FormatInt(now.Unix()+wait, 10))
	fail(w, r, http.StatusTooManyRequests, "Too Many Attempts.")
	return false
}

// checkSite reports whether the query has the site. Pelcro's response to a missing site or another
// account's site is not documented; these are Laravel's.
func (s *Sandbox) checkSite(w http.ResponseWriter, r *http.Request) bool {
	text := queryOf(r).get("site_id")
	site, err := strconv.Atoi(text)
	var found violations
	switch {
	case text == "":
		found.add("site_id", "The site id field is required.")
	case err != nil:
		found.add("site_id", "The site id field must be an integer.")
	case site != s.siteID:
		fail(w, r, http.StatusForbidden, "This action is unauthorized.")
		return false
	default:
		return true
	}
	failValidation(w, r, found)
	return false
}
