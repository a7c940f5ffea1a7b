package main

import (
	"io"
	"slices"
	"strconv"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

// breakingService streams five customers, one a message. Each error breaks a stream after
// its first message.
type breakingService struct {
	pelcrov1.UnimplementedCustomerServiceServer

	errs   []error
	tokens []string
}

func (s *breakingService) StreamCustomers(request *pelcrov1.StreamCustomersRequest, stream grpc.ServerStreamingServer[pelcrov1.StreamCustomersResponse]) error {
	s.tokens = append(s.tokens, request.GetResumeToken())
	last, _ := strconv.ParseInt(request.GetResumeToken(), 10, 64)
	for id := last + 1; id <= 5; id++ {
		if id == last+2 && len(s.errs) > 0 {
			err := s.errs[0]
			s.errs = s.errs[1:]
			return err
		}
		if err := stream.Send(&pelcrov1.StreamCustomersResponse{
			Customers: []*pelcrov1.Customer{{Id: id}}, ResumeToken: strconv.FormatInt(id, 10),
		}); err != nil {
			return err
		}
	}
	return nil
}

// What the sandbox cannot show: a stream that breaks.
func TestReadAll(t *testing.T) {
	broken := status.Error(codes.Unavailable, "broken")
	for _, test := range []struct {
		name   string
		errs   []error
		ids    []int64
		tokens []string
		code   codes.Code
	}{
		{"a stream that breaks is continued", []error{broken, broken}, []int64{1, 2, 3, 4, 5}, []string{"", "1", "2"}, codes.OK},
		{"another error ends it", []error{status.Error(codes.Internal, "failed")}, []int64{1}, []string{""}, codes.Internal},
	} {
		t.Run(test.name, func(t *testing.T) {
			service := &breakingService{errs: test.errs}
			server := grpc.NewServer()
			pelcrov1.RegisterCustomerServiceServer(server, service)
			listener := testkit.Listen(t)
			served := make(chan error, 1)
			go func() { served <- server.Serve(listener) }()
			conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			var ids []int64
			err = customers{pelcrov1.NewCustomerServiceClient(conn), 0, io.Discard}.readAll(t.Context(), func(customer *pelcrov1.Customer) {
				ids = append(ids, customer.GetId())
			})
			server.Stop()
			if status.Code(err) != test.code || !slices.Equal(ids, test.ids) || !slices.Equal(service.tokens, test.tokens) {
				t.Errorf("%v, customers %v, tokens %q", err, ids, service.tokens)
			}
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
	}
}
