// Package requestid remembers which creates were sent under which request_id, so that a create that
// is sent again does not happen again.
//
//	claim, err := store.Claim(ctx, id)   // waits while another call has the id
//	defer claim.Release()
//	switch {
//	case claim.CustomerID != 0: // it was created
//	case claim.Known:           // it may have been sent, claim.Age ago
//	case claim.First:           // it was not sent
//	}
//	err = claim.Sending(ctx)
//	... send the create ...
//	claim.Created(customerID), or claim.NotCreated(), or nothing if that is unknown
//
// The memory of the process holds an id for an hour. With Redis, all replicas share the ids of a
// day, and one replica at a time has an id. The store holds no personal data: ids and requests are
// there as MACs, and of a customer there is only its number.
//
// What is lost: without Redis, another replica and a restarted one know nothing of an id. An id that
// Redis loses (eviction, a failover before the entry was copied) is new to it, too; so Redis needs
// the policy noeviction.
package requestid
