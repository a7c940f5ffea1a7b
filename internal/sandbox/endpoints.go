package sandbox

import (
	"net/http"
	"strconv"
	"time"
)

// wrapped is one resource as Laravel sends it.
type wrapped struct {
	Data customerResource `json:"data"`
}

func (s *Sandbox) get(w http.ResponseWriter, r *http.Request, id string) {
	s.mu.Lock()
	c := s.bound(id)
	s.mu.Unlock()
	if c == nil {
		failModel(w, r, id)
		return
	}
	var found violations
	expanded := readExpansion(queryOf(r), &found)
	if found != nil {
		failValidation(w, r, found)
		return
	}
	respond(w, http.StatusOK, wrapped{c.resource(expanded)})
}

// create responds 201, as Laravel does for a new record. Whether Pelcro responds 201 or 200 is not
// documented.
func (s *Sandbox) create(w http.ResponseWriter, r *http.Request, input map[string]any, now time.Time) {
	failure, isCreated, fails := scriptedEmail(input["email"])
	if fails && !isCreated {
		play(w, r, failure, now)
		return
	}
	// A new customer has no payment source. Create does not have the field, and unknown fields are
	// ignored.
	delete(input, "default_source_id")

	s.mu.Lock()
	now = s.timeOfChange(now)
	c := &customer{CreatedAt: now.Unix(), metadata: map[string]any{}}
	found := validate(input, nil, &s.store)
	if found == nil {
		c.apply(input, now)
		s.store.insert(c)
	}
	s.mu.Unlock()

	switch {
	case found != nil:
		failValidation(w, r, found)
	case fails:
		play(w, r, failure, now)
	default:
		respond(w, http.StatusCreated, wrapped{c.resource(nil)})
	}
}

// update changes the fields that are sent: Pelcro's PUT is a partial update.
func (s *Sandbox) update(w http.ResponseWriter, r *http.Request, id string, input map[string]any, now time.Time) {
	s.mu.Lock()
	current := s.bound(id)
	var changed customer
	var found violations
	if current != nil {
		changed = *current
		found = validate(input, current, &s.store)
		if found == nil {
			changed.apply(input, s.timeOfChange(now))
			s.store.put(&changed)
		}
	}
	s.mu.Unlock()

	switch {
	case current == nil:
		failModel(w, r, id)
	case found != nil:
		failValidation(w, r, found)
	default:
		respond(w, http.StatusOK, wrapped{changed.resource(nil)})
	}
}

// delete responds 204 without a body. A second delete gets 404.
func (s *Sandbox) delete(w http.ResponseWriter, r *http.Request, id string) {
	s.mu.Lock()
	c := s.bound(id)
	if c != nil {
		s.store.remove(c.ID)
	}
	s.mu.Unlock()
	if c == nil {
		failModel(w, r, id)
		return
	}
	w.Header().Set("Cache-Control", "no-cache, private")
	w.WriteHeader(http.StatusNoContent)
}

// bound is Laravel's binding of the id in the path: nil if the id is not a number or has no
// customer. The caller holds the lock.
func (s *Sandbox) bound(id string) *customer {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil
	}
	return s.store.customers[n]
}
