package pelcro

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
)

// ParseBaseURL reads the address of the API, for example https://www.pelcro.com/api/v1/core. Plain
// http is for loopback only, since it shows the API key to the network; user, query and fragment
// are rejected. The error says what to do instead.
func ParseBaseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		// The parser's error repeats the address, which may hold a password.
		return nil, errors.New("is not a URL; use one like https://www.pelcro.com/api/v1/core")
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return nil, errors.New("must begin with https:// and name a host, for example https://www.pelcro.com/api/v1/core")
	case u.User != nil:
		return nil, errors.New("must not hold a user or password; the key has a setting of its own")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("must not hold a query or fragment; end it after the path")
	case !isPort(u.Port()):
		return nil, errors.New("names a port that does not exist; ports go from 1 to 65535")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return nil, errors.New("would show the API key to the network; use https:// (http:// is for loopback only)")
	}
	return u, nil
}

// isPort reports whether s is a port or, for the scheme's own, empty.
func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return s == "" || err == nil && n > 0
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
