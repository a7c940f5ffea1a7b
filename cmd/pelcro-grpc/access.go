package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/access"
	"github.com/pelcro-grpc/pelcro-grpc/internal/reload"
	"github.com/pelcro-grpc/pelcro-grpc/internal/servertls"
	"github.com/pelcro-grpc/pelcro-grpc/server"
)

// protection is who may connect and who may call what.
type protection struct {
	identity *servertls.Identity // nil: plain text
	callers  *access.Callers     // nil: everybody may call everything
	files    []followed
	// risks are what --insecure allowed, a sentence each.
	risks []string
}

// protection reads the files that the flags name, and returns all problems with
// them and with what would be left open.
func (c serveCommand) protection() (p *protection, problems []string) {
	p = &protection{}
	if c.TLSCert != "" || c.TLSKey != "" || c.TLSClientCA != "" {
		identity, err := servertls.New(servertls.Files{Cert: c.TLSCert, Key: c.TLSKey, ClientCA: c.TLSClientCA})
		if err == nil {
			err = p.follow("tls", identity.Names(), identity.Load)
		}
		for _, sentence := range sentences(err) {
			if flag := c.tlsFlag(sentence); flag != "" { // about a file that could not be read
				sentence = flag + sentence + "; put it there in PEM, as a file that this user may read"
			}
			problems = append(problems, sentence)
		}
		p.identity = identity
	}
	if c.AuthTokensFile != "" {
		token := access.Bearer
		if c.ForwardCredentials {
			token = access.Bare
		}
		p.callers = access.NewCallers(token)
		for _, sentence := range sentences(p.follow("callers", []string{c.AuthTokensFile}, p.callers.Load)) {
			if strings.HasPrefix(sentence, c.AuthTokensFile+" ") { // about the file, not a line of it
				sentence = "--auth-tokens-file " + sentence + "; put the lines that pelcro-grpc token prints into a file that this user may read"
			} else {
				sentence = "--auth-tokens-file " + c.AuthTokensFile + ": " + sentence
			}
			problems = append(problems, sentence)
		}
	} else if c.TLSClientCA != "" {
		problems = append(problems, "--tls-client-ca says who may connect and nobody says who may call what; set --auth-tokens-file (docs/access.md)")
	}
	p.risks = c.risks()
	if !c.Insecure {
		for _, risk := range p.risks {
			problems = append(problems, risk+", or accept that with --insecure")
		}
	}
	return p, problems
}

// tlsFlag returns the flag of the file that a sentence begins with, empty if it
// begins with something else.
func (c serveCommand) tlsFlag(sentence string) string {
	for _, each := range [][2]string{{"--tls-cert ", c.TLSCert}, {"--tls-key ", c.TLSKey}, {"--tls-client-ca ", c.TLSClientCA}} {
		if each[1] != "" && strings.HasPrefix(sentence, each[1]+" ") {
			return each[0]
		}
	}
	return ""
}

// risks are what other machines could do, each with its remedy.
func (c serveCommand) risks() (risks []string) {
	if !isAddress(c.Listen) || isLoopback(c.Listen) {
		return nil
	}
	if c.TLSCert == "" {
		risks = append(risks, fmt.Sprintf("--listen %s is open to the network without TLS, so others can read and change calls; set --tls-cert and --tls-key", c.Listen))
	}
	if c.AuthTokensFile == "" {
		risks = append(risks, fmt.Sprintf("--listen %s is open to the network and to every caller there; set --auth-tokens-file", c.Listen))
	}
	return risks
}

// isLoopback reports whether only this machine can reach the address.
func isLoopback(address string) bool {
	host, _, _ := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// follow reads the files, and has them followed later.
func (p *protection) follow(what string, names []string, adopt func([][]byte) error) error {
	files, err := reload.Open(names, adopt)
	if err == nil {
		p.files = append(p.files, followed{what, files})
	}
	return err
}

// tlsConfig is nil for plain text.
func (p *protection) tlsConfig() *tls.Config {
	if p.identity == nil {
		return nil
	}
	return p.identity.Config()
}

// register shows when the service's certificate expires.
func (p *protection) register(registry prometheus.Registerer) {
	if p.identity == nil {
		return
	}
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "pelcro_grpc_tls_certificate_expiry_timestamp_seconds",
		Help: "When the service's certificate expires, in seconds since 1970.",
	}, func() float64 { return float64(p.identity.NotAfter().Unix()) }))
}

// authorize is nil where everybody may call everything.
func (p *protection) authorize() server.Authorize {
	if p.callers == nil {
		return nil
	}
	return func(token []string, chain []*x509.Certificate, method string) (string, error) {
		caller, reason := p.callers.Authorize(token, chain, method)
		switch reason {
		case pelcrov1.ErrorReason_ERROR_REASON_UNSPECIFIED:
			return caller, nil
		case pelcrov1.ErrorReason_GATEWAY_PERMISSION_DENIED:
			return caller, server.ErrPermissionDenied
		}
		return caller, server.ErrUnauthenticated
	}
}
