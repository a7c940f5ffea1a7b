// Package sandbox is a small Pelcro to run against: the customer endpoints of
// the Pelcro Core API, in memory, seeded with a few customers, with every
// failure available on request. It needs no account and no network.
//
// Most readers want one call:
//
//	http.Serve(listener, sandbox.New(sandbox.Config{}))
//
// and then ask http://ADDRESS/api/v1/core/customers?site_id=1 with the bearer
// key [DefaultAPIKey] and "Accept: application/json".
//
// # What is imitated
//
// The five customer endpoints under [BasePath]; the checks before them, in
// Laravel's order (size of the body, route, verb, key, rate limit, site); the
// validation with Laravel's texts and Pelcro's 400; the paging envelope, sorting,
// filters and expansion; the merge of metadata; and the habits of Laravel and PHP
// that surprise clients:
//
//   - without an Accept header that asks for JSON, failures are redirects and HTML;
//   - a body that is not valid JSON, or is not declared as JSON, counts as empty;
//   - texts are trimmed and empty ones become null, passwords are not trimmed;
//   - an empty map is printed as [], a map whose keys are all numbers as a list;
//   - "/" and everything outside ASCII is escaped in data, errors are indented;
//   - some booleans (has_password, is_imported) are printed as 0 and 1;
//   - a relation is an id, or an object when the request expands it.
//
// # Failures on request
//
// Reading, updating or deleting customer N with 300 <= N <= 599 answers HTTP N,
// as Pelcro, Laravel or a typical front (nginx, Cloudflare) would; creating a
// customer with the email http-N@example.com does the same. Four more numbers
// are failures without a proper status:
//
//	601  reads the request, then resets the connection
//	602  never answers
//	603  promises a longer body than it sends, then closes
//	604  answers 200 with an HTML page
//
// Key, rate limit and site come first: a script is played to those who would have
// reached Pelcro's own code. Nothing is stored or changed by it.
//
// # What is not imitated
//
// Other resources than customers; more than one key or site; the rules of accounts
// with a TAP gateway; real DNS (only reserved domains such as .invalid and .test fail the check);
// comments in email addresses;
// form-encoded bodies; what import_payment_methods would import. Keys inside
// metadata come back sorted, not in the order of writing.
//
// Where Pelcro's behaviour is not publicly known, one choice was made and its
// place says so. It proves nothing about the real API. What is Laravel's is not left
// to memory: test/e2e compares the package with a real Laravel, request by request.
//
// # Why it shares nothing
//
// The package imports nothing of this project, and declares the wire format anew.
// If it shared the client's structs, a field name that is wrong there would be
// wrong here too, and every test would pass.
package sandbox
