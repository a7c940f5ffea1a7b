package sandbox

import "strings"

// store holds the customers. The lock of the Sandbox guards it.
type store struct {
	customers map[int64]*customer
	lastID    int64
	// owners are the customers of the values that must be unique.
	owners map[unique]int64
}

func emptyStore() store {
	return store{customers: map[int64]*customer{}, lastID: firstID - 1, owners: map[unique]int64{}}
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

// insert gives the customer the next id.
func (s *store) insert(c *customer) {
	s.lastID++
	c.ID = s.lastID
	s.put(c)
}

// put stores the customer, in the place of an earlier one with the same id.
func (s *store) put(c *customer) {
	if old := s.customers[c.ID]; old != nil {
		for _, value := range old.uniques() {
			delete(s.owners, value)
		}
	}
	s.customers[c.ID] = c
	for _, value := range c.uniques() {
		s.owners[value] = c.ID
	}
}

// remove removes a customer. Pelcro deletes softly, but no endpoint shows a deleted record. Its email
// and the other unique values stay taken, because Laravel's rule includes deleted records; whether
// Pelcro frees them is not known. Ids are not used twice.
func (s *store) remove(id int64) { delete(s.customers, id) }
