package main

import (
	"encoding/json"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"time"

	"connectrpc.com/vanguard"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

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
			r.Out.URL.Scheme, r.Out.URL.Host = to.Scheme, to.Host
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
	listener, err := listen()
	if err != nil {
		return err
	}
	s := &http.Server{Handler: transcoder, ReadHeaderTimeout: time.Minute, Protocols: new(http.Protocols)}
	s.Protocols.SetUnencryptedHTTP2(true)
	return s.Serve(listener)
}

// bothForms returns the upstream's customer and its page in Pelcro's form (false) and in protobuf's
// JSON form for vanguard-go (true).
func bothForms() (customers, pages map[bool][]byte, err error) {
	customers, pages = map[bool][]byte{false: oneCustomer}, map[bool][]byte{false: aPage}
	var one struct {
		Data plainCustomer `json:"data"`
	}
	var page struct {
		Data []plainCustomer `json:"data"`
	}
	if err := json.Unmarshal(oneCustomer, &one); err != nil {
		return nil, nil, err
	}
	if err := json.Unmarshal(aPage, &page); err != nil {
		return nil, nil, err
	}
	get, list := &pelcrov1.GetCustomerResponse{}, &pelcrov1.ListCustomersResponse{TotalSize: 1000}
	if get.Customer, err = one.Data.message(); err != nil {
		return nil, nil, err
	}
	for i := range page.Data {
		customer, err := page.Data[i].message()
		if err != nil {
			return nil, nil, err
		}
		list.Customers = append(list.Customers, customer)
	}
	for message, into := range map[proto.Message]map[bool][]byte{get: customers, list: pages} {
		if into[true], err = protojson.Marshal(message); err != nil {
			return nil, nil, err
		}
	}
	return customers, pages, nil
}
