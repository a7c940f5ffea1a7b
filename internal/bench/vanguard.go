package main

import (
	"errors"
	"net/http/httputil"
	"net/url"
	"os"

	"connectrpc.com/vanguard"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/encoding/protojson"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// vanguardPath is where the upstream has customers in protobuf's JSON form. vanguard-go cannot read
// Pelcro's own form (the envelope "data", Unix seconds, 0 and 1 for booleans), so it gets the same
// customers in a form that it can read: an advantage that it would not have with Pelcro.
const vanguardPath = "/protobuf/"

// serveVanguard turns gRPC into REST by the schema and these rules.
func serveVanguard() error {
	to, err := url.Parse(os.Getenv(upstreamEnv))
	if err != nil {
		return err
	}
	rest := &httputil.ReverseProxy{
		Transport: transport(),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Header.Set("Accept", "application/json")
			r.Out.Header.Set("Authorization", "Bearer "+benchKey)
		},
	}
	service := vanguard.NewServiceWithSchema(
		pelcrov1.File_pelcro_v1_customer_service_proto.Services().ByName("CustomerService"), rest,
		vanguard.WithTargetProtocols(vanguard.ProtocolREST), vanguard.WithTargetCodecs(vanguard.CodecJSON),
	)
	const methods, collection = "pelcro.v1.CustomerService.", vanguardPath + "customers"
	transcoder, err := vanguard.NewTranscoder([]*vanguard.Service{service}, vanguard.WithRules(
		&annotations.HttpRule{
			Selector: methods + "GetCustomer",
			Pattern:  &annotations.HttpRule_Get{Get: collection + "/{id}"},
		},
		&annotations.HttpRule{
			Selector: methods + "ListCustomers",
			Pattern:  &annotations.HttpRule_Get{Get: collection},
		},
		&annotations.HttpRule{
			Selector: methods + "CreateCustomer",
			Pattern:  &annotations.HttpRule_Post{Post: collection},
			Body:     "customer",
		},
	))
	if err != nil {
		return err
	}
	return serveHTTP(transcoder)
}

// inProtobufJSON returns the upstream's customer and its page in the form for vanguard-go.
func inProtobufJSON() (customer, page []byte, err error) {
	one, err1 := readCustomer(oneCustomer)
	all, err2 := readPage(aPage)
	if err := errors.Join(err1, err2); err != nil {
		return nil, nil, err
	}
	customer, err1 = protojson.Marshal(&pelcrov1.GetCustomerResponse{Customer: one})
	page, err2 = protojson.Marshal(all)
	return customer, page, errors.Join(err1, err2)
}
