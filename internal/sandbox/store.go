package sandbox

import (
	"cmp"
	"slices"
	"strings"
)

// store holds the customers by ascending id. The lock of the Sandbox guards it.
type store struct {
	customers []*customer
	lastID    int64
	// owners are the customers of the values that must be unique.
	owners map[unique]int64
}

// unique is a value of an attribute that no two customers may share. Case is ignored, as in MySQL's
// default collation.
type unique struct{ attribute, value string }

func uniqueOf(attribute, value string) unique {
	return unique{attribute, strings.ToLower(value)}
}

func (c *customer) uniques() []unique {
	var values []unique
	add := func(attribute string, value *string) {
		if value != nil {
			values = append(values, uniqueOf(attribute, *value))
		}
	}
	add("email", c.Email)
	add("username", c.Username)
	add("old_provider_id", c.OldProviderID)
	return values
}

// find returns nil if the customer does not exist.
func (s *store) find(id int64) *customer {
	if i, found := s.search(id); found {
		return s.customers[i]
	}
	return nil
}

// insert gives the customer the next id.
func (s *store) insert(c *customer) {
	s.lastID++
	c.ID = s.lastID
	s.customers = append(s.customers, c)
	s.own(c)
}

// replace replaces the customer with the same id.
func (s *store) replace(c *customer) {
	i, found := s.search(c.ID)
	if !found {
		return
	}
	s.disown(s.customers[i])
	s.customers[i] = c
	s.own(c)
}

// remove removes a customer. Pelcro deletes softly, but no endpoint shows a deleted record. Its email
// and the other unique values stay taken, because Laravel's rule includes deleted records; whether
// Pelcro frees them is not known. Ids are not used twice.
func (s *store) remove(id int64) {
	i, found := s.search(id)
	if !found {
		return
	}
	s.customers = slices.Delete(s.customers, i, i+1)
}

func (s *store) search(id int64) (int, bool) {
	return slices.BinarySearchFunc(s.customers, id, func(c *customer, id int64) int {
		return cmp.Compare(c.ID, id)
	})
}

func (s *store) own(c *customer) {
	for _, value := range c.uniques() {
		s.owners[value] = c.ID
	}
}

func (s *store) disown(c *customer) {
	for _, value := range c.uniques() {
		delete(s.owners, value)
	}
}
