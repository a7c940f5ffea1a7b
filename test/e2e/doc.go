// Package e2e holds the end-to-end tests: a real gateway process in front of a real
// Laravel (test/laravel), in some cases with a real nginx between them. They need Debian's PHP, Laravel and nginx, so they have the build tag e2e:
// make e2e.
//
// Each test starts its own processes on free loopback ports with its own database, so
// that tests can run in parallel; nothing remains after them.
//
// Every failure that the gateway receives is compared with mapping/testdata/vectors: a
// response of a new kind fails the test until it is a vector (make e2e UPDATE=1 writes
// it; review it and give it a better name).
package e2e
