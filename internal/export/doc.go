// Package export writes the customers of a StreamCustomers as JSON lines, and continues after a stream
// that broke, or an earlier run that was interrupted.
//
//	output, err := export.OpenFile("customers.jsonl", "customers.state", request)
//	defer output.Close()
//	err = export.Run(ctx, export.Config{Service: service, Output: output, GiveUpAfter: 10 * time.Minute})
//
// Each message of the stream is written as a whole; then the output is synced; then the state file is
// replaced: it has the resume token and the length of the output. So a run that ends anywhere, also by
// SIGKILL or a power cut, is continued by cutting the output to that length and sending that token.
package export
