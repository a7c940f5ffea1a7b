package customers

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
)

// filterEvidence is what this process has seen of Pelcro's filter by metadata. That an id is not
// found says nothing until the filter has found something: it might find nothing ever, or ignore the
// condition.
type filterEvidence struct {
	works   atomic.Bool // it has found a customer by its request_id
	isTried atomic.Bool // it was tried after a create
	isBad   atomic.Bool // it did not find what exists, or ignores the condition
	logger  *slog.Logger
}

func newFilterEvidence(config Config) *filterEvidence {
	e := &filterEvidence{logger: config.Logger}
	if config.Metrics != nil {
		config.Metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "pelcro_grpc_request_id_filter_broken",
			Help: "1 if Pelcro's filter by metadata does not find customers by their request_id: a create whose response is lost then stays unknown.",
		}, func() float64 {
			if e.isBad.Load() {
				return 1
			}
			return 0
		}))
	}
	return e
}

func (e *filterEvidence) found() {
	e.works.Store(true)
	if e.isBad.Swap(false) {
		e.logger.Info("Pelcro's filter by metadata finds customers by their request_id")
	}
}

// fails records that the filter does not work, for the reason given.
func (e *filterEvidence) fails(reason string) {
	e.works.Store(false)
	if !e.isBad.Swap(true) {
		e.logger.Warn("Pelcro's filter by metadata does not find customers by their request_id: "+
			"creates whose response is lost stay unknown, and are not repeated", "reason", reason)
	}
}

// lookUp returns the customer with the request_id, nil if Pelcro shows none. conclusive says that
// there is none then. If several have the id, it is the first of them.
func (s *service) lookUp(ctx context.Context, siteID int32, id string) (customer *pelcrov1.Customer, conclusive bool, err error) {
	const enough = 2 // to notice a filter that is ignored
	rows, err := s.find(ctx, siteID, pelcro.Filter{Attribute: metadataPrefix + s.config.RequestIDKey, Operator: "eq", Values: []string{id}}, enough)
	if err != nil {
		return nil, false, err
	}
	for _, row := range rows {
		if strings.EqualFold(row.GetRequestId(), id) {
			s.filter.found()
			return row, false, nil
		}
	}
	if len(rows) > 0 {
		s.filter.fails("the filter is ignored")
	}
	return nil, s.filter.works.Load(), nil
}

// find returns the first customers that meet the condition. A filter that Pelcro rejects finds
// nothing.
func (s *service) find(ctx context.Context, siteID int32, condition pelcro.Filter, limit int) ([]*pelcrov1.Customer, error) {
	response, err := s.pelcro.FindCustomers(ctx, siteID, condition, limit)
	if err != nil {
		if isRejectedQuery(err) {
			s.filter.fails("the filter is rejected")
			return nil, nil
		}
		return nil, err
	}
	defer response.Release()
	return s.readMany(response)
}

func isRejectedQuery(err error) bool {
	failed, ok := errors.AsType[*pelcro.Error](err)
	return ok && failed.Response != nil &&
		(failed.Response.StatusCode == http.StatusBadRequest || failed.Response.StatusCode == http.StatusUnprocessableEntity)
}

// lookUpSent is lookUp for a create that may have been sent. Before it says that there is no
// customer, it has the filter find another one, if it has not yet: after a restart, for example.
func (s *service) lookUpSent(ctx context.Context, siteID int32, id string) (customer *pelcrov1.Customer, conclusive bool, err error) {
	customer, conclusive, err = s.lookUp(ctx, siteID, id)
	if customer != nil || conclusive || err != nil {
		return customer, conclusive, err
	}
	rows, err := s.find(ctx, siteID, pelcro.Filter{Attribute: "metadata", Operator: "has", Values: []string{s.config.RequestIDKey}}, 1)
	if err != nil || len(rows) == 0 || rows[0].GetRequestId() == "" {
		return nil, false, err
	}
	if _, _, err := s.lookUp(ctx, siteID, rows[0].GetRequestId()); err != nil {
		return nil, false, err
	}
	return nil, s.filter.works.Load(), nil
}

// tryTime bounds the look-up after the first create, whose response waits for it.
const tryTime = 2 * time.Second

// tryFilter looks the first customer up that was created with an id.
func (s *service) tryFilter(ctx context.Context, siteID int32, id string) {
	if s.filter.works.Load() || s.filter.isTried.Swap(true) {
		return
	}
	limited, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	customer, _, err := s.lookUp(limited, siteID, id)
	switch {
	case err != nil:
		s.filter.isTried.Store(false) // the next create tries
	case customer == nil:
		s.filter.fails("a customer that was just created is not found")
	}
}
