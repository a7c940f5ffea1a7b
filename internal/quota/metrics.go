package quota

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// waitBuckets are in seconds, up to a window and more.
var waitBuckets = []float64{.001, .01, .1, .5, 1, 2.5, 5, 10, 20, 30, 60, 120}

// Metrics count what quotas do; one for all quotas of a process.
type Metrics struct {
	waited      *prometheus.HistogramVec
	rejections  *prometheus.CounterVec
	redisErrors prometheus.Counter

	quotas sync.Map // the open ones, as keys
}

// NewMetrics registers the metrics.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	m := &Metrics{
		waited: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "pelcro_grpc_quota_wait_seconds",
			Help:    "Time that requests to Pelcro waited for Pelcro's rate limit before they were sent.",
			Buckets: waitBuckets,
		}, []string{"class"}),
		rejections: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pelcro_grpc_quota_rejected_total",
			Help: "Requests to Pelcro that were not sent because the rate limit left none before the call's deadline.",
		}, []string{"class"}),
		redisErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "pelcro_grpc_quota_redis_errors_total",
			Help: "Requests to Redis that failed or took more than 50 ms.",
		}),
	}
	registry.MustRegister(m.waited, m.rejections, m.redisErrors)
	for _, class := range []Class{Interactive, Bulk} {
		m.waited.WithLabelValues(class.String())
		m.rejections.WithLabelValues(class.String())
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "pelcro_grpc_quota_waiting", Help: "Requests to Pelcro that wait for its rate limit.",
			ConstLabels: prometheus.Labels{"class": class.String()},
		}, func() float64 { return m.sum(func(q *Quota) int { return len(q.queue.lines[class].waiting) }) }))
	}
	registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "pelcro_grpc_quota_limit",
			Help: "Requests that may be sent to Pelcro in a window, 0 while that is unknown.",
		}, func() float64 { return m.sum(func(q *Quota) int { return q.forecast(time.Now()).limit }) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "pelcro_grpc_quota_remaining",
			Help: "Requests that may be sent to Pelcro now.",
		}, func() float64 { return m.sum(func(q *Quota) int { return q.forecast(time.Now()).remaining() }) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "pelcro_grpc_quota_redis_up",
			Help: "Whether the log in Redis is in use: 0 if each replica continues with its part, and without Redis.",
		}, func() float64 { return m.sum(func(q *Quota) int { return q.fleet.ups() }) }),
	)
	return m
}

// sum adds something of all quotas up.
func (m *Metrics) sum(of func(*Quota) int) float64 {
	total := 0
	for key := range m.quotas.Range {
		if q, ok := key.(*Quota); ok {
			q.mu.Lock()
			total += of(q)
			q.mu.Unlock()
		}
	}
	return float64(total)
}

func (m *Metrics) granted(w *waiter, now time.Time) {
	m.waited.WithLabelValues(w.class.String()).Observe(now.Sub(w.arrived).Seconds())
}

func (m *Metrics) rejected(w *waiter) { m.rejections.WithLabelValues(w.class.String()).Inc() }
