package requestid

import (
	"cmp"
	"context"
	"time"

	"github.com/jellydator/ttlcache/v3"
)

// Claim is the use of an id by one call. Only one goroutine may use it.
type Claim struct {
	// CustomerID is the customer that was created under the id, 0 if that is not known.
	CustomerID int64
	// Known says that an earlier call may have sent the create; Age is how long ago it was sent or,
	// if that is not known, the id was first seen.
	Known bool
	Age   time.Duration
	// First says that no earlier call has sent the create: Redis would know it.
	First bool
	// Fingerprint is that of the first call, empty if it is unknown.
	Fingerprint string

	store *Store
	id    ID
	entry entry // what was known when the claim began
	lease *lease
	sent  bool
}

// Sending records that the create is sent now. After [ErrLost] it must not be: another replica has
// the id.
func (c *Claim) Sending(ctx context.Context) error {
	if c.lease != nil {
		if err := c.lease.sending(ctx); err != nil {
			return err
		}
	}
	c.sent = true
	c.put(entry{fingerprint: c.fingerprint(), since: time.Now()})
	return nil
}

// NotCreated records that the create that was sent has not happened.
func (c *Claim) NotCreated() { c.sent = false }

// Created records the customer.
func (c *Claim) Created(customerID int64) {
	c.CustomerID = customerID
}

// Release ends the claim. Without an earlier call and a create that may have happened, the id is
// forgotten, so that a corrected request can use it.
func (c *Claim) Release() {
	switch {
	case c.CustomerID != 0:
		c.put(entry{customer: c.CustomerID, fingerprint: c.fingerprint(), since: c.entry.since})
	case c.sent: // as Sending has put it
	case c.Known:
		c.put(c.entry)
	default:
		c.store.entries.Delete(c.id.Key)
	}
	if c.lease != nil {
		c.lease.release(c)
	}
	c.store.unlock(c.id.Key)
}

// fingerprint is that of the first call, as far as that is known.
func (c *Claim) fingerprint() string { return cmp.Or(c.Fingerprint, c.id.Fingerprint) }

func (c *Claim) put(e entry) { c.store.entries.Set(c.id.Key, e, ttlcache.DefaultTTL) }
