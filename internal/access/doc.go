// Package access decides which caller may use which method.
//
//	callers := access.NewCallers(access.Bearer)
//	err := callers.Load([][]byte{file}) // now and after each change
//	caller, refused := callers.Authorize(md.Get("authorization"), chain, "/pelcro.v1.CustomerService/GetCustomer")
//
// The callers file has a line for each right, NAME CREDENTIAL METHODS:
//
//	# who            proves it by                         and may use
//	billing          sha256:1111111111111111…11111111111  pelcro.v1.CustomerService/GetCustomer,pelcro.v1.CustomerService/ListCustomers
//	crm              spiffe://example.org/crm             pelcro.v1.CustomerService/*
//	probe            dns:probe.example.org                *
//
// Rights belong to the credential of their line, not to the name: while a caller
// has an old and a new token, each may do what its own lines say. A name with
// several credentials is how they are rotated; it is also what logs and metrics
// call the caller.
//
// What no line allows is refused. The decisions that are not obvious:
//
//   - A token outranks a certificate. A call with a token that nobody has is
//     refused, however good its certificate is: otherwise a revoked token would go
//     unnoticed.
//   - A certificate that is several callers at once, by several names in it, is
//     none of them. Which of them acts is not for this package to guess.
//   - The subject's common name never counts. Neither do wildcards, in the file or
//     in a certificate.
//   - An unknown caller learns nothing of methods: who it is comes first, and only
//     then what it may do.
//
// Only hashes of tokens are kept. They are compared in constant time, each call
// with all of them, so that the time says nothing about how near a guess was;
// hence the limit of [maxLines]. The hash has no salt and is fast, which is
// right for the random tokens that [NewToken] makes and wrong for passwords.
package access
