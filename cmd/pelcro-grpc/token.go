package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/pelcro-grpc/pelcro-grpc/internal/access"
)

// tokenCommand are the arguments of token.
type tokenCommand struct {
	Name    string `arg:"" name:"NAME" help:"What logs call the caller: letters, digits and . _ -"`
	Methods string `arg:"" name:"METHODS" help:"What it may use, with commas between: * for everything, package.Service/*, or package.Service/Method; for example pelcro.v1.CustomerService/GetCustomer."`
}

// run prints the token and the line for it, each on a line of its own, so that a
// script can take them apart. They are in no other place.
func (c tokenCommand) run(_ context.Context, std stdio) error {
	token, line, err := access.NewToken(c.Name, c.Methods)
	if err != nil {
		return usageError{sentences(err)}
	}
	if _, err := fmt.Fprintf(std.out, "%s\n%s\n", token, line); err != nil {
		return fmt.Errorf("writing the token: %w", err)
	}
	fmt.Fprintln(std.err, "The first line is the token: give it to the caller over a safe way; it is shown this once. "+
		"Add the second line to the file of --auth-tokens-file; a running service reads it within two seconds.")
	return nil
}

// sentences takes apart errors that were joined.
func sentences(err error) []string {
	if err == nil {
		return nil
	}
	joined, ok := errors.AsType[interface {
		error
		Unwrap() []error
	}](err)
	if !ok {
		return []string{err.Error()}
	}
	var all []string
	for _, each := range joined.Unwrap() {
		all = append(all, each.Error())
	}
	return all
}
