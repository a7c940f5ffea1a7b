package main

import (
	"context"
	"fmt"

	"github.com/pelcro-grpc/pelcro-grpc/internal/access"
)

// tokenCommand are the arguments of token.
type tokenCommand struct {
	Name    string `arg:"" name:"NAME" help:"Name of the caller in logs and metrics: letters, digits and . _ -"`
	Methods string `arg:"" name:"METHODS" help:"Methods that it may call, with commas between: * for everything, package.Service/*, or package.Service/Method; for example pelcro.v1.CustomerService/GetCustomer."`
}

// Run prints the token and its line of the callers file, each on its own line, so that a script can
// separate them. They are stored nowhere else.
func (c tokenCommand) Run(_ context.Context, std stdio) error {
	token, line, err := access.NewToken(c.Name, c.Methods)
	if err != nil {
		return usageError{err}
	}
	for _, text := range access.UnknownMethods(c.Methods, servedMethods()) {
		fmt.Fprintln(std.err, "pelcro-grpc: "+text)
	}
	if _, err := fmt.Fprintf(std.out, "%s\n%s\n", token, line); err != nil {
		return fmt.Errorf("writing the token: %w", err)
	}
	fmt.Fprintln(std.err, "The first line is the token: give it to the caller over a secure channel; it is shown only once. "+
		"Add the second line to the file of --auth-tokens-file; a running service reads it within two seconds.")
	return nil
}
