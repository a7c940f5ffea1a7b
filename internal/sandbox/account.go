package sandbox

import (
	"net/http"
	"strings"
)

// account is what Pelcro documents of an account. Whether Pelcro needs the site for it is not
// documented; here it does, like everything else.
type account struct {
	ID              int64  `json:"id"`
	Company         string `json:"company"`
	Country         string `json:"country"`
	DefaultCurrency string `json:"default_currency"`
	IsEnterprise    bool   `json:"is_enterprise"`
	TaxesEnabled    bool   `json:"taxes_enabled"`
	RateLimit       int    `json:"api_core_rate_limit"`
}

func isAccount(r *http.Request) bool {
	return strings.TrimRight(r.URL.Path, "/") == BasePath+"/account"
}

// account responds with the account of the key, whose limit is that of this sandbox.
func (s *Sandbox) account(w http.ResponseWriter) {
	respond(w, http.StatusOK, struct {
		Data account `json:"data"`
	}{account{ID: 1, Company: "Sandbox", Country: "CA", DefaultCurrency: "cad", RateLimit: s.throttle.limit}})
}
