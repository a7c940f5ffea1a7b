// Package verify asks a Pelcro what this service relies on, and says what is different: for the first
// person who has an API key, and after every change of Pelcro.
//
// [Run] sends at most 14 requests that only read, and compares each response, and the status that the
// service would make of it, with what Pelcro's documentation says or this project assumes. Each
// difference names the features that depend on it. [Config.Writes] adds requests that create, change
// and delete one customer.
//
// [Report.Save] writes the responses as vectors, in which every value that could belong to a person or
// to an account is made up.
package verify
