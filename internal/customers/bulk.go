package customers

import "github.com/prometheus/client_golang/prometheus"

// bulkMetrics count what batches and streams return.
type bulkMetrics struct{ batched, streamed prometheus.Counter }

func newBulkMetrics(config Config) *bulkMetrics {
	returned := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "pelcro_grpc_bulk_customers_total",
		Help: "Customers that bulk reads returned.",
	}, []string{"grpc_method"})
	if config.Metrics != nil {
		config.Metrics.MustRegister(returned)
	}
	return &bulkMetrics{returned.WithLabelValues("BatchGetCustomers"), returned.WithLabelValues("StreamCustomers")}
}
