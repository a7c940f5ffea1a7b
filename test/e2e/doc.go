// Package e2e holds the end-to-end tests: a real gateway process in front of a real
// Laravel (test/laravel), with a real nginx between them where the case asks for
// one. They need Debian's PHP, Laravel and nginx, so they have the build tag e2e:
// make e2e.
//
// Each test starts its own processes on free loopback ports with a database of its
// own, so that tests can run beside each other and leave nothing behind.
//
// Every failure that the gateway gets to see is compared with
// mapping/testdata/vectors: a reply of a new kind fails the test until it is a
// vector (make e2e UPDATE=1 writes it, to be reviewed and given a better name).
package e2e
