// Package access decides which caller may use which method.
//
//	callers := access.NewCallers(access.Bearer)
//	err := callers.Load([][]byte{file}) // now and after each change
//	caller, err := callers.Authorize(md.Get("authorization"), chain, "/pelcro.v1.CustomerService/GetCustomer")
//
// The callers file has a line for each right, NAME CREDENTIAL METHODS:
//
//	# who            proves it by                         and may use
//	billing          sha256:1111111111111111…11111111111  pelcro.v1.CustomerService/GetCustomer,pelcro.v1.CustomerService/ListCustomers
//	crm              spiffe://example.org/crm             pelcro.v1.CustomerService/*
//	probe            dns:probe.example.org                *
//
// Rights belong to the credential of their line, not to the name: while a caller has an old and a
// new token, each may do what its own lines say. A name with several credentials is how they are
// rotated; it is also the name of the caller in logs and metrics.
//
// Behind METHODS a line may say what holds for the caller as a whole ([Caller]); every line of the
// caller says the same then:
//
//	nightly          dns:nightly.example.org              *   share=2 class=bulk sites=12,13
//
// A call that no line allows is rejected. The decisions that are not obvious:
//
//   - A token outranks a certificate. A call with an unknown token is rejected, however good its
//     certificate is: otherwise a revoked token would go unnoticed.
//   - A certificate that names several callers identifies no caller: this package does not guess which
//     one is calling.
//   - The subject's common name never counts. Neither do wildcards, in the file or in a
//     certificate.
//   - Authentication comes before authorization, so an unknown caller learns nothing about methods.
//
// Tokens are stored and compared only as SHA-256 hashes. A lookup by the hash of 256 random bits
// tells an attacker nothing usable by its time. The hash has no salt and is fast, which is right
// for the random tokens of [NewToken] and wrong for passwords.
package access
