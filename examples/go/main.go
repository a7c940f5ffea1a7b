// Command go provokes three errors of pelcro-grpc and handles each, and reads many customers.
package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/pelcro-grpc/pelcro-grpc/client"
	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// defaultDelay is the delay after a rate limit whose error has none.
const defaultDelay = time.Minute

// streamDelay is the delay before a broken stream is continued whose error has none.
const streamDelay = 5 * time.Second

func main() {
	address := flag.String("address", "127.0.0.1:50051", "where pelcro-grpc listens")
	maxWait := flag.Duration("max-wait", time.Hour, "upper limit for every wait")
	flag.Parse()
	if err := run(context.Background(), *address, *maxWait, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, address string, maxWait time.Duration, out io.Writer) error {
	options, err := credentialsOf(os.Getenv("PELCRO_GRPC_CA_FILE"), os.Getenv("PELCRO_GRPC_TOKEN"))
	if err != nil {
		return err
	}
	conn, err := grpc.NewClient(address, append(options, grpc.WithDefaultServiceConfig(client.ServiceConfigRequestID()))...)
	if err != nil {
		return err
	}
	defer conn.Close()
	c := customers{pelcrov1.NewCustomerServiceClient(conn), maxWait, out}
	name := strings.ToLower("nora-" + rand.Text()[:8])

	fmt.Fprintln(out, "1. Create a customer with a bad email")
	customer, err := c.createCorrected(ctx, "nora", name+"@example.com")
	if c.report(customer, err); err != nil {
		return err
	}
	fmt.Fprintln(out, "2. Get a customer over the rate limit")
	c.report(c.getAfterDelay(ctx, 429))
	fmt.Fprintln(out, "3. Create a customer and lose the response")
	c.report(c.createOnce(ctx, "http-502+created@"+name+".example.com"))

	fmt.Fprintln(out, "4. Read all customers")
	var read, lastID int64
	err = c.readAll(ctx, func(customer *pelcrov1.Customer) {
		read, lastID = read+1, customer.GetId()
	})
	if err != nil {
		return err
	}
	c.sayf("%d customers, up to %d", read, lastID)
	fmt.Fprintln(out, "5. Get customers by their ids")
	found, missing, err := c.getMany(ctx, 1002, 1001, 2001)
	if err != nil {
		return err
	}
	for _, customer := range found {
		c.report(customer, nil)
	}
	c.sayf("missing: %v", missing)
	return nil
}

// report prints the result of a step.
func (c customers) report(customer *pelcrov1.Customer, err error) {
	if err != nil {
		c.sayf("failed: %s, %s: %s", status.Code(err), reason(err), status.Convert(err).Message())
		return
	}
	c.sayf("customer %d is %s", customer.GetId(), customer.GetEmail())
}

func (c customers) sayf(format string, values ...any) {
	fmt.Fprintf(c.out, "   "+format+"\n", values...)
}
