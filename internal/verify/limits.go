package verify

import (
	"fmt"
	"strings"

	"github.com/pelcro-grpc/pelcro-grpc/internal/retryafter"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// limits is what Pelcro says of its rate limit.
type limits struct {
	account int64 // requests a minute, 0 if unknown
	header  int64 // X-RateLimit-Limit, 0 if unknown
	// unreadable are the names of headers that cannot be read.
	unreadable []string
}

// note reads the headers of a response. An intermediary has limits of its own, and a response to a
// wrong key may have none.
func (l *limits) note(e *Exchange) {
	if e.Origin == mapping.OriginIntermediary {
		return
	}
	if limit := retryafter.Limit(e.response.Header); limit > 0 {
		l.header = limit
	}
	if names := retryafter.Unreadable(e.response.Header); names != nil {
		l.unreadable = names
	}
}

// compare adds the differences to the first request, which asks for the account.
func (l *limits) compare(report *Report) {
	e := report.Requests[0]
	if l.unreadable != nil {
		names := strings.Join(l.unreadable, ", ")
		e.differs("headers that cannot be read: "+names, effect(quota, Limited, "they are ignored"))
	}
	switch {
	case l.header == 0 && l.account == 0:
		e.differs("no response has X-RateLimit-Limit", effect(quota, Fails, "the limit is unknown; set it"))
	case l.header == 0:
		e.differs("no response has X-RateLimit-Limit", effect(quota, Limited, "what other programs use of the limit is not seen"))
	case l.account != 0 && l.account != l.header:
		e.differs(fmt.Sprintf("the account allows %d requests a minute, X-RateLimit-Limit says %d", l.account, l.header),
			effect(quota, Limited, "the lower limit counts"))
	}
}
