package server_test

// The names that the tests of the customer service use until they move to its package.
type answer = callResult

const patience = testTimeout

var (
	answering = respondingWith
	reply     = respond
	fine      = succeed
	page      = htmlPage
)
