package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pelcro-grpc/pelcro-grpc/internal/access"
	"github.com/pelcro-grpc/pelcro-grpc/internal/admin"
	"github.com/pelcro-grpc/pelcro-grpc/internal/reload"
	"github.com/pelcro-grpc/pelcro-grpc/internal/servertls"
	"github.com/pelcro-grpc/pelcro-grpc/server"
)

// protection is who may connect and who may call what.
type protection struct {
	identity *servertls.Identity // nil: plain text
	callers  *access.Callers     // nil: everyone may call everything
	files    []followed
	// risks are what --insecure allowed, a sentence each.
	risks []string
}

// protection reads the files that the flags name, and adds all problems with them and with what would
// be open to other machines.
func (c serveCommand) protection(found *problems) *protection {
	p := &protection{risks: c.risks()}
	if problem := c.incompleteTLS(); problem != "" {
		found.addf("%s", problem)
	} else if c.TLSCert != "" {
		p.identity = servertls.New(servertls.Files{Cert: c.TLSCert, Key: c.TLSKey, ClientCA: c.TLSClientCA})
		if err := p.follow("tls", p.identity.Names(), p.identity.Load); err != nil {
			for _, each := range unjoin(err) {
				*found = append(*found, c.tlsProblem(each))
			}
		}
	}
	if c.AuthTokensFile != "" {
		token := access.Bearer
		if c.ForwardCredentials {
			token = access.Bare
		}
		p.callers = access.NewCallers(token)
		if err := p.follow("callers", []string{c.AuthTokensFile}, p.callers.Load); err != nil {
			for _, each := range unjoin(err) {
				*found = append(*found, c.callersProblem(each))
			}
		} else {
			p.files[len(p.files)-1].warnings = func() []string { return p.callers.Unknown(servedMethods()) }
		}
	} else if c.TLSClientCA != "" {
		found.addf("--tls-client-ca says who may connect, but nothing says who may call what; set --auth-tokens-file (docs/access.md)")
	}
	if !c.Insecure {
		for _, risk := range p.risks {
			found.addf("%s, or accept that with --insecure", risk)
		}
	}
	return p
}

// incompleteTLS returns the problem with flags of TLS of which others are missing.
func (c serveCommand) incompleteTLS() string {
	switch {
	case c.TLSCert != "" && c.TLSKey == "":
		return "--tls-cert is set without --tls-key; set both, or neither for plain text"
	case c.TLSCert == "" && c.TLSKey != "":
		return "--tls-key is set without --tls-cert; set both, or neither for plain text"
	case c.TLSCert == "" && c.TLSClientCA != "":
		return "--tls-client-ca is set without --tls-cert and --tls-key; callers can prove who they are over TLS only, so set all three"
	}
	return ""
}

// unjoin returns the errors that were joined.
func unjoin(err error) []error {
	if joined, ok := errors.AsType[interface {
		error
		Unwrap() []error
	}](err); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// tlsProblem puts the flag in front of an error about a file of TLS.
func (c serveCommand) tlsProblem(err error) error {
	flags := map[string]string{c.TLSClientCA: "--tls-client-ca", c.TLSKey: "--tls-key", c.TLSCert: "--tls-cert"}
	if unreadable, ok := errors.AsType[*reload.FileError](err); ok {
		return fmt.Errorf("%s %w; put it there in PEM, as a file that this user may read", flags[unreadable.Name], err)
	}
	if invalid, ok := errors.AsType[*servertls.FileError](err); ok {
		return fmt.Errorf("%s %w", flags[invalid.Name], err)
	}
	return err
}

// callersProblem puts the flag in front of an error about the callers file.
func (c serveCommand) callersProblem(err error) error {
	if _, ok := errors.AsType[*reload.FileError](err); ok {
		return fmt.Errorf("--auth-tokens-file %w; put the lines that pelcro-grpc token prints into a file that this user may read", err)
	}
	return fmt.Errorf("--auth-tokens-file %s: %w", c.AuthTokensFile, err)
}

// risks are what other machines could do, each with its remedy.
func (c serveCommand) risks() (risks []string) {
	if !isAddress(c.Listen) || admin.IsLoopback(c.Listen) {
		return nil
	}
	open := "--listen " + c.Listen + " is open to the network "
	if c.TLSCert == "" {
		risks = append(risks, open+"without TLS, so others can read and change calls; set --tls-cert and --tls-key")
	}
	if c.AuthTokensFile == "" {
		risks = append(risks, open+"and to every caller there; set --auth-tokens-file")
	}
	return risks
}

// follow reads the files, and lists them to be followed later.
func (p *protection) follow(what string, names []string, adopt func([][]byte) error) error {
	files, err := reload.Open(names, adopt)
	if err == nil {
		p.files = append(p.files, followed{what: what, files: files})
	}
	return err
}

// warnings are what is suspicious about the files in use, a sentence each.
func (p *protection) warnings() (all []string) {
	for _, each := range p.files {
		if each.warnings != nil {
			all = append(all, each.warnings()...)
		}
	}
	return all
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

// authorize is nil where everyone may call everything.
func (p *protection) authorize() server.Authorize {
	if p.callers == nil {
		return nil
	}
	return func(token []string, chain []*x509.Certificate, method string) (server.Caller, error) {
		caller, err := p.callers.Authorize(token, chain, method)
		switch {
		case errors.Is(err, access.ErrPermissionDenied):
			return server.Caller(caller), server.ErrPermissionDenied
		case err != nil:
			return server.Caller{}, server.ErrUnauthenticated
		}
		return server.Caller(caller), nil
	}
}
