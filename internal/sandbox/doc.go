// Package sandbox is a small Pelcro to run against: the customer endpoints of the Pelcro Core API,
// in memory, seeded with a few customers, with every failure available on request. It needs no
// account and no network.
//
// Most readers want one call:
//
//	http.Serve(listener, sandbox.New(sandbox.Config{}))
//
// and then requests to http://ADDRESS/api/v1/core/customers?site_id=1 with the bearer key
// [DefaultAPIKey] and "Accept: application/json".
//
// # What is imitated
//
// The five customer endpoints and the account under [BasePath]; the checks before them, in Laravel's order (size
// of the body, route, verb, key, rate limit, site); the validation with Laravel's texts and
// Pelcro's 400; the paging envelope, sorting, filters and expansion; the merge of metadata; and
// what surprises clients of Laravel and PHP:
//
//   - without an Accept header that asks for JSON, failures are redirects and HTML;
//   - a body that is not valid JSON, or is not declared as JSON, counts as empty;
//   - texts are trimmed and empty texts become null, passwords are not trimmed;
//   - an empty map is printed as [], a map whose keys are all numbers as a list;
//   - "/" and everything outside ASCII is escaped in data, errors are indented;
//   - some booleans (has_password, is_imported) are printed as 0 and 1;
//   - a relation is an id, or an object when the request expands it.
//
// # Failures on request
//
// Reading, updating or deleting customer N with 300 <= N <= 599 gets the status N, as Pelcro,
// Laravel or a typical proxy (nginx, Cloudflare) would send it; so does creating a customer with
// the email http-N@example.com. Four more numbers are failures without a status of their own:
//
//	601  reads the request, then resets the connection
//	602  never responds
//	603  announces a longer body than it sends, then closes
//	604  responds 200 with an HTML page
//
// Key, rate limit and site are checked first. A failure on request stores and changes nothing, but
// the email http-N+created@example.com creates the customer, and then fails: the response is lost, not
// the request.
// [Failures] lists the responses.
//
// # Other customers
//
// [ReadSeed] reads customers from JSON, for the tests of other projects, and may stop the clock of
// their changes: equal requests then get equal responses.
//
// # What is not imitated
//
// Other resources than customers and the account; more than one key or site; the rules of accounts with a TAP
// gateway; real DNS (only reserved domains such as .invalid and .test fail the check); comments in
// email addresses; form-encoded bodies; what import_payment_methods would import. Keys inside
// metadata are returned sorted, not in the order of writing.
//
// Where Pelcro's behaviour is not publicly known, a comment at the choice says so. Such a choice
// proves nothing about the real API. Laravel's behaviour is tested: test/e2e compares the package
// with a real Laravel, request by request.
//
// # Why it shares nothing
//
// The package imports nothing of this module and declares the wire format again. If it shared the
// client's structs, a field name that is wrong there would be wrong here too, and every test would
// pass.
package sandbox
