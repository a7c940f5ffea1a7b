package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Seed is what a Sandbox begins with instead of its own customers.
type Seed struct {
	// now is the time of every change, zero for the clock.
	now       time.Time
	customers []customer
}

// fixtures are the JSON of a seed.
type fixtures struct {
	Now       *time.Time `json:"now"`
	Customers []fixture  `json:"customers"`
}

// fixture is a customer with the attributes of Pelcro's responses.
type fixture struct {
	customer
	Metadata      map[string]any `json:"metadata"`
	HasPassword   bool           `json:"has_password"`
	IsImported    bool           `json:"is_imported"`
	Organization  *int64         `json:"organization"`
	Addresses     []address      `json:"addresses"`
	Sources       []source       `json:"sources"`
	Subscriptions []subscription `json:"subscriptions"`
}

// fixtureTime is the created_at of a fixture without one: 2024-01-01.
const fixtureTime = 1704067200

// ReadSeed reads fixtures:
//
//	{
//	  "now": "2026-01-15T12:00:00Z",
//	  "customers": [{"id": 2001, "email": "reader@example.com", "metadata": {"plan": "gold"}}]
//	}
//
// With now, created_at and updated_at of every change are that time; the rate limit has its own
// clock. A customer has the attributes of Pelcro's responses, relations as objects. All are
// optional: the first id is 1001, each next one the largest so far plus 1, also for customers that
// are created later. The error joins every problem, each with its remedy.
func ReadSeed(raw []byte) (*Seed, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	decoder.UseNumber()
	var f fixtures
	if err := decoder.Decode(&f); err != nil {
		return nil, fmt.Errorf("is not the JSON of fixtures (%s); write {\"customers\": [{\"email\": \"reader@example.com\"}]}",
			strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("goes on after the JSON of fixtures; write one object")
	}
	seed := &Seed{}
	if f.Now != nil {
		seed.now = *f.Now
	}
	s := emptyStore()
	var problems []error
	for i, each := range f.Customers {
		c := each.record()
		if err := s.add(&c); err != nil {
			problems = append(problems, fmt.Errorf("customer %d %w", i+1, err))
		}
		seed.customers = append(seed.customers, c)
	}
	return seed, errors.Join(problems...)
}

// record returns the customer.
func (f fixture) record() customer {
	c := f.customer
	c.hasPassword, c.isImported = f.HasPassword, f.IsImported
	c.metadata, c.organization = f.Metadata, f.Organization
	c.addresses, c.sources, c.subscriptions = f.Addresses, f.Sources, f.Subscriptions
	if c.CreatedAt == 0 {
		c.CreatedAt = fixtureTime
	}
	if c.UpdatedAt == 0 {
		c.UpdatedAt = c.CreatedAt
	}
	return c
}

// add inserts a fixture, under its own id if it has one.
func (s *store) add(c *customer) error {
	switch {
	case c.ID < 0:
		return errors.New("has a negative id; leave it out, or write one from 1001 on")
	case c.ID >= firstScripted && c.ID < firstID:
		return fmt.Errorf("has the id %d, which is kept for failures on request; use one from %d on", c.ID, firstID)
	case s.customers[c.ID] != nil:
		return fmt.Errorf("has the id %d of an earlier one; ids must differ", c.ID)
	case c.organization != nil && organizations[*c.organization].ID == 0:
		return errors.New("has an organization that does not exist; use 5001 or 5002")
	}
	for _, value := range c.uniques() {
		if s.owners[value] != 0 {
			return fmt.Errorf("has the %s of an earlier one; no two customers may share it", value.attribute)
		}
	}
	if c.ID == 0 {
		s.insert(c)
		return nil
	}
	s.lastID = max(s.lastID, c.ID)
	s.put(c)
	return nil
}

// First returns the id of the first customer, that of a missing one for a seed without customers.
func (seed *Seed) First() int64 {
	if len(seed.customers) == 0 {
		return firstID
	}
	return seed.customers[0].ID
}

// store returns a store with the seed's customers.
func (seed *Seed) store() store {
	s := emptyStore()
	for _, c := range seed.customers {
		s.put(&c)
		s.lastID = max(s.lastID, c.ID)
	}
	return s
}
