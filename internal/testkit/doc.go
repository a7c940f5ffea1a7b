// Package testkit is what the tests of several packages share: a log that can be read while it is
// written, certificates, an upstream with prepared responses, and the service as a process. Package
// testkit/gatewaytest adds the service within the test's own process.
//
// Only tests import it; internal/arrows_test.go checks that. It imports no package of this module,
// so that the internal tests of each package can use it.
package testkit
